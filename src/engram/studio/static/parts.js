// Parts that several views have: cards, choices, sliders, downloads.
import { h, shown } from "./dom.js";
import { download } from "./net.js";

let ids = 0;

/** A part of a view, with a title and one sentence. */
export function card(title, hint, ...children) {
  const id = `t${ids++}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), hint && h("p", { class: "hint" }, hint), ...children);
}

/** One of several: [[value, text]]. */
export function choice(label, options, value, onchange) {
  const select = h(
    "select",
    { onchange: () => onchange?.(select.value) },
    options.map(([key, text, disabled]) => h("option", { value: key, disabled }, text)),
  );
  select.value = value;
  const element = h("label", { class: "field" }, h("span", {}, label), select);
  return { element, select };
}

/** Let a choice offer other things. */
export function options(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) => h("option", { value: key }, text)));
  select.value = value;
}

/** What the networks are called. */
export const NETWORKS = { "diehl-cook": "Diehl & Cook: one layer", conv: "convolution: filters for patches", "two-layers": "two layers" };

/** Which layer is drawn, where there are several; by default the last that learned. */
export class LayerChoice {
  constructor(studio, asked, onChange = () => {}) {
    this.studio = studio;
    this.layer = asked.get("layer") ?? "";
    const { element, select } = choice("Layer", [], null, (layer) => {
      this.layer = layer;
      this.tell();
      studio.remember({ layer });
      onChange();
    });
    element.classList.add("inline");
    Object.assign(this, { element, select });
    element.hidden = true;
    if (this.layer) this.tell();
  }

  tell() {
    this.studio.stream?.want({ layer: this.layer });
  }

  show({ layers = [] }) {
    const key = layers.join();
    if (this.shown === key) return;
    this.shown = key;
    this.element.hidden = layers.length < 2;
    if (this.layer && !layers.includes(this.layer)) {
      this.layer = "";
      this.tell();
    }
    options(this.select, layers.map((layer) => [layer, layer]), this.layer || layers[layers.length - 1]);
  }

  isLast({ layers = [] }) {
    return !this.layer || this.layer === layers[layers.length - 1];
  }

  /** The layer as an address says it. */
  query(mark = "&") {
    return this.layer ? `${mark}layer=${encodeURIComponent(this.layer)}` : "";
  }
}

/** A number. */
export function number(label, value, { min, max, step = 1, onchange } = {}) {
  const input = h("input", { type: "number", value, min, max, step, onchange: () => onchange?.(Number(input.value)) });
  return { element: h("label", { class: "field" }, h("span", {}, label), input), input };
}

/** A slider for a constant, geometric around where it starts, with the number beside it. */
export function slider(name, hint, start, { onchange, positive = start > 0 } = {}) {
  const most = positive ? 10 : Math.max(1, 3 * Math.abs(start));
  const toValue = (place) => (positive ? start * 10 ** place : Number(place));
  const toPlace = (value) => (positive ? Math.log10(Math.max(value, start / 20) / start) : value);
  const range = h("input", {
    type: "range",
    min: positive ? -1 : 0,
    max: positive ? Math.log10(most) : most,
    step: positive ? 0.02 : most / 100,
    "aria-label": name,
    "aria-valuetext": shown(start),
    oninput: () => say(round(toValue(range.value))),
    onchange: () => give(round(toValue(range.value))),
  });
  const input = h("input", { type: "number", step: "any", "aria-label": `${name}, as a number`, onchange: () => give(Number(input.value)) });
  const say = (value) => {
    input.value = value;
    range.setAttribute("aria-valuetext", shown(value));
  };
  const give = (value) => {
    set(value);
    onchange(value);
  };
  const set = (value) => {
    range.value = toPlace(value);
    say(round(value, 4));
  };
  set(start);
  const element = h("div", { class: "slider" }, h("span", { class: "name" }, name), range, input, hint && h("span", { class: "hint" }, hint));
  return { element, set, isBusy: () => element.contains(document.activeElement) };
}

/** Links that save pictures and numbers. */
export function downloads(studio, pictures, tables, query = () => "") {
  const link = (text, path, name) =>
    h("button", { class: "plain small", onclick: () => studio.attempt(() => download(path + query(), name)) }, text);
  return h(
    "p",
    { class: "downloads" },
    h("span", { class: "hint" }, "Save"),
    pictures.flatMap(([name, text]) => [
      link(`${text} PNG`, `/api/picture/${name}.png`, `engram-${name}.png`),
      link(`${text} SVG`, `/api/picture/${name}.svg`, `engram-${name}.svg`),
    ]),
    tables.map(([name, text]) => link(`${text} CSV`, `/api/table/${name}.csv`, `engram-${name}.csv`)),
  );
}

function round(value, digits = 3) {
  return Number(value.toPrecision(digits));
}

/** What the constants do, in few words. */
export const CONSTANTS = {
  eta: "how far a weight moves at a spike",
  eta_pre: "how far weights fall at an input's spike",
  eta_post: "how far weights rise at a neuron's spike",
  eta_decay: "what is left of the rates at the end",
  a_pre: "rise at most",
  a_post: "fall at most",
  a_tar: "what the weights add up to, per pixel",
  x_tar: "how recent an input must be to count",
  tau_pre: "how long an input's spike is remembered, ms",
  tau_post: "how long a neuron's spike is remembered, ms",
  tau_post1: "short memory of a neuron's spikes, ms",
  tau_post2: "long memory of a neuron's spikes, ms",
  bound: "the fixed bound",
  mu: "how much bounds are felt",
  beta: "how much bounds are felt",
  w_inh_exc: "how hard neurons silence each other",
  theta_plus: "how much harder a neuron fires after each spike, mV",
};
