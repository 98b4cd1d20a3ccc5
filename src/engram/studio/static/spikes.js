// Every spike of a presentation, at a speed that one can follow.
import { colour, h, isStill, shown } from "./dom.js";

const SLOWNESS = [["50", "50 times slower"], ["20", "20 times slower"], ["5", "5 times slower"]];

const LEFT = 20; // pixels for what the rows mean

/** Input and neurons over time, with a cursor that runs. */
export class SpikePlayer {
  /** @param {(time: number) => void} onTime told where the cursor is, ms */
  constructor({ onTime = () => {} } = {}) {
    this.onTime = onTime;
    this.time = 0;
    this.canvas = h("canvas", { class: "raster", role: "img" });
    this.scrub = h("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Time", oninput: () => this.jump(Number(this.scrub.value)) });
    this.button = h("button", { onclick: () => (this.runs ? this.stop() : this.play()) }, "Play");
    this.clock = h("span", { class: "numbers" });
    this.slow = h("select", { "aria-label": "Speed of the spikes" }, SLOWNESS.map(([value, text]) => h("option", { value }, text)));
    this.slow.value = "20";
    this.element = h("div", { class: "player" }, this.canvas, h("div", { class: "controls" }, this.button, this.scrub, this.clock, this.slow));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
  }

  /** Other spikes: `input` and `neurons` as [number, step, …], `rows` of the neurons and their `groups`, `dt`, `shown`, `total`, and how many. */
  set(spikes) {
    this.stop();
    this.spikes = spikes;
    this.scrub.max = spikes.total;
    this.canvas.setAttribute("aria-label", `${spikes.input.length / 2} input spikes and ${spikes.neurons.length / 2} spikes of neurons over ${shown(spikes.total)} ms`);
    this.jump(spikes.total);
    if (!isStill()) this.play();
  }

  play() {
    if (this.time >= this.spikes.total) this.time = 0;
    this.runs = true;
    this.button.textContent = "Pause";
    let before = null;
    const step = (now) => {
      if (!this.runs || !this.canvas.isConnected) return;
      if (before !== null) this.jump(this.time + (now - before) / Number(this.slow.value));
      before = now;
      if (this.time >= this.spikes.total) this.stop();
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.runs = false;
    this.button.textContent = "Play";
  }

  jump(time) {
    this.time = Math.min(time, this.spikes.total);
    this.scrub.value = this.time;
    this.clock.textContent = `${Math.round(this.time)} ms`;
    this.draw();
    this.onTime(this.time);
  }

  draw() {
    if (!this.spikes || !this.canvas.clientWidth) return;
    const { input, neurons, rows, dt, total, nInputs, nNeurons, leader } = this.spikes;
    const left = LEFT * (window.devicePixelRatio || 1);
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth * ratio, this.canvas.clientHeight * ratio];
    this.canvas.width = width;
    this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    const ink = (name) => colour(name, this.canvas);
    const gap = 18 * ratio;
    const part = (height - 2 * gap) / 2;
    const size = Math.max(1.2 * ratio, 1);
    const x = (step) => left + ((step * dt) / total) * (width - left);
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    context.fillStyle = ink("band");
    context.fillRect(x(this.spikes.shown / dt), 0, width, height);
    context.fillStyle = ink("muted");
    const how = { poisson: ": the more ink, the more often", latency: ": each one, the more ink, the earlier" }[this.spikes.source] ?? "";
    context.fillText(`${nInputs.toLocaleString("en")} pixels send spikes${width > 480 * ratio ? how : ""}`, left, gap - 5 * ratio);
    context.fillText(`${nNeurons.toLocaleString("en")} neurons answer, by what they mean`, left, gap + part + gap - 5 * ratio);
    if (this.spikes.shown < total && width > 480 * ratio) context.fillText("blank", Math.min(width - 32 * ratio, x(this.spikes.shown / dt) + 4 * ratio), gap - 5 * ratio);
    this.drawGroups(context, gap, part, ratio, width);
    const end = this.time / dt;
    context.fillStyle = ink("ink");
    context.globalAlpha = 0.55;
    for (let k = 0; k < input.length && input[k + 1] <= end; k += 2) context.fillRect(x(input[k + 1]), gap + (input[k] / nInputs) * part, size, size);
    context.globalAlpha = 1;
    for (let k = 0; k < neurons.length && neurons[k + 1] <= end; k += 2) {
      context.fillStyle = ink(neurons[k] === leader ? "warm" : "accent");
      const y = 2 * gap + part + (1 - (rows[neurons[k]] + 0.5) / nNeurons) * (part - 6 * ratio);
      context.fillRect(x(neurons[k + 1]) - ratio, y, 2.6 * ratio, Math.max(6 * ratio, part / nNeurons));
    }
    context.fillStyle = ink("warm");
    if (this.time < total) context.fillRect(x(end), 0, ratio, height);
  }

  /** What the rows of neurons mean, at the left. */
  drawGroups(context, gap, part, ratio, width) {
    const { groups, nNeurons } = this.spikes;
    const y = (row) => 2 * gap + part + (1 - row / nNeurons) * (part - 6 * ratio);
    groups.forEach(([name, start, stop]) => {
      context.fillStyle = colour("muted", this.canvas);
      if (y(start) - y(stop) > 9 * ratio) context.fillText(name.slice(0, 3), 0, (y(start) + y(stop)) / 2 + 4 * ratio);
      context.fillStyle = colour("line", this.canvas);
      context.fillRect(0, y(stop), width, ratio / 2);
    });
  }
}
