// Look inside: one neuron, one pixel, and the images behind every confusion.
import { Curve } from "./curves.js";
import { bytes, h, percent, shown } from "./dom.js";
import { FieldGrid, picture } from "./fields.js";
import { ask } from "./net.js";
import { card, downloads, number } from "./parts.js";

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
        card("All neurons, sorted by what they mean", null, this.which.element, this.grid.canvas, this.pointed),
        downloads(studio, [["fields", "Fields"], ["confusion", "Confusion"], ["raster", "Raster"]], [["neurons", "Neurons"], ["fields", "Weights"], ["confusion", "Confusion"], ["answers", "Answers"], ["theta", "Thresholds"]], () => "?order=label"),
      ),
      h(
        "div",
        { class: "side" },
        card("One neuron", null, this.neuron),
        card("One pixel", "Click a pixel of the neuron's field: whom does it feed?", this.pixel),
        card("What is taken for what", "Rows are what an image shows, columns what the network read. Click a number to see those images.", compare, this.confusion, this.behind),
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
    this.grid.set({ ...arrays, shape: scale.shape, signed: scale.signed, classes: state.classes });
    this.shape = scale.shape;
    this.state = state;
    this.which.input.max = state.neurons - 1;
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
    if (this.asked.get("cell")) this.showConfusion().then(() => this.showCell(...this.asked.get("cell").split("-").map(Number)));
  }

  async lookAt(neuron) {
    const found = await this.studio.attempt(() => ask(`/api/neuron/${neuron}`));
    if (!found) return;
    this.current = found;
    this.studio.remember({ neuron });
    this.grid.choose([neuron]);
    this.which.input.value = neuron;
    this.showNeuron(found);
    const images = await this.studio.attempt(() => ask(`/api/neuron/${neuron}/images`));
    if (images && this.current === found) this.showImages(images);
  }

  showNeuron(found) {
    const signed = this.grid.data.signed;
    const field = picture(bytes(found.field), this.shape, { kind: signed ? "signed" : "amount", size: 196, label: `field of neuron ${found.neuron}` });
    field.classList.add("large");
    field.addEventListener("click", (event) => this.lookAtPixel(this.pixelAt(field, event)));
    const facts = [
      ["answers mostly to", found.label ?? "nothing yet"],
      ["weights add up to", shown(found.norm)],
      ["fires at", `${shown(found.threshold)} mV`],
    ];
    this.images = h("div", { class: "images" }, h("p", { class: "hint" }, "Looking which test images it answers to …"));
    const history = new Curve({ title: "Its threshold above rest (mV); dashed: all neurons", lines: [{ label: "this neuron", colour: "warm" }, { label: "mean", colour: "muted", dash: [4, 4], width: 1 }], height: 110 });
    this.neuron.replaceChildren(
      h("div", { class: "pair" }, field, h("div", {}, h("h3", {}, `Neuron ${found.neuron}`), h("dl", { class: "facts column" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))), this.profile(found))),
      this.images,
      history.element,
    );
    this.history = history;
    history.set([found.theta_examples, found.theta_history, found.theta_mean]);
    if (found.theta_examples.length < 2) history.element.replaceWith(h("p", { class: "hint" }, "How its threshold grew is kept for networks that learn in the studio."));
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
    const said = one.answer === null ? `a ${one.label}` : `a ${one.label}, read as ${one.answer}`;
    return h("li", {}, h("a", { href: `#/draw?of=current&sample=${one.number}`, "aria-label": `Test image ${one.number}, ${said}, ${caption}: read it` }, picture(bytes(one.pixels), this.shape, { size: 48, label: said }), h("span", { class: "hint" }, caption)));
  }

  pixelAt(canvas, event) {
    const [height, width] = this.shape;
    const box = canvas.getBoundingClientRect();
    const column = Math.min(width - 1, Math.floor(((event.clientX - box.left) * width) / box.width));
    return Math.min(height - 1, Math.floor(((event.clientY - box.top) * height) / box.height)) * width + column;
  }

  async lookAtPixel(pixel) {
    const found = await this.studio.attempt(() => ask(`/api/pixel/${pixel}`));
    if (!found) return;
    this.studio.remember({ pixel });
    const strongest = Math.max(...found.weights.map(Math.abs), 1e-9);
    const side = Math.ceil(Math.sqrt(found.weights.length));
    const cells = new Uint8Array(side * side);
    this.grid.data.neurons.forEach((neuron, place) => (cells[place] = Math.round((255 * Math.abs(found.weights[neuron])) / strongest)));
    const [height, width] = this.shape;
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
          h("ol", { class: "feeds" }, found.neurons.slice(0, 8).map(({ neuron, weight, label }) => h("li", {}, h("button", { class: "plain", onclick: () => this.lookAt(neuron) }, `neuron ${neuron}${label === null ? "" : ` (${label})`}`), h("span", { class: "numbers" }, shown(weight))))),
        ),
      ),
    );
  }

  async showConfusion() {
    const found = await this.studio.attempt(() => ask("/api/confusion"));
    if (!found) return;
    const most = found.matrix.map((row) => Math.max(1, row.reduce((sum, value) => sum + value, 0)));
    const cellOf = (row, column) => {
      const count = found.matrix[row][column];
      const share = Math.sqrt(count / most[row]);
      const names = `${found.classes[row]} read as ${found.classes[column]}: ${count}`;
      const button = count ? h("button", { class: `cell ${row === column ? "right" : "wrong"}`, "aria-label": names, onclick: () => this.showCell(found.labels[row], found.labels[column]) }, count) : "";
      if (count) button.style.setProperty("--share", share.toFixed(2));
      return h("td", {}, button);
    };
    this.confusion.replaceChildren(
      h("p", {}, h("strong", {}, percent(found.accuracy)), ` of ${shown(found.n_images)} test images read rightly.`),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), found.classes.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, found.classes.map((name, row) => h("tr", {}, h("th", { scope: "row" }, name), found.classes.map((_, column) => cellOf(row, column))))))),
    );
  }

  async showCell(label, answer) {
    const found = await this.studio.attempt(() => ask(`/api/confusion/${label}/${answer}`));
    if (!found) return;
    this.studio.remember({ cell: `${label}-${answer}` });
    const [shows, read] = found.images.length ? [found.images[0].label, found.images[0].answer] : [label, answer];
    this.behind.replaceChildren(
      h("p", { class: "hint" }, `${shown(found.n)} images of ${shows} read as ${read}${found.n > found.images.length ? `, ${found.images.length} of them:` : ":"}`),
      h("ul", { class: "row" }, found.images.map((one) => this.imageOf(one, `no. ${one.number}`))),
    );
  }

  recolour() {
    if (this.grid.data) this.grid.set(this.grid.data);
    this.history?.redraw();
    this.element.querySelectorAll("canvas.picture").forEach((canvas) => canvas.redraw());
  }
}
