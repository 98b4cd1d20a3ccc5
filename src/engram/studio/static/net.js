// Talking to the server: questions with answers, and the stream of frames.
import { decodeFrame } from "./frames.js";

const token = new URLSearchParams(location.search).get("token") ?? "";

/** Ask the server; what goes wrong is an Error with its sentence. */
export async function ask(path, body = undefined, type = "application/json") {
  const options = { headers: { "X-Engram-Token": token } };
  if (body !== undefined) {
    options.method = "POST";
    options.body = type === "application/json" ? JSON.stringify(body) : body;
    options.headers["Content-Type"] = type;
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The studio does not answer. Is “engram studio” still running in the terminal?");
  }
  if (response.ok) return (response.headers.get("content-type") ?? "").includes("json") ? response.json() : response.blob();
  const text = await response.text();
  let sentence = text;
  try {
    sentence = JSON.parse(text).error;
  } catch {
    // it is a plain sentence
  }
  throw new Error(sentence || `The studio answered ${response.status}.`);
}

/** Do something with the network that is open. */
export function perform(deed, more = {}) {
  return ask("/api/do", { do: deed, ...more });
}

/** Save a file that the server makes. */
export async function download(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await ask(path));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The stream. It is taken up again whenever it breaks, and rests while the page is not on a screen. */
export class Stream {
  /**
   * @param onFrame called with each frame
   * @param onLink called with whether the server is there
   */
  constructor(onFrame, onLink) {
    this.onFrame = onFrame;
    this.onLink = onLink;
    this.wants = { order: "index", fields: true };
    this.delay = 250;
    document.addEventListener("visibilitychange", () => this.look());
    window.addEventListener("online", () => this.open());
    this.open();
  }

  /** Say what the page draws. */
  want(wants) {
    this.wants = { ...this.wants, ...wants };
    this.send(this.wants);
  }

  open() {
    if (this.socket && this.socket.readyState < 2) return;
    this.socket = new WebSocket(`ws://${location.host}/live?token=${encodeURIComponent(token)}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.delay = 250;
      this.onLink(true);
      this.send({ ...this.wants, points: 0, looks: !document.hidden });
    };
    this.socket.onmessage = ({ data }) => this.take(decodeFrame(data));
    this.socket.onclose = ({ code, reason }) => {
      this.onLink(false, code === 1013 ? reason : "");
      setTimeout(() => this.open(), this.delay);
      this.delay = Math.min(5000, 2 * this.delay);
    };
  }

  /** Draw a frame when the screen is ready for it, then ask for the next. */
  take(frame) {
    const draw = () => {
      try {
        this.onFrame(frame);
      } finally {
        this.send({ drawn: frame.header.number });
      }
    };
    if (document.hidden) draw();
    else requestAnimationFrame(draw);
  }

  look() {
    this.send({ looks: !document.hidden });
    if (!document.hidden) this.open();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
