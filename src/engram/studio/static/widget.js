// The studio's fields and curves in a notebook, by anywidget.
import { Curve } from "./curves.js";
import { h, percent, shown } from "./dom.js";
import { FieldGrid } from "./fields.js";
import { decodeFrame } from "./frames.js";

function render({ model, el }) {
  const pointed = h("p", { class: "hint" });
  const counted = h("p", { class: "counted" });
  const standing = "Each square is one neuron and shows the pixels that it listens to.";
  const grid = new FieldGrid({ onPoint: (text) => (pointed.textContent = text || standing) });
  const accuracy = new Curve({ title: "Recognised before learning from them", lines: [{ label: "accuracy", colour: "warm" }], format: (value) => percent(value, 0), range: [0, 1], height: 110 });
  const norm = new Curve({ title: "Sum of a neuron's weights", lines: [{ label: "norm", colour: "accent" }], height: 110 });
  const theta = new Curve({ title: "Thresholds above rest (mV)", lines: [{ label: "theta", colour: "green" }], height: 110 });
  const order = h("select", { "aria-label": "Order of the fields", onchange: () => { model.set("order", order.value); model.save_changes(); } }, [["index", "fixed places"], ["label", "by label"]].map(([value, text]) => h("option", { value }, text)));
  order.value = model.get("order");
  pointed.textContent = standing;
  el.classList.add("engram");
  el.append(h("div", { class: "pair" }, h("div", {}, grid.canvas, pointed), h("div", {}, counted, accuracy.element, norm.element, theta.element, order)));
  const draw = () => {
    const content = model.get("frame");
    if (!content || !content.byteLength) return;
    const { header, arrays } = decodeFrame(content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength));
    grid.set({ ...arrays, ...header.fields, classes: header.classes });
    counted.textContent = header.total ? `${shown(header.examples)} of ${shown(header.total)} images` : `learned from ${shown(header.examples)} images`;
    const column = (k) => header.points.map((point) => point[k]);
    for (const [curve, k] of [[accuracy, 1], [norm, 2], [theta, 3]]) {
      curve.element.hidden = !header.points.length;
      if (header.points.length) curve.set([column(0), column(k)]);
    }
  };
  const later = () => requestAnimationFrame(draw);
  model.on("change:frame", later);
  draw();
  return () => model.off("change:frame", later);
}

export default { render };
