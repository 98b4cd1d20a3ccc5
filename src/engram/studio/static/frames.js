// What one message from the server holds: a header and arrays behind it (studio/frames.py says how).

const KINDS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

/** The header of a frame, and its arrays by name. */
export function decodeFrame(buffer) {
  const view = new DataView(buffer);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let at = 4 + length;
  for (const { name, dtype, shape } of header.arrays) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = new KINDS[dtype](buffer, at, size);
    at += size * arrays[name].BYTES_PER_ELEMENT;
    at += (4 - (at % 4)) % 4;
  }
  return { header, arrays };
}
