"""Measure the studio in a real browser: frames a second, what watching costs training, memory over time; take pictures.

A page watches a network of 400 neurons that learns digits. Stretches in which the page looks take turns with others in
which it does not, so that both meet the same machine. Alone, an image costs so much of the server's processor time;
what is spent beyond that while the page looks is what its frames cost, all threads together: keeping a moment, making a
frame, sending it. Both grow alike on a busy machine, so what counts is how many images a frame is worth. The wall clock
is told too; it says little there. Memory is that of the server's process and, over its processes, the browser's.

The browser is spoken to by its debugging port and asked for numbers alone. A driver such as Playwright would have it
report every message of the stream, which costs more than drawing it, and which no reader's browser does.

    python benchmarks/studio.py                        # a minute
    python benchmarks/studio.py --minutes 30 --out docs/measured/studio.json
    python benchmarks/studio.py --pictures docs/_static/studio
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from engram.runs import RunOptions
from engram.studio.desk import Desk
from engram.studio.server import Studio

SEVEN = [(80, 62), (200, 62), (140, 222)]
"""A digit on a field of 280 pixels."""

COUNT_FRAMES = """
    window.frames_drawn = 0;
    const take = window.studio.take.bind(window.studio);
    window.studio.take = (frame) => { window.frames_drawn += 1; take(frame); };
"""


def studio_of(folder: str, neurons: int, examples: int) -> Studio:
    """A studio with a network that has not learned yet."""
    desk = Desk(folder, options=RunOptions(evaluate=False, figures=False))
    desk.new({"dataset": "digits", "neurons": neurons, "examples": examples})
    return Studio(desk).start()


PICTURES = (
    ("light", 1280, 900, ("learn", "draw", "layers", "rule")),
    ("dark", 1280, 900, ("inside",)),
    ("light", 390, 844, ("draw",)),
)
"""Theme, size and views of the documentation's pictures."""


class Page:
    """A page in a browser of its own, which is asked for values and told nothing else."""

    def __init__(self, address: str, chromium: str):
        from websockets.sync.client import connect

        self.folder = tempfile.TemporaryDirectory()
        options = ["--headless", "--no-sandbox", "--remote-debugging-port=0", "--window-size=1280,900"]
        self.process = subprocess.Popen(
            [chromium, *options, f"--user-data-dir={self.folder.name}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.open = contextlib.ExitStack()
        self.socket = self.open.enter_context(connect(self._debugging_address(), max_size=None))
        self.asked = 0

    def _debugging_address(self) -> str:
        """Of the first page, once there is one."""
        written, end = Path(self.folder.name) / "DevToolsActivePort", time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError, IndexError, StopIteration):
                port = written.read_text().splitlines()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                    return next(one["webSocketDebuggerUrl"] for one in json.load(answer) if one["type"] == "page")
            time.sleep(0.05)
        raise RuntimeError("the browser does not answer")

    def evaluate(self, expression: str):
        """The value of an expression."""
        self.asked += 1
        asked = {"expression": expression, "returnByValue": True}
        self.socket.send(json.dumps({"id": self.asked, "method": "Runtime.evaluate", "params": asked}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.asked:
            pass
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until an expression is true."""
        while True:
            with contextlib.suppress(RuntimeError):  # the page is being opened
                if self.evaluate(expression):
                    return
            time.sleep(0.05)

    def close(self) -> None:
        """End the browser."""
        self.open.close()
        self.process.terminate()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.folder.cleanup()


class Watching:
    """A learning network and a page that looks at it, or not."""

    def __init__(self, studio: Studio, page):
        self.studio, self.page, self.learner = studio, page, studio.desk.subject

    def stretch(self, seconds: float, *, looks: bool) -> dict:
        """Let it learn for a while; what was done and drawn meanwhile."""
        self.page.evaluate(f"window.studio.stream.send({{looks: {'true' if looks else 'false'}}})")
        time.sleep(0.2)
        begin = self._counters()
        time.sleep(seconds)
        return {name: after - begin[name] for name, after in self._counters().items()}

    def _counters(self) -> dict[str, float]:
        return {
            "wall": time.monotonic(),
            "cpu": time.process_time(),
            "browser": sum(map(processor_time_of, children_of(os.getpid()))),
            "images": self.learner.training.examples,
            "frames": self.page.evaluate("window.frames_drawn"),
        }


def processor_time_of(pid: int) -> float:
    """Of a process, s."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int | str) -> float:
    """Memory of a process that is its own, or its share of what it shares, MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def children_of(pid: int) -> list[int]:
    """Every process below one."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [below for child in found for below in children_of(child)]


def measure(studio: Studio, chromium: str, options) -> dict:
    """Let a page watch a network that learns."""
    page = Page(f"{studio.address}#/learn", chromium)
    try:
        page.wait_for("document.querySelector('canvas.fields[width]') !== null")
        page.evaluate(COUNT_FRAMES)
        studio.desk.subject.set_speed(options.images_per_second)
        studio.desk.subject.start()
        while studio.desk.subject.phase != "learning":
            time.sleep(0.1)
        return measured(Watching(studio, page), options.minutes, options.seconds)
    finally:
        page.close()


def measured(watching: Watching, minutes: float, seconds: float) -> dict:
    """Take turns until the time is over."""
    pairs, memory, begin = [], [], time.monotonic()
    while time.monotonic() - begin < 60 * minutes or len(pairs) < 4:
        pairs.append((watching.stretch(seconds, looks=True), watching.stretch(seconds, looks=False)))
        server = memory_of(os.getpid())
        browser = sum(map(memory_of, children_of(os.getpid())))
        memory.append({"minutes": (time.monotonic() - begin) / 60, "server_MiB": server, "browser_MiB": browser})
    watched, alone = (total(stretches) for stretches in zip(*pairs, strict=True))
    cost = (watched["cpu"] - watched["images"] * alone["cpu"] / alone["images"]) / max(watched["frames"], 1)
    image = alone["cpu"] / alone["images"]
    return {
        "neurons": watching.learner.training.config.neurons,
        "frames_per_second": watched["frames"] / watched["wall"],
        "cpu_ms_per_frame": 1000 * cost,
        "cpu_ms_per_image": 1000 * image,
        "images_a_frame_is_worth": cost / image,
        "share_of_processor_time_that_is_training": watched["images"] * image / watched["cpu"],
        "browser_cpu_ms_per_frame": 1000 * watched["browser"] / max(watched["frames"], 1),
        "speed_watched_over_alone_by_the_wall_clock": (watched["images"] / watched["wall"])
        / (alone["images"] / alone["wall"]),
        "turns": len(pairs),
        "load_average": os.getloadavg()[1],
        "memory": _thinned(memory),
    }


def total(stretches: tuple[dict, ...]) -> dict:
    """All stretches as one."""
    return {name: sum(stretch[name] for stretch in stretches) for name in stretches[0]}


def _thinned(records: list[dict]) -> list[dict]:
    """At most some forty of them, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(records) - 1, min(len(records), 40)).round().astype(int))
    return [{name: round(value, 1) for name, value in records[k].items()} for k in chosen]


def take_pictures(studio: Studio, chromium: str, folder: Path) -> None:
    """Every view in a light and a dark page, and on a phone, for the documentation."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    learner = studio.desk.subject
    learner.start()
    while learner.training.examples < 3000:
        time.sleep(0.05)
    learner.pause()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for theme, width, height, views in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
            )
            _take_views(context.new_page(), studio, theme, width, views, folder)
            context.close()
        browser.close()


def _take_views(page, studio: Studio, theme: str, width: int, views: tuple[str, ...], folder: Path) -> None:
    for view in views:
        show(page, studio, view)
        name = view + ("-dark" if theme == "dark" else "") + ("-phone" if width < 600 else "")
        if width < 600:
            page.evaluate("document.querySelector('.answer').scrollIntoView({block: 'center'})")
        save(page, folder / f"{name}.png", view, full=view != "learn" and width > 600)


def show(page, studio: Studio, view: str) -> None:
    """Bring a view to where there is something to see."""
    asked = {
        "learn": "",
        "draw": "?of=mnist-400",
        "layers": "?of=mnist-conv",
        "inside": "?neuron=31&pixel=407",
        "rule": "",
    }[view]
    page.goto("about:blank")
    page.goto(f"{studio.address}#/{'draw' if view == 'layers' else view}{asked}")
    if view in ("draw", "layers"):
        draw_seven(page)
    if view == "inside":
        page.get_by_role("button", name="Read the test images").click()
        page.wait_for_selector(".confusion td .cell")
        page.wait_for_selector(".images canvas")
    page.wait_for_timeout(2500)


def draw_seven(page) -> None:
    """As a hand does."""
    box = page.locator("canvas.pad").bounding_box()
    places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    page.wait_for_selector(".answer .digit")


def save(page, path: Path, view: str, *, full: bool) -> None:
    """A picture of the page, small enough for a repository: few colours do for paper and ink."""
    from PIL import Image

    if view == "layers":
        page.locator("section:has(> .layers)").screenshot(path=path)
    else:
        page.screenshot(path=path, full_page=full)
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Measure or take pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a stretch")
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--images-per-second", type=float, help="learn no faster, to leave the machine to others")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder:
        studio = studio_of(folder, options.neurons, 10_376 if options.pictures else 100_000_000)
        try:
            if options.pictures:
                take_pictures(studio, chromium, options.pictures)
                return
            found = measure(studio, chromium, options)
        finally:
            studio.close()
    text = json.dumps(found, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
