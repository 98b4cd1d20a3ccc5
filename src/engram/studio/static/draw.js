// Draw: a digit of one's own, who recognised it, and how.
import { Curve } from "./curves.js";
import { bytes, h, percent, shown, whole } from "./dom.js";
import { picture } from "./fields.js";
import { ask } from "./net.js";
import { card, choice, downloads } from "./parts.js";
import { SpikePlayer } from "./spikes.js";

const SIDE = 280;
const BRUSH = 22;
const LARGEST = 8 * 2 ** 20; // no request may be larger; the server hangs up on those that are
const VOTES = "A neuron that finds in the drawing what it looks for fires: it sends spikes, short pulses. Each is a vote for the digits that this neuron has answered to so far.";
const PATTERNS = "The neurons that fired most, the first to fire first. Each picture is what that neuron looks for, and the digit below it what it has come to stand for.";
const STROKES = "The neurons that fired most, the first to fire first. Here no neuron knows a digit: each looks for one stroke at one place, and all of them together tell the digit.";
const COLOURS = ["warm", "accent", "green", "violet"];

export class DrawView {
  constructor(studio, asked) {
    this.studio = studio;
    this.of = asked.get("of") ?? this.preferred();
    this.network = asked.get("network") === "tutorial" ? "tutorial" : "own";
    this.build();
    const sample = asked.get("sample");
    if (sample !== null) this.sample(Number(sample));
  }

  /** The network that is open if it can read, else the larger one that comes with engram. */
  preferred() {
    const { state, about } = this.studio;
    if (state.is_labelled) return "current";
    return about.models.findLast(({ network }) => network === "diehl-cook").name;
  }

  /** Whether the weights that read are of one layer that sees the image, and so fit into the tutorial's network. */
  fitsTutorial() {
    const { state, about } = this.studio;
    return (this.of === "current" ? state.network_name : about.models.find(({ name }) => name === this.of)?.network) === "diehl-cook";
  }

  build() {
    this.pad = new Pad(() => this.read());
    this.answer = h("p", { class: "answer", role: "status", "aria-live": "polite" });
    this.scores = h("ol", { class: "scores" });
    this.who = h("p", { class: "hint" });
    this.votes = h("p", { class: "hint", hidden: true }, VOTES);
    this.saves = h("div");
    this.leaders = h("ol", { class: "leaders" });
    this.seen = h("div", { class: "seen" });
    this.player = new SpikePlayer({ onTime: (time) => this.showTime(time) });
    this.membranes = h("div", { class: "membranes" });
    this.layers = h("div", { class: "layers" });
    this.layersCard = card("Through the layers", "Where each map spiked, darkest where most; beside it the filter that it looks for. The maps that spiked most come first.", this.layers);
    this.membranesCard = card("What the leaders felt", "The potential of a neuron climbs with every spike that it hears. When it reaches its dashed threshold, the neuron fires and starts again.", this.membranes);
    this.result = h(
      "div",
      { class: "result", hidden: true },
      (this.whoCard = card("Who recognised it", null, this.who, this.leaders)),
      this.layersCard,
      card("How it went, slowly", null, this.player.element),
      this.membranesCard,
      this.saves,
    );
    this.element = h(
      "div",
      { class: "view draw" },
      h(
        "div",
        { class: "side" },
        card("Draw a digit", "With the mouse, a pen or a finger, as large as the field; with the keyboard, arrow keys move the pen, Space puts it down and lifts it. Or drop a picture on it.", this.pad.element, this.buttons()),
        h("div", { class: "who" }, card("Which network", "Those of MNIST come with engram; they learned from its handwritten digits.", this.choices())),
        this.seen,
      ),
      h("div", { class: "wide" }, card("The network's answer", null, this.answer, this.scores, this.votes), this.result),
    );
    this.say("Draw a digit, and the network reads it as soon as you lift the pen.");
  }

  buttons() {
    const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => file.files[0] && this.readFile(file.files[0]) });
    return h(
      "div",
      { class: "controls" },
      h("button", { onclick: () => this.clear() }, "Clear"),
      h("button", { onclick: () => file.click() }, "A picture…"),
      h("button", { onclick: () => this.sample(Math.floor(Math.random() * 500)) }, "A test image"),
      file,
    );
  }

  choices() {
    const { about } = this.studio;
    const models = [
      ["current", "the network that is open under Learn"],
      ...about.models.map(({ name, neurons, dataset, network }) => [name, `${name}: ${network === "diehl-cook" ? `${shown(neurons)} neurons` : "filters for patches"} (${dataset.toUpperCase()})`]),
    ];
    const again = (change) => (value) => {
      change(value);
      this.limit();
      this.studio.remember({ of: this.of, network: this.network });
      if (!this.pad.isBlank) this.read();
      else if (this.shown) this.read(this.shown);
    };
    this.model = choice("Who reads", models, this.of, again((value) => (this.of = value)));
    const networks = [["own", "as it learned"], ["tutorial", "in the tutorial's reader: louder and louder"]];
    this.how = choice("How", networks, this.network, again((value) => (this.network = value)));
    this.limit();
    return h("div", { class: "form" }, this.model.element, this.how.element);
  }

  /** The tutorial's reader takes one layer of weights; for others it is no choice. */
  limit() {
    const fits = this.fitsTutorial();
    if (!fits) this.network = this.how.select.value = "own";
    this.how.element.hidden = !fits;
  }

  say(sentence) {
    this.answer.replaceChildren(sentence);
  }

  clear() {
    this.pad.clear();
    this.shown = null;
    this.result.hidden = this.votes.hidden = true;
    this.scores.replaceChildren();
    this.seen.replaceChildren();
    this.say("Draw a digit, and the network reads it as soon as you lift the pen.");
  }

  readFile(file) {
    this.pad.clear();
    if (file.size > LARGEST) return this.attempt(() => Promise.reject(new Error(`${file.name} is larger than 8 MiB; give a smaller picture.`)));
    this.shown = file;
    return this.read(file);
  }

  async sample(number) {
    const found = await this.studio.attempt(() => ask(`/api/sample/${number}?of=${encodeURIComponent(this.of)}`));
    if (!found) return;
    this.studio.remember({ sample: number });
    const pixels = bytes(found.pixels);
    await this.pad.show(pixels, found.shape);
    this.studio.say(`Test image ${found.number} of ${found.dataset}, a ${found.label}. The network has never seen it.`);
    await this.read();
  }

  async read(content = null) {
    const picture = content ?? (await this.pad.blob());
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const found = await this.attempt(() => ask(`/api/read?of=${encodeURIComponent(this.of)}&network=${this.network}`, picture, "image/png"));
    if (found && turn === this.turn) this.show(found);
  }

  async attempt(work) {
    try {
      this.element.setAttribute("aria-busy", "true");
      return await work();
    } catch (error) {
      this.say(error.message);
      this.result.hidden = this.votes.hidden = true;
      this.scores.replaceChildren();
      return null;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  show(found) {
    this.found = found;
    this.key = found.key;
    this.answer.replaceChildren(
      ...(found.answer === null
        ? [`No answer. ${found.why_none}`]
        : ["This is a ", h("strong", { class: "digit" }, found.answer), h("span", { class: "hint" }, ` ${shown(found.n_fired)} of ${shown(found.n_neurons)} neurons fired in ${shown(found.shown)} ms.`)]),
    );
    this.showScores(found);
    this.result.hidden = this.votes.hidden = false;
    this.showLeaders(found);
    this.showSeen(found);
    this.showSaves(found);
    this.showLayers(found);
    this.showMembranes(found);
    this.player.set({
      input: whole(found.input_spikes), neurons: whole(found.exc_spikes), rows: whole(found.rows), groups: found.groups, dt: found.dt, shown: found.shown, source: found.source,
      total: found.total, nInputs: found.n_inputs, nNeurons: found.n_neurons, leader: this.most(found),
    });
  }

  most(found) {
    return found.leaders.reduce((best, one) => (one.spikes > (best?.spikes ?? 0) ? one : best), null)?.neuron;
  }

  showScores({ scores, answer }) {
    const best = Math.max(...scores.map(({ share }) => share), 1e-9);
    this.scores.replaceChildren(
      ...scores.map(({ name, share }) =>
        h(
          "li",
          { class: name === answer ? "best" : null },
          h("span", { class: "name" }, name),
          h("span", { class: "bar", "aria-hidden": "true" }, h("span", { style: { width: `${(100 * share) / best}%` } })),
          h("span", { class: "numbers" }, percent(share, 0)),
        ),
      ),
    );
  }

  showLeaders({ leaders, shape }) {
    this.counts = new Map();
    const address = this.addressOfNeurons();
    this.whoCard.hidden = !leaders.length;
    this.who.textContent = leaders.some(({ place }) => place) ? STROKES : PATTERNS;
    this.leaders.replaceChildren(
      ...leaders.map((one) => {
        const count = h("span", { class: "numbers" }, spikes(one.spikes));
        this.counts.set(one.neuron, count);
        const says = one.label === null ? "no label" : `means ${one.label}`;
        const [map, row, column] = one.place ?? [];
        const where = one.place ? `map ${map} at ${row}, ${column}` : `neuron ${one.neuron}`;
        const parts = [
          picture(bytes(one.field), shape, { kind: one.signed ? "signed" : "hot", size: 72, label: `field of neuron ${one.neuron}` }),
          h("strong", {}, one.label ?? "?"),
          count,
          h("span", { class: "hint" }, where),
        ];
        const label = `Neuron ${one.neuron}, ${says}, ${spikes(one.spikes)}, first after ${Math.round(one.first)} ms`;
        return h("li", {}, address && !one.place ? h("a", { href: `${address}&neuron=${one.neuron}`, "aria-label": `${label}: look inside` }, ...parts) : h("div", { class: "leader", role: "group", "aria-label": label }, ...parts));
      }),
    );
  }

  /** Where to look inside the network that read: it is open, or can be opened without closing one that learns. */
  addressOfNeurons() {
    if (this.of === "current") return "#/inside?of=current";
    const { kind, phase } = this.studio.state;
    const learns = kind === "training" && !["ready", "finished", "stopped", "failed"].includes(phase);
    return learns ? null : `#/inside?open=${encodeURIComponent(this.of)}`;
  }

  showSeen({ pixels, shape, steps }) {
    this.seen.replaceChildren(
      card("What the network saw", "The drawing, brought to the size and the place of the images that it learned from.", h("div", { class: "last" }, picture(bytes(pixels), shape, { size: 96, label: "the picture as the network met it" }), h("p", { class: "hint" }, steps.join("; ") + "."))),
    );
  }

  /** What can be saved of this reading. */
  showSaves({ layers, membranes }) {
    const pictures = [["reading", "Picture"], ...(layers.length ? [["layers", "Layers"]] : [])];
    const tables = [["scores", "Scores"], ["spikes", "Spikes"], ...(membranes.neurons.length ? [["membranes", "Potentials"]] : [])];
    this.saves.replaceChildren(downloads(this.studio, pictures, tables, () => `?key=${this.key}`));
  }

  showLayers({ layers }) {
    this.layersCard.hidden = !layers.length;
    this.layers.replaceChildren(
      ...layers.map(({ name, shape, spikes: all, maps, side, signed }) =>
        h(
          "section",
          { "aria-label": name },
          h("h3", {}, `${name}: ${shown(all)} spikes in ${shown(shape[0])} maps of ${shape[1]} × ${shape[2]}`),
          h(
            "ul",
            { class: "row maps" },
            maps.map(({ map, spikes: count, where, filter }) =>
              h(
                "li",
                {},
                picture(bytes(where), shape.slice(1), { size: 72, label: `where map ${map} spiked` }),
                filter ? picture(bytes(filter), [side, side], { kind: signed ? "signed" : "amount", size: 36, label: `filter of map ${map}` }) : null,
                h("span", { class: "hint" }, `map ${map}, ${spikes(count)}`),
              ),
            ),
          ),
        ),
      ),
    );
  }

  showMembranes({ membranes, dt }) {
    this.membranesCard.hidden = !membranes.neurons.length;
    if (this.membranesCard.hidden) {
      this.curve = null;
      return;
    }
    this.curve = new Curve({
      title: membranes.unit === "mV" ? "Potential (mV)" : "Potential, in units of the plain threshold",
      x: "ms",
      height: 190,
      lines: [
        ...membranes.neurons.map((neuron, k) => ({ label: `neuron ${neuron}`, colour: COLOURS[k] })),
        ...membranes.neurons.map((neuron, k) => ({ label: `threshold of ${neuron}`, colour: COLOURS[k], dash: [4, 4], width: 1 })),
      ],
      format: (value) => shown(value),
    });
    this.line = [membranes.time, ...membranes.v, ...membranes.threshold];
    const key = h("ul", { class: "key" }, membranes.neurons.map((neuron, k) => h("li", {}, h("span", { class: `dot ${COLOURS[k]}`, "aria-hidden": "true" }), `neuron ${neuron}`)));
    this.membranes.replaceChildren(this.curve.element, key);
    this.curve.set(this.line, "");
    this.dt = dt;
  }

  /** Up to the cursor: counts of the leaders and their potentials. */
  showTime(time) {
    const { found } = this;
    if (!found || !this.counts) return;
    const neurons = this.player.spikes.neurons;
    const counts = new Map([...this.counts.keys()].map((neuron) => [neuron, 0]));
    const end = Math.min(time, found.shown) / found.dt;
    for (let k = 0; k < neurons.length && neurons[k + 1] <= end; k += 2) {
      if (counts.has(neurons[k])) counts.set(neurons[k], counts.get(neurons[k]) + 1);
    }
    for (const [neuron, count] of counts) {
      const text = spikes(count);
      const element = this.counts.get(neuron);
      if (element.textContent !== text) element.textContent = text;
      element.closest("li").classList.toggle("silent", count === 0);
    }
    if (!this.curve) return;
    const until = time >= found.total ? this.line[0].length : Math.max(2, Math.floor(time / found.dt));
    const n = found.membranes.neurons.length;
    this.curve.set(this.line.map((line, k) => (k > 0 && k <= n ? line.map((value, at) => (at < until ? value : null)) : line)), `${Math.round(time)} ms`);
  }

  recolour() {
    this.curve?.redraw();
    this.player.draw();
    this.element.querySelectorAll("canvas.picture").forEach((canvas) => canvas.redraw());
  }

  leave() {
    this.player.stop();
  }
}

function spikes(count) {
  return `${count} ${count === 1 ? "spike" : "spikes"}`;
}

/** Paper to draw on: by mouse, pen, finger, or the arrow keys with Space for the pen. */
class Pad {
  constructor(onDrawn) {
    this.onDrawn = onDrawn;
    this.canvas = h("canvas", {
      class: "pad", width: SIDE, height: SIDE, tabindex: "0", role: "application", "aria-roledescription": "drawing field",
      "aria-label": "Draw a digit. With the keyboard: arrow keys move the pen, Space puts it down and lifts it, Enter reads, Backspace clears.",
      onpointerdown: (event) => this.down(event),
      onpointermove: (event) => this.move(event),
      onpointerup: () => this.up(),
      onpointercancel: () => this.up(),
      onkeydown: (event) => this.key(event),
      onfocus: () => this.point(this.canvas.matches(":focus-visible")),
      onblur: () => this.point(false),
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => this.drop(event),
    });
    this.cursor = h("span", { class: "pen", hidden: true, "aria-hidden": "true" });
    this.element = h("div", { class: "paper" }, this.canvas, this.cursor);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.at = [SIDE / 2, SIDE / 4];
    this.clear();
  }

  clear() {
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, SIDE, SIDE);
    this.isBlank = true;
    this.penIsDown = false;
  }

  blob() {
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }

  /** Put a picture on it, dark on light. */
  async show(pixels, [height, width]) {
    const small = new ImageData(width, height);
    pixels.forEach((value, k) => small.data.set([255 - value, 255 - value, 255 - value, 255], 4 * k));
    this.clear();
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(await createImageBitmap(small), 0, 0, SIDE, SIDE);
    this.isBlank = false;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    clearTimeout(this.soon);
    this.at = this.place(event);
    this.draws = true;
    this.line(this.at, this.at);
  }

  move(event) {
    if (!this.draws) return;
    const to = this.place(event);
    this.line(this.at, to);
    this.at = to;
  }

  up() {
    if (!this.draws) return;
    this.draws = false;
    this.soon = setTimeout(() => this.onDrawn(), 350);
  }

  line(from, to) {
    const { context } = this;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = BRUSH;
    context.strokeStyle = "#000";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    this.isBlank = false;
  }

  key(event) {
    const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.key in steps) {
      const to = this.at.map((value, k) => Math.min(SIDE - BRUSH, Math.max(BRUSH, value + 10 * steps[event.key][k])));
      if (this.penIsDown) this.line(this.at, to);
      this.at = to;
    } else if (event.key === " ") {
      this.penIsDown = !this.penIsDown;
      if (this.penIsDown) this.line(this.at, this.at);
      else this.onDrawn();
    } else if (event.key === "Enter") this.onDrawn();
    else if (event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
    this.point(true);
  }

  /** Show where the pen is, to whom moves it by keys. */
  point(isShown) {
    this.cursor.hidden = !isShown;
    this.cursor.classList.toggle("down", this.penIsDown);
    Object.assign(this.cursor.style, { left: `${(100 * this.at[0]) / SIDE}%`, top: `${(100 * this.at[1]) / SIDE}%` });
  }

  drop(event) {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    if (file) window.studio.view.readFile(file);
  }
}
