// Curves over time, by uPlot, in the colours of the page.
import uPlot from "./vendor/uPlot.esm.js";
import { colour, h, shown } from "./dom.js";

/**
 * A curve that can be set again and again.
 *
 * @param title what it shows, in words
 * @param x the name of what runs along
 * @param lines [{label, colour, dash, width}]
 * @param format how a value is said
 * @param band draw the space between lines 1 and 2
 */
export class Curve {
  constructor({ title, x = "images", lines, format = shown, height = 120, range = null, band = false, steps = false }) {
    Object.assign(this, { title, x, lines, format, height, range, band, steps });
    this.data = [[], ...lines.map(() => [])];
    this.said = null;
    this.value = h("span", { class: "value" });
    this.body = h("div", { class: "plot", role: "img", "aria-label": `${title}: nothing yet` });
    this.element = h("figure", { class: "curve" }, h("figcaption", {}, h("span", {}, title), this.value), this.body);
    this.element.setAttribute("role", "group");
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.body);
  }

  /** Other numbers: the places along, then each line. */
  set(data, said = null) {
    this.data = data;
    this.said = said;
    const last = data[1]?.[data[1].length - 1];
    this.value.textContent = said ?? (last === undefined ? "" : this.format(last));
    this.body.setAttribute("aria-label", `${this.title}: ${this.value.textContent || "nothing yet"}`);
    if (this.plot) this.plot.setData(data);
    else this.resize();
  }

  /** Draw anew, in other colours. */
  redraw() {
    this.plot?.destroy();
    this.plot = null;
    this.resize();
  }

  resize() {
    const width = Math.floor(this.body.clientWidth);
    if (width < 40) return;
    if (this.plot) this.plot.setSize({ width, height: this.height });
    else this.plot = new uPlot(this.options(width), this.data, this.body);
  }

  options(width) {
    const ink = colour("muted", this.element);
    const grid = { stroke: colour("line", this.element), width: 1 };
    const font = "11px system-ui, sans-serif";
    const axis = { stroke: ink, grid, ticks: { show: false }, font, labelFont: font };
    const steps = this.steps ? uPlot.paths.stepped({ align: 1 }) : undefined;
    return {
      width,
      height: this.height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: this.range ? { range: this.range } : {} },
      axes: [
        { ...axis, grid: { show: false }, size: 26, values: (_, ticks) => ticks.map((tick) => shown(tick)) },
        { ...axis, size: 46, space: 26, values: (_, ticks) => ticks.map((tick) => this.format(tick)) },
      ],
      series: [
        { label: this.x },
        ...this.lines.map((line) => ({
          label: line.label,
          stroke: line.colour.startsWith("#") ? line.colour : colour(line.colour, this.element),
          width: line.width ?? 1.75,
          dash: line.dash,
          points: { show: false },
          spanGaps: true,
          paths: steps,
        })),
      ],
      bands: this.band ? [{ series: [3, 2], fill: colour("band", this.element) }] : [],
      hooks: { setCursor: [(plot) => this.say(plot)] },
    };
  }

  /** What the pointer is at, in the caption. */
  say(plot) {
    const k = plot.cursor.idx;
    const values = k === null || k === undefined ? null : plot.data.slice(1).map((line) => line[k]);
    const last = this.data[1]?.[this.data[1].length - 1];
    if (values && values[0] !== undefined) {
      this.value.textContent = `${shown(plot.data[0][k])} ${this.x}: ${this.format(values[0])}`;
    } else if (this.said !== null) this.value.textContent = this.said;
    else this.value.textContent = last === undefined ? "" : this.format(last);
  }
}
