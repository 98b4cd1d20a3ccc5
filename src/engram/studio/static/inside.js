// Look inside: one neuron, one pixel, and the images behind every confusion.
import { Curve } from "./curves.js";
import { bytes, h, percent, say, shown } from "./dom.js";
import { FieldGrid, picture } from "./fields.js";
import { ask } from "./net.js";
import { LayerChoice, card, downloads, number } from "./parts.js";

export class InsideView {
  wantsFields = true;
  keepsPath = true;
  order = "label";

  constructor(studio, asked) {
    this.studio = studio;
    this.grid = new FieldGrid({
      framesFired: false,
      onPick: (neuron) => this.lookAt(neuron),
      onPoint: (text) => (this.pointed.textContent = text || this.standing),
    });
    this.layers = new LayerChoice(studio, asked, () => this.lookAt(0));
    this.standing = "Click a neuron, or move with the arrow keys and press Enter.";
    this.pointed = h("p", { class: "hint pointed" }, this.standing);
    this.neuron = h("div", { class: "neuron" });
    this.pixel = h("div", { class: "pixel" });
    this.confusion = h("div", { class: "confusion" });
    this.behind = h("div", { class: "behind", "aria-live": "polite" });
    this.which = number("Neuron", 0, { min: 0, onchange: (value) => this.lookAt(value) });
    this.which.element.classList.add("inline");
    const compare = h("button", { onclick: () => this.showConfusion() }, "Read the test images");
    this.element = h(
      "div",
      { class: "view inside" },
      h(
        "div",
        { class: "wide" },
        (this.sheet = card("All neurons, sorted by what they mean", null, h("div", { class: "controls" }, this.which.element, this.layers.element), this.grid.canvas, this.pointed)),
        downloads(studio, [["fields", "Fields"], ["confusion", "Confusion"], ["raster", "Raster"]], [["neurons", "Neurons"], ["fields", "Weights"], ["confusion", "Confusion"], ["answers", "Answers"], ["theta", "Thresholds"]], () => `?order=label${this.layers.query()}`),
      ),
      h(
        "div",
        { class: "side" },
        card("One neuron", null, this.neuron),
        card("One pixel", "Click a pixel of the neuron's field: whom does it feed?", this.pixel),
        card("What is taken for what", "Rows are what an image shows, columns what the network read; the last, “none”, where no neuron with a label fired. Click a number to see those images.", compare, this.confusion, this.behind),
      ),
    );
    this.arrive(asked);
  }

  arrive(asked) {
    this.asked = asked;
    if (this.ready) this.follow();
  }

  take({ state, scale, arrays }) {
    if (!arrays.fields) return;
    this.grid.set({ ...arrays, ...scale, classes: state.classes, isRead: this.layers.isLast(state) });
    this.layers.show(state);
    say(this.sheet.querySelector("h2"), scale.kind === "filters" ? "All filters" : this.layers.isLast(state) ? "All neurons, sorted by what they mean" : "All neurons of the layer");
    this.shape = state.shape;
    this.state = state;
    this.which.input.max = scale.kind === "filters" ? arrays.neurons.length - 1 : this.layers.isLast(state) ? state.neurons - 1 : null;
    if (this.ready) return;
    this.ready = true;
    this.follow();
  }

  /** Look at what the address names. */
  follow() {
    const number = (name) => (this.asked.get(name) === null ? null : Number(this.asked.get(name)));
    const neuron = number("neuron") ?? this.grid.data.neurons[0];
    this.lookAt(neuron);
    if (number("pixel") !== null) this.lookAtPixel(number("pixel"));
    if (this.asked.get("cell")) this.showConfusion().then(() => this.showCell(...this.asked.get("cell").split(":")));
  }

  async lookAt(neuron) {
    const found = await this.studio.attempt(() => ask(`/api/neuron/${neuron}${this.layers.query("?")}`));
    if (!found) return;
    this.current = found;
    this.studio.remember({ neuron });
    this.grid.choose([neuron]);
    this.which.input.value = neuron;
    this.showNeuron(found);
    if (!found.is_read) return;
    const images = await this.studio.attempt(() => ask(`/api/neuron/${neuron}/images`));
    if (images && this.current === found) this.showImages(images);
  }

  showNeuron(found) {
    const name = `${found.kind === "filters" ? "Filter" : "Neuron"} ${found.neuron}`;
    const field = picture(bytes(found.field), found.shape, { kind: found.signed ? "signed" : "amount", size: 196, label: `field of ${name.toLowerCase()}` });
    field.classList.add("large");
    field.addEventListener("click", (event) => this.lookAtPixel(this.pixelAt(field, event)));
    const facts = [
      found.is_read && ["answers mostly to", found.label ?? "nothing yet"],
      ["weights add up to", shown(found.norm)],
      found.threshold === null ? ["its threshold has risen by", shown(found.theta)] : ["fires at", `${shown(found.threshold)} mV`],
    ].filter(Boolean);
    const none = found.kind === "filters" ? "All places of the image share this filter. Draw a digit to see where it answers." : "Which images it answers to is counted for the layer that is read.";
    this.images = h("div", { class: "images" }, h("p", { class: "hint" }, found.is_read ? "Looking which test images it answers to …" : none));
    const history = new Curve({ title: "Its threshold above rest (mV); dashed: all neurons", lines: [{ label: "this neuron", colour: "warm" }, { label: "mean", colour: "muted", dash: [4, 4], width: 1 }], height: 110 });
    this.neuron.replaceChildren(
      h("div", { class: "pair" }, field, h("div", {}, h("h3", {}, name), h("dl", { class: "facts column" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))), this.profile(found))),
      this.images,
      history.element,
    );
    this.history = history;
    history.set([found.theta_examples, found.theta_history, found.theta_mean]);
    this.of = found.shape;
    if (found.theta_examples.length < 2) history.element.replaceWith(h("p", { class: "hint" }, "How its threshold grew is kept for networks that learn in the studio, of the layer that is read."));
  }

  profile({ profile }) {
    if (!profile.length) return null;
    const most = Math.max(...profile, 1e-9);
    return h(
      "ol",
      { class: "scores narrow", "aria-label": "Spikes for an image of each class" },
      profile.map((mean, k) => h("li", { class: mean === most ? "best" : null }, h("span", { class: "name" }, this.state.classes[k]), h("span", { class: "bar", "aria-hidden": "true" }, h("span", { style: { width: `${(100 * mean) / most}%` } })), h("span", { class: "numbers" }, shown(mean, 2)))),
    );
  }

  showImages({ images, n_images }) {
    const some = images.slice(0, 12);
    this.images.replaceChildren(
      h("p", { class: "hint" }, some.length ? `Of ${shown(n_images)} test images it answers these most:` : `It answers none of ${shown(n_images)} test images.`),
      h("ul", { class: "row" }, some.map((one) => this.imageOf(one, `${one.spikes} ${one.spikes === 1 ? "spike" : "spikes"}`))),
    );
  }

  imageOf(one, caption) {
    const said = one.answer === null ? `a ${one.label}` : one.answer === "none" ? `a ${one.label}, without an answer` : `a ${one.label}, read as ${one.answer}`;
    return h("li", {}, h("a", { href: `#/draw?of=current&sample=${one.number}`, "aria-label": `Test image ${one.number}, ${said}, ${caption}: read it` }, picture(bytes(one.pixels), this.shape, { size: 48, label: said }), h("span", { class: "hint" }, caption)));
  }

  pixelAt(canvas, event) {
    const [height, width] = this.of;
    const box = canvas.getBoundingClientRect();
    const column = Math.min(width - 1, Math.floor(((event.clientX - box.left) * width) / box.width));
    return Math.min(height - 1, Math.floor(((event.clientY - box.top) * height) / box.height)) * width + column;
  }

  async lookAtPixel(pixel) {
    const found = await this.studio.attempt(() => ask(`/api/pixel/${pixel}${this.layers.query("?")}`));
    if (!found) return;
    this.studio.remember({ pixel });
    const strongest = Math.max(...found.weights.map(Math.abs), 1e-9);
    const side = Math.ceil(Math.sqrt(found.weights.length));
    const cells = new Uint8Array(side * side);
    this.grid.data.neurons.forEach((neuron, place) => (cells[place] = Math.round((255 * Math.abs(found.weights[neuron])) / strongest)));
    const [height, width] = found.shape;
    const row = number("Row", found.row, { min: 0, max: height - 1, onchange: (value) => this.lookAtPixel(value * width + found.column) });
    const column = number("Column", found.column, { min: 0, max: width - 1, onchange: (value) => this.lookAtPixel(found.row * width + value) });
    this.pixel.replaceChildren(
      h("div", { class: "form two" }, row.element, column.element),
      h(
        "div",
        { class: "pair" },
        picture(cells, [side, side], { size: 120, label: `weights of the pixel onto every neuron, in the order of the grid` }),
        h(
          "div",
          {},
          h("p", { class: "hint" }, `Its weights add up to ${shown(found.sum)}. It feeds most:`),
          h("ol", { class: "feeds" }, found.neurons.slice(0, 8).map(({ neuron, weight, label }) => h("li", {}, h("button", { class: "plain", onclick: () => this.lookAt(neuron) }, `${this.grid.data.kind === "filters" ? "filter" : "neuron"} ${neuron}${label === null ? "" : ` (${label})`}`), h("span", { class: "numbers" }, shown(weight))))),
        ),
      ),
    );
  }

  async showConfusion() {
    const found = await this.studio.attempt(() => ask("/api/confusion"));
    if (!found) return;
    const most = found.matrix.map((row) => Math.max(1, row.reduce((sum, value) => sum + value, 0)));
    const columns = [...found.classes, "none"];
    const cellOf = (row, column) => {
      const count = found.matrix[row][column];
      const share = Math.sqrt(count / most[row]);
      const names = `${found.classes[row]} ${column < found.classes.length ? `read as ${columns[column]}` : "without an answer"}: ${count}`;
      const button = count ? h("button", { class: `cell ${row === column ? "right" : "wrong"}`, "aria-label": names, onclick: () => this.showCell(found.labels[row], found.labels[column] ?? "none") }, count) : "";
      if (count) button.style.setProperty("--share", share.toFixed(2));
      return h("td", {}, button);
    };
    this.confusion.replaceChildren(
      h("p", {}, h("strong", {}, percent(found.accuracy)), ` of ${shown(found.n_images)} test images read rightly.`),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), columns.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, found.classes.map((name, row) => h("tr", {}, h("th", { scope: "row" }, name), columns.map((_, column) => cellOf(row, column))))))),
    );
  }

  async showCell(label, answer) {
    const found = await this.studio.attempt(() => ask(`/api/confusion/${label}/${answer}`));
    if (!found) return;
    this.studio.remember({ cell: `${label}:${answer}` });
    const [shows, read] = found.images.length ? [found.images[0].label, found.images[0].answer] : [label, answer];
    this.behind.replaceChildren(
      h("p", { class: "hint" }, `${shown(found.n)} images of ${shows} ${answer === "none" ? "without an answer" : `read as ${read}`}${found.n > found.images.length ? `, ${found.images.length} of them:` : ":"}`),
      h("ul", { class: "row" }, found.images.map((one) => this.imageOf(one, `no. ${one.number}`))),
    );
  }

  recolour() {
    if (this.grid.data) this.grid.set(this.grid.data);
    this.history?.redraw();
    this.element.querySelectorAll("canvas.picture").forEach((canvas) => canvas.redraw());
  }
}
