// The colours of engram's figures: ink on paper for amounts, red and blue for signs, "hot" for who fired.

const GREYS = ["ffffff", "f0f0f0", "d9d9d9", "bdbdbd", "969696", "737373", "525252", "252525", "000000"];
const NIGHT = ["15171b", "23262b", "383c43", "545962", "777d87", "9aa0a9", "bfc4cb", "e2e5e9", "ffffff"];
const SIGNED = ["053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b", "67001f"];
const SIGNED_NIGHT = ["9fd3f5", "6cb8ea", "3f8cc4", "275c85", "1b3448", "15171b", "47241a", "86402a", "c7623f", "f08a62", "ffc0a3"];

const made = new Map();

/** Colours for the bytes 0 to 255, as pixels of an ImageData. */
export function palette(kind, dark) {
  const key = `${kind} ${dark}`;
  if (!made.has(key)) made.set(key, kind === "hot" ? hot() : between(stops(kind, dark)));
  return made.get(key);
}

/** One colour of a palette as CSS has it. */
export function cssColour(colours, byte) {
  const pixel = colours[byte];
  return `rgb(${pixel & 255}, ${(pixel >> 8) & 255}, ${(pixel >> 16) & 255})`;
}

function stops(kind, dark) {
  if (kind === "signed") return dark ? SIGNED_NIGHT : SIGNED;
  return dark ? NIGHT : GREYS;
}

function between(hexes) {
  const points = hexes.map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const place = (byte / 255) * (points.length - 1);
    const low = Math.min(Math.floor(place), points.length - 2);
    const [r, g, b] = points[low].map((value, k) => Math.round(value + (place - low) * (points[low + 1][k] - value)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

function hot() {
  const ramp = (x, from, to) => Math.round(255 * Math.min(1, Math.max(0, (x - from) / (to - from))));
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const x = byte / 255;
    const r = Math.max(11, ramp(x, -0.0159, 0.365079));
    return (255 << 24) | (ramp(x, 0.746032, 1) << 16) | (ramp(x, 0.365079, 0.746032) << 8) | r;
  });
}
