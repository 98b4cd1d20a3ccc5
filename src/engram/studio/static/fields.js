// Receptive fields in one grid, as in engram's figures; and single pictures.
import { palette } from "./colours.js";
import { colour, h, isDark, shown } from "./dom.js";

/** Draw one picture of bytes, each pixel a square. */
export function drawPicture(canvas, pixels, [height, width], kind = "amount") {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const colours = palette(kind, isDark(canvas));
  const target = new Uint32Array(image.data.buffer);
  for (let i = 0; i < target.length; i++) target[i] = colours[pixels[i]];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A canvas with one picture and the words for it. */
export function picture(pixels, shape, { kind = "amount", size = 56, label = "" } = {}) {
  const canvas = h("canvas", { class: "picture", role: "img", "aria-label": label, style: { width: `${size}px` } });
  canvas.redraw = () => drawPicture(canvas, pixels, shape, kind);
  canvas.redraw();
  return canvas;
}

/** The grid of all fields. A neuron is chosen by a click, or by the arrow keys and Enter. */
export class FieldGrid {
  /**
   * @param {(neuron: number) => void} onPick
   * @param {(text: string) => void} onPoint told in words what the pointer is at
   * @param {boolean} framesFired whether neurons that fired for the last image stand out
   */
  constructor({ onPick = () => {}, onPoint = () => {}, framesFired = true } = {}) {
    this.framesFired = framesFired;
    this.onPick = onPick;
    this.onPoint = onPoint;
    this.data = null;
    this.place = -1;
    this.chosen = new Set();
    this.canvas = h("canvas", {
      class: "fields",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "grid of receptive fields",
      "aria-label": "Receptive fields. Arrow keys move from neuron to neuron, Enter looks inside.",
      onclick: (event) => this.pick(this.placeAt(event)),
      onmousemove: (event) => this.point(this.placeAt(event)),
      onmouseleave: () => this.point(-1),
      onkeydown: (event) => this.key(event),
    });
    this.raw = document.createElement("canvas");
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
  }

  /**
   * Show other fields: `fields`, `neurons`, `labels`, `norms`, `theta`, `counts`, `shape`, `signed`, `classes`, and
   * `places` where they are to be in another order.
   */
  set(data) {
    this.data = inPlaces(data);
    this.paint();
    this.draw();
  }

  /** Put frames around some neurons. */
  choose(neurons) {
    this.chosen = new Set(neurons);
    this.draw();
  }

  get layout() {
    const [height, width] = this.data.shape;
    const n = this.data.neurons.length;
    const columns = Math.min(n, Math.max(1, Math.ceil(Math.sqrt((n * height) / width))));
    const rows = Math.ceil(n / columns);
    return { height, width, n, columns, rows, across: columns * (width + 1) + 1, down: rows * (height + 1) + 1 };
  }

  /** One pixel of the picture for each weight. */
  paint() {
    const { height, width, n, columns, across, down } = this.layout;
    const dark = isDark(this.canvas);
    const colours = palette(this.data.signed ? "signed" : "amount", dark);
    const target = this.pixels(across, down);
    target.fill(dark ? 0xff37302c : 0xffe4e4e4);
    const { fields, columnOf } = this.data;
    for (let k = 0; k < n; k++) {
      const top = Math.floor(k / columns) * (height + 1) + 1;
      const left = (k % columns) * (width + 1) + 1;
      let from = columnOf ? columnOf[k] : k;
      for (let row = 0; row < height; row++) {
        let to = (top + row) * across + left;
        for (const end = to + width; to < end; from += n) target[to++] = colours[fields[from]];
      }
    }
    this.raw.getContext("2d").putImageData(this.image, 0, 0);
  }

  /** The pixels of the picture, made anew only for another size. */
  pixels(across, down) {
    if (this.image?.width !== across || this.image.height !== down) {
      this.image = new ImageData(across, down);
      [this.raw.width, this.raw.height] = [across, down];
    }
    return new Uint32Array(this.image.data.buffer);
  }

  draw() {
    if (!this.data || !this.canvas.clientWidth) return;
    const { height, width, n, columns, across, down } = this.layout;
    const ratio = window.devicePixelRatio || 1;
    const scale = (this.canvas.clientWidth * ratio) / across;
    const size = [Math.round(across * scale), Math.round(down * scale)];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) [this.canvas.width, this.canvas.height] = size;
    const context = this.canvas.getContext("2d", { alpha: false });
    context.imageSmoothingEnabled = scale < 2;
    context.drawImage(this.raw, 0, 0, ...size);
    const [accent, warm] = [colour("accent", this.canvas), colour("warm", this.canvas)];
    for (let k = 0; k < n; k++) {
      const isChosen = this.chosen.has(this.data.neurons[k]);
      if (!((this.framesFired && this.data.counts[k] > 0) || isChosen || k === this.place)) continue;
      const left = (k % columns) * (width + 1) * scale;
      const top = Math.floor(k / columns) * (height + 1) * scale;
      context.strokeStyle = k === this.place ? accent : warm;
      context.lineWidth = Math.min(5 * ratio, Math.max(1.5 * ratio, (isChosen || k === this.place ? 1.6 : 1) * scale));
      context.strokeRect(left + scale / 2, top + scale / 2, (width + 1) * scale, (height + 1) * scale);
    }
    if (height * scale > 22 * ratio) context.drawImage(this.marks(scale, ratio), 0, 0);
  }

  /** What each neuron means, in its corner; drawn anew only when that or the size changes. */
  marks(scale, ratio) {
    const { height, width, n, columns } = this.layout;
    const key = `${this.canvas.width} ${isDark(this.canvas)} ${this.data.classes} ${this.data.labels}`;
    if (this.markKey === key) return this.marked;
    this.markKey = key;
    this.marked = document.createElement("canvas");
    this.marked.width = this.canvas.width;
    this.marked.height = this.canvas.height;
    const context = this.marked.getContext("2d");
    context.font = `600 ${Math.max(8 * ratio, Math.min(12 * ratio, 0.29 * height * scale))}px system-ui, sans-serif`;
    context.textBaseline = "bottom";
    context.lineJoin = "round";
    context.strokeStyle = colour("surface", this.canvas);
    context.fillStyle = colour("warm", this.canvas);
    context.lineWidth = 3 * ratio;
    for (let k = 0; k < n; k++) {
      const name = this.nameOf(k);
      if (!name || name.length > 2) continue;
      const place = [((k % columns) * (width + 1) + 2.5) * scale, (Math.floor(k / columns) * (height + 1) + height + 0.8) * scale];
      context.strokeText(name, ...place);
      context.fillText(name, ...place);
    }
    return this.marked;
  }

  nameOf(place) {
    const label = this.data.labels[place];
    return label >= 0 ? this.data.classes[label] : "";
  }

  placeAt(event) {
    if (!this.data) return -1;
    const { height, width, n, columns, across } = this.layout;
    const scale = this.canvas.clientWidth / across;
    const column = Math.floor(event.offsetX / scale / (width + 1));
    const place = Math.floor(event.offsetY / scale / (height + 1)) * columns + column;
    return column < columns && place < n ? place : -1;
  }

  point(place) {
    if (place === this.place || !this.data) return;
    this.place = place;
    this.draw();
    this.onPoint(place < 0 ? "" : this.describe(place));
  }

  pick(place) {
    if (place >= 0 && this.data) this.onPick(this.data.neurons[place]);
  }

  key(event) {
    if (!this.data) return;
    const { n, columns } = this.layout;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    if (event.key in steps) {
      const place = this.place < 0 ? 0 : this.place + steps[event.key];
      this.point(Math.min(n - 1, Math.max(0, place)));
    } else if (event.key === "Enter" || event.key === " ") this.pick(this.place);
    else return;
    event.preventDefault();
  }

  describe(place) {
    const name = this.nameOf(place);
    const kind = this.data.kind === "filters" ? "Filter" : "Neuron";
    const means = name ? `, answers mostly to “${name}”` : this.data.isRead === false || kind === "Filter" ? "" : ", no label yet";
    return (
      `${kind} ${this.data.neurons[place]}${means}` +
      ` · weights add up to ${shown(this.data.norms[place])} · threshold +${shown(this.data.theta[place])} mV` +
      (this.framesFired && this.data.counts[place] ? ` · ${this.data.counts[place]} spikes for the last image` : "")
    );
  }
}

/** What is known of each neuron, in the order of the places; the fields, which are large, stay where they lie. */
function inPlaces({ places, ...data }) {
  if (!places) return data;
  for (const name of ["neurons", "labels", "norms", "theta", "counts"]) data[name] = data[name].map((_, k, values) => values[places[k]]);
  return { ...data, columnOf: places };
}
