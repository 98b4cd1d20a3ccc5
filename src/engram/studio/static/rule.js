// Rule: what a pair of spikes does to a weight, and where the weights settle.
import { Curve } from "./curves.js";
import { h, isStill, shown } from "./dom.js";
import { ask } from "./net.js";
import { CONSTANTS, card, choice, downloads, slider } from "./parts.js";

const EXAMPLE = `from dataclasses import dataclass
from engram import LearningRule, Trace

@dataclass(frozen=True, kw_only=True)
class MyRule(LearningRule):
    eta: float = 0.05
    tau_pre: float = 20.0

    def traces(self):
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def on_post(w, x_pre, eta):
        return w + eta * (x_pre - 0.4) * (1.0 - w)
`;

export class RuleView {
  constructor(studio, asked) {
    this.studio = studio;
    this.rules = Object.fromEntries(studio.about.rules.map((rule) => [rule.name, rule]));
    this.rule = asked.get("rule") in this.rules ? asked.get("rule") : "self_normalizing";
    this.constants = {};
    for (const [name, value] of asked) if (name.startsWith("c.")) this.constants[name.slice(2)] = Number(value);
    this.build();
    this.choose(this.rule, this.constants);
  }

  build() {
    const names = Object.keys(this.rules).map((name) => [name, name.replaceAll("_", " ")]);
    this.which = choice("Rule", names, this.rule, (name) => this.choose(name, {}));
    this.equation = h("p", { class: "equation" });
    this.source = h("p", { class: "hint" });
    this.sliders = h("div", { class: "sliders" });
    this.window = new Curve({
      title: "Change of the weight", x: "ms", height: 260,
      lines: [{ label: "w = 0.1", colour: "accent" }, { label: "w = 0.5", colour: "warm" }, { label: "w = 0.9", colour: "green" }],
    });
    this.note = h("p", { class: "hint" });
    this.norm = new Curve({
      title: "Sum of the weights", x: "spikes", height: 260,
      lines: [{ label: "nothing", colour: "accent" }, { label: "half", colour: "warm" }, { label: "three times", colour: "green" }, { label: "target", colour: "muted", dash: [4, 4], width: 1 }],
    });
    this.starts = h("ul", { class: "key" });
    this.normCard = card("Weights that keep their own sum", "A neuron is started badly: with no weight at all, too little, too much. Spike by spike the rule brings the sum of its weights to the target, with nobody counting.", this.norm.element, this.starts, h("button", { onclick: () => this.runNorm() }, "Start again"));
    const query = () => `?rule=${this.rule}&${Object.entries(this.constants).map(([name, value]) => `c.${name}=${value}`).join("&")}`;
    this.element = h(
      "div",
      { class: "view rule" },
      h("div", { class: "side" }, card("A learning rule", null, this.which.element, this.equation, this.source, this.sliders, h("button", { onclick: () => this.choose(this.rule, {}) }, "As published")), this.own()),
      h(
        "div",
        { class: "wide" },
        card(
          "What one pair of spikes does",
          "Left of 0 the neuron fires before the input, right of 0 after it. Above the line the weight grows, below it shrinks.",
          this.window.element,
          h("ul", { class: "key" }, [["accent", "a weak weight, 0.1"], ["warm", "0.5"], ["green", "a strong one, 0.9"]].map(([name, text]) => h("li", {}, h("span", { class: `dot ${name}`, "aria-hidden": "true" }), text))),
          this.note,
        ),
        this.normCard,
        downloads(this.studio, [["window", "Rule"]], [["window", "Window"], ["norm", "Sums"]], query),
      ),
    );
  }

  own() {
    const allowed = this.studio.about.allow_code;
    const text = h("textarea", { rows: 14, spellcheck: "false", "aria-label": "A rule of your own, in Python", readonly: !allowed });
    text.value = EXAMPLE;
    const run = h("button", { disabled: !allowed, onclick: () => this.studio.attempt(async () => this.show(await ask("/api/rule", { text: text.value }))) }, "Draw its window");
    const why = allowed
      ? "This runs as Python on this machine, with all that you may do."
      : "Not run in this studio. If you trust what you paste, start it with: engram studio --allow-code";
    return h("details", { class: "card" }, h("summary", {}, "A rule of your own"), h("p", { class: "hint" }, why), text, run);
  }

  choose(name, constants) {
    this.rule = name;
    this.constants = { ...constants };
    const { equation, source, constants: known } = this.rules[name];
    this.equation.textContent = equation;
    this.source.textContent = source;
    const kept = Object.entries(known).filter(([key, value]) => Number.isFinite(value) && value !== null && !key.startsWith("w_") && key !== "eta_decay");
    const parts = kept.map(([key, value]) => {
      const part = slider(key, CONSTANTS[key], value, { onchange: (to) => this.change(key, to) });
      if (key in this.constants) part.set(this.constants[key]);
      return part.element;
    });
    this.sliders.replaceChildren(...parts);
    this.ask();
  }

  change(name, value) {
    this.constants[name] = value;
    this.ask();
  }

  /** The window of what is chosen; of several changes only the last counts. */
  async ask() {
    for (const key of [...new URLSearchParams(location.hash.split("?")[1]).keys()]) if (key.startsWith("c.")) this.studio.remember({ [key]: null });
    this.studio.remember({ rule: this.rule, ...Object.fromEntries(Object.entries(this.constants).map(([key, value]) => [`c.${key}`, value])) });
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.element.setAttribute("aria-busy", "true");
    const found = await this.studio.attempt(() => ask("/api/rule", { rule: this.rule, constants: this.constants }));
    if (turn === this.turn) this.element.removeAttribute("aria-busy");
    if (found && turn === this.turn) this.show(found);
  }

  show(found) {
    this.window.set([found.delays, ...found.changes], "");
    this.note.textContent = found.earlier_post === null ? "" : `The neuron has also fired ${found.earlier_post} ms before the pair: without that, this rule does not strengthen.`;
    this.found = found;
    this.normCard.hidden = !found.norm;
    if (found.norm) this.runNorm();
  }

  /** Draw the sums spike by spike. */
  runNorm() {
    const { target, starts, sums } = this.found.norm;
    const along = sums[0].map((_, spike) => spike);
    const colours = ["accent", "warm", "green"];
    this.starts.replaceChildren(...starts.map((name, k) => h("li", {}, h("span", { class: `dot ${colours[k]}`, "aria-hidden": "true" }), `from ${name}: ${shown(sums[k][sums[k].length - 1])}`)), h("li", {}, h("span", { class: "dot muted", "aria-hidden": "true" }), `target: ${shown(target)}`));
    const turn = (this.normTurn = (this.normTurn ?? 0) + 1);
    const draw = (until) => this.norm.set([along, ...sums.map((line) => line.map((value, k) => (k <= until ? value : null))), along.map(() => target)], `${until} spikes`);
    const last = along.length - 1;
    if (isStill()) return draw(last);
    let until = 0;
    const step = () => {
      if (turn !== this.normTurn || !this.element.isConnected) return;
      draw(Math.min(last, until));
      until += 2;
      if (until <= last + 1) requestAnimationFrame(step);
    };
    return requestAnimationFrame(step);
  }

  recolour() {
    this.window.redraw();
    this.norm.redraw();
  }
}
