// Learn: a network learns in front of you.
import { Curve } from "./curves.js";
import { h, percent, say, shown } from "./dom.js";
import { FieldGrid, picture } from "./fields.js";
import { perform } from "./net.js";
import { CONSTANTS, LayerChoice, NETWORKS, card, choice, downloads, number, options, slider } from "./parts.js";

const SPEEDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, null];
const PRESETS = { paper: "as published", sharp: "sharp: one neuron wins", events: "for event cameras", conv: "made for it" };
const SIZES = { neurons: "Neurons", maps: "Filters", hidden: "Neurons of the first layer" };
const INTRODUCTION = "A network of artificial neurons looks at images, one after the other. Nobody tells it what they show: each neuron comes to look for something that it has often seen.";
const COUNTED = { compiling: "parts compiled", labelling: "images answered, for the labels", testing: "test images read", drawing: "figures drawn" };
const STANDING = {
  weights: "Each square is one neuron and shows the pixels that it listens to: dark where it listens closely. When a neuron fires, it comes to look more like the image that made it fire.",
  filters: "Each square is a filter: a small pattern that is looked for at every place of the image, red where there has to be ink, blue where there must be none.",
  through: "Each square is one neuron and shows what it would like to see, through the layer below it.",
};
const WORDS_MS = 250; // words and numbers change no more often than one can read them
const PHASES = {
  ready: "Ready. Nothing has been learned yet, so the squares are noise. Press Start, and watch what becomes of them.",
  compiling: "Getting ready.",
  learning: "Learning.",
  paused: "Paused. Everything is saved.",
  labelling: "Finding out what each neuron answers to.",
  testing: "Reading test images that it has never seen.",
  drawing: "Drawing the figures of the run.",
  finished: "Finished.",
  stopped: "Stopped. Everything is saved.",
  failed: "Stopped by an error.",
  watched: "Watching a run that another program is doing.",
  left: "The program that was doing this run has stopped. Go on with it here, or resume it there and watch again.",
};

export class LearnView {
  wantsFields = true;
  keepsPath = true;

  constructor(studio, asked) {
    this.studio = studio;
    this.order = asked.get("order") === "label" ? "label" : "index";
    this.layers = new LayerChoice(studio, asked);
    this.grid = new FieldGrid({
      onPick: (neuron) => (location.hash = `#/inside?neuron=${neuron}${this.layers.query()}`),
      onPoint: (text) => this.explain(text),
    });
    this.pointed = h("p", { class: "hint pointed" });
    this.build();
  }

  build() {
    this.phase = h("p", { class: "phase", role: "status", "aria-live": "polite" });
    this.adopt = h("button", { hidden: true, onclick: () => this.studio.attempt(() => perform("open", { path: this.studio.state.path })) }, "Go on here");
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Images learned from" });
    this.counted = h("span", { class: "numbers" });
    this.facts = h("dl", { class: "facts" });
    this.last = h("div", { class: "last" });
    this.health = h("div", { class: "health", role: "status", "aria-live": "polite" });
    this.curves = {
      accuracy: new Curve({ title: "New images that it recognised, before learning from them", lines: [{ label: "accuracy", colour: "warm" }], format: (v) => percent(v, 0), range: [0, 1] }),
      norm: new Curve({ title: "Sum of a neuron's weights, mean ± sd", lines: band("accent"), band: true }),
      theta: new Curve({ title: "Thresholds above rest, mean ± sd (mV)", lines: band("green"), band: true }),
      spikes: new Curve({ title: "Spikes for an image", lines: [{ label: "spikes", colour: "ink" }] }),
    };
    this.constants = h("div", { class: "sliders" });
    this.changes = h("ul", { class: "changes" });
    this.element = h(
      "div",
      { class: "view learn" },
      h(
        "div",
        { class: "wide" },
        card("What each neuron has learned to see", INTRODUCTION, this.controls(), this.grid.canvas, this.pointed, h("div", { class: "controls" }, this.orders(), this.layers.element)),
        downloads(this.studio, [["fields", "Fields"], ["curve", "Curve"], ["weights-and-theta", "Norms"]], [["curve", "Curve"], ["neurons", "Neurons"], ["fields", "Weights"], ["theta", "Thresholds"]]),
      ),
      h(
        "div",
        { class: "side" },
        card("How it goes", null, this.phase, this.adopt, h("div", { class: "progress" }, this.bar, this.counted), this.last, this.facts, this.health),
        (this.history = card("Over time", null, ...Object.values(this.curves).map((curve) => curve.element))),
        (this.tuning = card("Change the rule while it learns", "See what happens; the run remembers what was changed and when.", this.constants, this.changes)),
        this.setUp(),
      ),
    );
  }

  controls() {
    const attempt = (deed, more) => () => this.studio.attempt(() => perform(deed, more));
    this.go = h("button", { class: "primary", onclick: () => this.toggle() }, "Start");
    this.one = h("button", { onclick: attempt("step") }, "One image");
    this.end = h("button", { onclick: attempt("finish"), title: "Learn no more: find out what each neuron answers to, test the network, and save it" }, "Finish");
    this.speed = h("input", {
      type: "range", min: 0, max: SPEEDS.length - 1, step: 1, value: SPEEDS.length - 1, "aria-label": "Speed",
      oninput: () => this.saySpeed(SPEEDS[this.speed.value]),
      onchange: () => this.studio.attempt(() => perform("speed", { speed: SPEEDS[this.speed.value] })),
    });
    this.pace = h("span", { class: "numbers" });
    this.saySpeed(null);
    return (this.steering = h("div", { class: "controls" }, this.go, this.one, this.end, h("label", { class: "speed" }, h("span", {}, "Slower"), this.speed, h("span", {}, "Faster"), this.pace)));
  }

  orders() {
    const { element } = choice("Order", [["index", "fixed places"], ["label", "by label"]], this.order, (order) => {
      this.order = order;
      this.studio.stream.want({ order });
      this.studio.remember({ order: order === "label" ? order : null });
    });
    element.classList.add("inline");
    return (this.ordering = element);
  }

  setUp() {
    const about = this.studio.about;
    const defaults = about.defaults;
    const dataset = choice("Images", about.datasets.map(({ name, here }) => [name, here ? name : `${name} (not on this machine)`, !here]), "digits");
    const rule = choice("Learning rule", [], null);
    const preset = choice("Constants", [], null);
    const sizes = h("div", { class: "form" });
    let counts = {};
    const adapt = (name) => {
      const known = about.networks.find((one) => one.name === name);
      options(rule.select, known.rules.map((one) => [one, one.replaceAll("_", " ")]), known.rules.includes(defaults.rule) ? defaults.rule : known.rules[0]);
      options(preset.select, known.presets.map((one) => [one, PRESETS[one] ?? one]), known.presets[0]);
      counts = Object.fromEntries(Object.entries(known.sizes).map(([key, value]) => [key, number(SIZES[key], value, { min: 1, max: key === "neurons" ? 6400 : 1024 })]));
      sizes.replaceChildren(...Object.values(counts).map(({ element }) => element));
    };
    const network = choice("Network", about.networks.map(({ name }) => [name, NETWORKS[name] ?? name]), about.networks[0].name, adapt);
    adapt(network.select.value);
    const seed = number("Seed", defaults.seed, { min: 0 });
    const images = number("Images to learn from", 10_000, { min: 25, step: 25 });
    const begin = (event) => {
      event.preventDefault();
      const { neurons, ...parts } = Object.fromEntries(Object.entries(counts).map(([key, { input }]) => [key, Number(input.value)]));
      const asked = {
        dataset: dataset.select.value, rule: rule.select.value, preset: preset.select.value,
        ...(neurons ? { neurons } : {}), network: { kind: network.select.value, ...parts },
        seed: Number(seed.input.value), examples: Number(images.input.value),
      };
      this.studio.remember({ open: null });
      this.meanwhile("Making the new network …", () => perform("new", { options: asked }));
    };
    const parts = [dataset, network, rule, preset, { element: sizes }, images, seed].map(({ element }) => element);
    const open = this.opening();
    return h(
      "details",
      { class: "card" },
      h("summary", {}, "Another network"),
      h("form", { class: "form", onsubmit: begin }, parts, h("button", { type: "submit" }, "New network")),
      open,
    );
  }

  opening() {
    const { runs, models } = this.studio.about;
    const options = [...models.map(({ name }) => [name, `${name} (comes with engram)`]), ...runs.map((run) => [run, run])];
    const { element, select } = choice("Run or model", options, options[0]?.[0]);
    const open = () => this.meanwhile(`Opening ${select.value} …`, () => perform("open", { path: select.value }));
    return h("div", { class: "form" }, element, h("button", { onclick: open }, "Open"));
  }

  toggle() {
    const goes = ["learning", "compiling"].includes(this.studio.state.phase) && this.goes;
    return this.studio.attempt(() => perform(goes ? "pause" : "start"));
  }

  saySpeed(speed) {
    this.pace.textContent = speed === null || speed === undefined ? "as fast as can be" : `${shown(speed)} ${speed === 1 ? "image" : "images"}/s`;
  }

  take({ state, points, scale, arrays }) {
    if (state.kind === "none") return;
    if (arrays.fields) this.grid.set({ ...arrays, ...scale, classes: state.classes, isRead: this.layers.isLast(state) });
    this.layers.show(state);
    if (this.kind !== scale?.kind) {
      this.kind = scale?.kind;
      this.ordering.hidden = this.kind === "filters"; // which have no labels
      this.explain();
    }
    const now = performance.now();
    if (state.phase === "learning" && this.told === state.phase && now < this.nextWords) return;
    this.told = state.phase;
    this.nextWords = now + WORDS_MS;
    this.sayPhase(state);
    this.sayFacts(state);
    this.showLast(state, scale, arrays);
    this.showCurves(points, state);
    this.showConstants(state);
  }

  /** Say what goes on while something takes its time, and let nothing be started that it would meet. */
  async meanwhile(words, work) {
    this.words = words;
    this.sayPhase(this.studio.state);
    await this.studio.attempt(work);
    this.words = null;
    this.sayPhase(this.studio.state);
  }

  /** What the pointer is at, or what the squares are. */
  explain(text = "") {
    this.pointed.textContent = text || STANDING[this.grid.data?.kind ?? "weights"];
  }

  sayPhase(state) {
    const learns = state.kind === "training";
    this.steering.hidden = !learns;
    this.adopt.hidden = state.phase !== "left";
    this.goes = state.phase === "learning" || state.phase === "compiling";
    const counts = this.words ? null : countsOf(state);
    const compiles = counts?.what === "compiling" ? " On first use engram compiles for this machine." : "";
    const text = `${PHASES[state.phase] ?? ""}${compiles} ${state.message ?? ""}`.trim();
    say(this.phase, this.words ?? text);
    this.phase.classList.toggle("bad", state.phase === "failed");
    say(this.go, this.goes ? "Pause" : state.examples ? "Go on" : "Start");
    const ended = this.words || !learns || ["finished", "stopped", "failed", "labelling", "testing", "drawing"].includes(state.phase);
    for (const button of [this.go, this.one, this.speed]) button.disabled = Boolean(ended);
    this.end.disabled = Boolean(ended || !state.examples);
    const [done, all] = counts ? [counts.done, counts.all] : [state.examples, state.total];
    this.bar.value = all ? done / all : 0;
    say(this.counted, `${shown(done)} of ${shown(all)} ${counts ? COUNTED[counts.what] : "images"}`);
    if (document.activeElement !== this.speed && learns) {
      const place = SPEEDS.findIndex((speed) => speed === state.speed);
      this.speed.value = place < 0 ? SPEEDS.length - 1 : place;
      this.saySpeed(state.speed);
    }
  }

  sayFacts(state) {
    const facts = [
      ["recognised", state.accuracy === null || state.accuracy === undefined ? "–" : percent(state.accuracy)],
      state.kind === "training" && ["images a second", state.rate ? shown(Math.round(state.rate)) : "–"],
      ["neurons", shown(state.neurons)],
      ["images of", state.dataset],
      ["network", NETWORKS[state.network_name] ?? state.network_name],
      ["rule", state.rule.replaceAll("_", " ")],
      [state.kind === "model" ? "opened" : "saved in", state.path ?? "not saved yet"],
    ].filter(Boolean);
    if (state.test_accuracy) facts[0] = ["test images read", percent(state.test_accuracy.proportion)];
    this.showFacts(facts);
    this.health.hidden = !state.health || !state.examples; // only who learns here is watched for it
    const health = state.health ?? [];
    const text = health.map(({ what, advice }) => `${what}: ${advice}`).join("\n");
    if (this.ailing === text) return;
    this.ailing = text;
    this.health.replaceChildren(
      ...(health.length ? health.map(({ what, advice }) => h("p", { class: "bad" }, h("strong", {}, what), `. What helps: ${advice}.`)) : [h("p", { class: "good" }, "Healthy: it neither falls silent nor runs away.")]),
    );
  }

  /** Touch what has changed alone: all else stays laid out as it is. */
  showFacts(facts) {
    const names = facts.map(([name]) => name).join("\n");
    if (this.named !== names) {
      this.named = names;
      this.values = facts.map(([, value]) => h("dd", {}, value));
      this.facts.replaceChildren(...facts.map(([name], k) => h("div", {}, h("dt", {}, name), this.values[k])));
    }
    facts.forEach(([, value], k) => say(this.values[k], value));
  }

  showLast(state, scale, arrays) {
    if (!arrays.image) {
      this.last.replaceChildren();
      return;
    }
    let fired = 0;
    let spikes = 0;
    arrays.counts.forEach((count) => {
      fired += count > 0;
      spikes += count;
    });
    const name = state.label === null || state.label === undefined ? "" : ` (a ${state.label})`;
    const label = `the last image${name}`;
    const times = spikes === 1 ? "once" : `${shown(spikes)} times`;
    const isCounted = scale.kind !== "filters" && this.layers.isLast(state); // spikes are those of the layer that is read
    const answered = !isCounted ? "" : fired === 0 ? "No neuron fired for it." : `It made ${shown(fired)} ${fired === 1 ? "neuron" : "neurons"} fire ${times}: framed in the grid.`;
    this.last.replaceChildren(
      picture(arrays.image, state.shape, { size: 64, label }),
      h("p", { class: "hint" }, `The last image${name}. ${answered}`),
    );
  }

  showCurves(points, state) {
    this.history.hidden = !points.length;
    const along = points.map((point) => point.examples);
    const spread = (name) => [
      along,
      points.map((point) => point[name].mean),
      points.map((point) => point[name].mean - point[name].sd),
      points.map((point) => point[name].mean + point[name].sd),
    ];
    if (this.nPoints === points.length && this.lastPoint === along[along.length - 1]) return;
    this.nPoints = points.length;
    this.lastPoint = along[along.length - 1];
    this.curves.accuracy.set([along, points.map((point) => point.accuracy)]);
    this.curves.norm.set(spread("l1_norm"));
    this.curves.theta.set(spread("theta"));
    this.curves.spikes.set([along, points.map((point) => point.spikes_per_image)]);
  }

  showConstants(state) {
    const learns = state.kind === "training" && !["finished", "stopped", "failed"].includes(state.phase);
    const tunes = learns && Object.keys(state.network).length > 0; // only Diehl & Cook's network takes other constants
    this.tuning.hidden = !tunes;
    if (!tunes) return;
    const key = `${state.rule} ${state.config?.preset}`;
    if (this.tuned !== key) this.makeSliders(state, key);
    for (const [name, part] of Object.entries(this.sliders)) {
      const value = state.constants[name] ?? state.network[name];
      if (!part.isBusy() && value !== part.value) part.set((part.value = value));
    }
    const changes = state.changes ?? [];
    if (this.nChanges === changes.length) return;
    this.nChanges = changes.length;
    this.changes.replaceChildren(...changes.slice(-8).map(({ examples, name, from, to }) => h("li", {}, `After ${shown(examples)} images: ${name.split(".").pop()} from ${shown(from)} to ${shown(to)}`)));
  }

  makeSliders(state, key) {
    this.tuned = key;
    this.nChanges = -1;
    this.sliders = {};
    const set = (table, name) => (value) => this.studio.attempt(() => perform("set", { changes: { [table]: { [name]: value } } }));
    const ofRule = Object.entries(state.constants).filter(([name, value]) => typeof value === "number" && value > 0 && !name.startsWith("w_") && name !== "eta_decay");
    for (const [name, value] of ofRule) this.sliders[name] = slider(name, CONSTANTS[name], value, { onchange: set("constants", name) });
    for (const [name, value] of Object.entries(state.network)) this.sliders[name] = slider(name, CONSTANTS[name], value || 1, { onchange: set("network", name), positive: name !== "w_inh_exc" });
    for (const part of Object.values(this.sliders)) part.value = undefined;
    this.constants.replaceChildren(...Object.values(this.sliders).map(({ element }) => element));
  }

  recolour() {
    Object.values(this.curves).forEach((curve) => curve.redraw());
    if (this.grid.data) this.grid.set(this.grid.data);
    this.last.querySelectorAll("canvas").forEach((canvas) => canvas.redraw());
  }
}

/** What is counted besides the images that are learned from; it moves, so it is told where no screen reader reads along. */
function countsOf({ phase, counted: [what, done, all] = ["", 0, 0] }) {
  const goes = what === "compiling" ? done < all && ["ready", "compiling"].includes(phase) : what === phase && all > 0;
  return goes && what in COUNTED ? { what, done, all } : null;
}

function band(name) {
  return [{ label: "mean", colour: name }, { label: "less", colour: name, width: 0 }, { label: "more", colour: name, width: 0 }];
}
