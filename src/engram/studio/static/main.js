// The page: which view is shown, what the address says, and what every view needs.
import { DrawView } from "./draw.js";
import { h } from "./dom.js";
import { InsideView } from "./inside.js";
import { LearnView } from "./learn.js";
import { Stream, ask, perform } from "./net.js";
import { RuleView } from "./rule.js";

const VIEWS = [
  ["learn", "Learn", LearnView],
  ["draw", "Draw", DrawView],
  ["inside", "Look inside", InsideView],
  ["rule", "Rule", RuleView],
];
const THEMES = ["auto", "light", "dark"];

class Studio {
  constructor(about) {
    this.about = about;
    this.state = { kind: "none" };
    this.points = [];
    this.banner = document.querySelector(".banner");
    this.links = VIEWS.map(([name, title]) => h("a", { href: `#/${name}`, "data-view": name }, title));
    document.querySelector("nav").replaceChildren(...this.links);
    document.querySelector(".tools").replaceChildren(this.themeButton());
    window.addEventListener("hashchange", () => this.route());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.view?.recolour?.());
    this.stream = new Stream((frame) => this.take(frame), (isThere, why) => this.linked(isThere, why));
    this.route();
  }

  /** Show the view that the address names. */
  route() {
    const [name, query] = location.hash.replace(/^#\//, "").split("?");
    const [key, title, View] = VIEWS.find(([view]) => view === name) ?? VIEWS[0];
    const asked = new URLSearchParams(query);
    if (this.view?.name === key) {
      this.view.arrive?.(asked);
      return;
    }
    this.view?.leave?.();
    document.title = `${title} – engram studio`;
    for (const link of this.links) {
      if (link.dataset.view === key) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.view = new View(this, asked);
    this.view.name = key;
    document.querySelector("main").replaceChildren(this.view.element);
    this.stream.want({ fields: Boolean(this.view.wantsFields), order: this.view.order ?? "index", layer: this.view.layers?.layer ?? "" });
    if (this.frame) this.view.take?.(this.frame);
    if (this.isLinked) this.reopen(asked);
  }

  /** Let the address say what is seen. */
  remember(values) {
    const [path, query] = location.hash.split("?");
    const asked = new URLSearchParams(query);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined || value === "") asked.delete(name);
      else asked.set(name, value);
    }
    const text = asked.toString();
    const address = (path || "#/learn") + (text ? `?${text}` : "");
    if (address !== location.hash) history.replaceState(null, "", address); // it is dear, and frames come often
  }

  /** After the studio was started anew: open what the address names. */
  async reopen(asked) {
    const path = asked.get("open");
    if (!path) return;
    try {
      const state = await ask("/api/state");
      if (state.path !== path && !["compiling", "learning", "paused"].includes(state.phase)) await perform("open", { path });
    } catch (error) {
      this.say(error.message);
    }
  }

  take(frame) {
    const { header, arrays } = frame;
    this.state = header.is_whole ? header.state : { ...this.state, ...header.state };
    this.points = [...this.points.slice(0, header.points_from), ...header.points];
    this.frame = { state: this.state, points: this.points, scale: header.fields, arrays };
    if (this.state.path && this.view?.keepsPath) this.remember({ open: this.state.path });
    this.view?.take?.(this.frame);
  }

  linked(isThere, why) {
    this.isLinked = isThere;
    if (isThere) {
      this.say("");
      this.reopen(new URLSearchParams(location.hash.split("?")[1]));
    } else this.say(why || "The studio does not answer. If it was closed, start “engram studio” again; this page finds it by itself.");
  }

  /** One sentence above the view; empty to take it away. */
  say(sentence) {
    this.banner.textContent = sentence;
    this.banner.hidden = !sentence;
  }

  /** Do what may go wrong, and say what did. */
  async attempt(work) {
    try {
      this.say("");
      return await work();
    } catch (error) {
      this.say(error.message);
      return undefined;
    }
  }

  themeButton() {
    const apply = (theme) => {
      if (theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme;
      button.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
      button.setAttribute("aria-label", `Colours: ${theme}. Change them.`);
      button.title = `Colours: ${theme}`;
      this.view?.recolour?.();
    };
    const button = h("button", {
      class: "plain",
      onclick: () => {
        const next = THEMES[(THEMES.indexOf(read("theme") ?? "auto") + 1) % THEMES.length];
        keep("theme", next);
        apply(next);
      },
    });
    apply(THEMES.includes(read("theme")) ? read("theme") : "auto");
    return button;
  }
}

function read(name) {
  try {
    return localStorage.getItem(`engram.${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`engram.${name}`, value);
  } catch {
    // where nothing may be kept, it lasts as long as the page
  }
}

try {
  window.studio = new Studio(await ask("/api/about"));
} catch (error) {
  const banner = document.querySelector(".banner");
  banner.hidden = false;
  banner.textContent = error.message;
}
