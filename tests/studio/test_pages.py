"""The pages in a real browser: drawn to by mouse and keyboard, watched, reloaded, attacked, and looked at.

They run where Debian's ``chromium`` is installed. Pictures of every view are kept in the folder that
``ENGRAM_STUDIO_PICTURES`` names; the documentation's are made so.
"""

import base64
import http.server
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from engram.runs import RunOptions
from engram.studio.desk import Desk
from engram.studio.learner import LEARNING
from engram.studio.server import Studio
from studio.conftest import picture_of
from tiny import tiny_training

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install '.[test]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

PATIENCE = 300_000  # ms: how long a browser takes is the machine's business
VIEWS = ("learn", "draw?sample=3", "inside?neuron=31&pixel=407", "rule")
AXE = {  # only colours differ between the themes
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
SEVEN = [(80, 62), (200, 62), (140, 222)]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


def ready_studio(folder, examples=2000):
    """A studio with a network of 100 neurons that has learned nothing yet."""
    desk = Desk(folder, options=RunOptions(figures=False, evaluate=False))
    desk.new({"dataset": "digits", "neurons": 100, "examples": examples})
    return Studio(desk).start()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A studio with a network that has learned from some digits and stands still."""
    studio = ready_studio(tmp_path_factory.mktemp("work"))
    learner = studio.desk.subject
    learn = learner.training.learn_block

    def learn_block():
        progress = learn()
        if progress.examples == 300:
            learner.pause()
        return progress

    learner.training.learn_block = learn_block
    learner.start()
    while learner.phase != "paused":
        assert learner.phase in LEARNING, learner.message
        time.sleep(0.01)
    yield studio
    studio.close()


@pytest.fixture
def page(browser, studio):
    yield from opened(browser, studio)


def opened(browser, studio, **how):
    """A page whose errors are the test's."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **how})
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert wrong == []


def go(page, studio, view):
    page.goto("about:blank")
    page.goto(f"{studio.address}#/{view}")


def fields(page):
    """What the grid shows, as the text of its pixels."""
    return page.evaluate("document.querySelector('canvas.fields').toDataURL()")


def until(page, expression, argument=None):
    """Wait for what an expression says; asked from here, since the page lets no text be run."""
    end = time.monotonic() + 300
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, f"{expression}: {page.inner_text('main')[:500]}"
        page.wait_for_timeout(20)


def says(page, text):
    until(page, "text => document.body.innerText.includes(text)", text)


def test_digit_that_is_drawn_with_the_mouse_is_read(page, studio):
    go(page, studio, "draw?of=mnist-400")
    box = page.locator("canvas.pad").bounding_box()
    places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    page.wait_for_selector(".answer .digit")
    assert page.inner_text(".answer .digit") == "7"
    leaders = page.locator(".leaders li strong").all_inner_texts()
    assert leaders.count("7") > len(leaders) / 2
    assert page.locator(".leaders a").count() == 0  # another network is open, whose neurons of these numbers are others
    assert page.locator(".membranes canvas").is_visible()


def test_digit_that_is_drawn_with_the_keyboard_is_read(page, studio):
    go(page, studio, "draw?of=mnist-400")
    page.focus("canvas.pad")
    for key in (" ", *["ArrowDown"] * 14, " "):
        page.keyboard.press(key)
    page.wait_for_selector(".answer .digit")
    assert page.inner_text(".answer .digit") == "1"


def test_picture_that_is_chosen_is_read(page, studio):
    go(page, studio, "draw?of=mnist-100")
    one = {"name": "one.png", "mimeType": "image/png", "buffer": picture_of(280, 24)}
    page.set_input_files("input[type=file]", one)
    page.wait_for_selector(".answer .digit")
    assert page.inner_text(".answer .digit") == "1"
    page.set_input_files("input[type=file]", {**one, "buffer": b"no picture"})
    says(page, "drawing.png")
    page.evaluate("window.studio.view.readFile({name: 'one.png', size: 9e6})")
    says(page, "one.png is larger than 8 MiB")


def test_fields_change_while_it_learns_and_a_paused_run_is_the_same_after_a_reload(page, browser, tmp_path):
    studio = ready_studio(tmp_path, examples=1_000_000)  # it does not come to its end before it is paused
    go(page, studio, "learn")
    page.wait_for_selector("canvas.fields[width]")
    says(page, "Ready.")
    before = fields(page)
    page.get_by_role("button", name="One image").click()
    says(page, "1 of 1,000,000 images")
    page.get_by_role("button", name="Go on").click()
    until(page, "window.studio.state.examples >= 300")
    assert fields(page) != before
    page.get_by_role("button", name="Pause").click()
    says(page, "Paused.")
    shown, count = fields(page), page.inner_text(".progress .numbers")
    assert "open=runs" in page.url
    page.reload()
    says(page, count)
    says(page, "Paused.")
    until(page, "shown => document.querySelector('canvas.fields').toDataURL() === shown", shown)
    for other in opened(browser, studio):
        go(other, studio, "learn")
        says(other, count)
        other.get_by_label("eta, as a number").fill("0.05")
        other.keyboard.press("Enter")
        learned = studio.desk.subject.training
        eta = learned.config.replace(constants={}).make_rule().eta  # of the default preset, for 100 neurons
        assert f"{eta:.3g}" == "0.0574"
        says(page, f"After {learned.examples:,} images: eta from 0.0574 to 0.05")
    studio.close()


def test_fields_by_label_are_drawn_as_if_sent_in_that_order(page, studio):
    go(page, studio, "learn?order=label")
    page.wait_for_selector("canvas.fields[width]")
    until(page, "'columnOf' in window.studio.view.grid.data")
    sheet = studio.desk.moment().sheet(by_label=True)
    sent = {name: values.ravel().tolist() for name, values in sheet.arrays.items()}
    drawn = page.evaluate(
        """sent => {
            const grid = window.studio.view.grid;
            const lists = () => ["neurons", "labels", "counts"].map((name) => [...grid.data[name]]);
            const seen = () => [...lists(), grid.raw.toDataURL(), grid.describe(7)];
            const here = seen();
            grid.set(grid.data); // as another theme has it
            const again = seen();
            const { columnOf, ...data } = grid.data;
            grid.set({ ...data, ...sent });
            return [here, again, seen()];
        }""",
        sent,
    )
    assert drawn[0] == drawn[1] == drawn[2]
    assert drawn[0][0] == sheet.neurons.tolist() != sorted(sheet.neurons)


def test_network_of_filters_shows_where_they_answered(page, studio):
    go(page, studio, "draw?of=mnist-conv")
    page.set_input_files("input[type=file]", {"name": "1.png", "mimeType": "image/png", "buffer": picture_of(280, 24)})
    page.wait_for_selector(".answer .digit")
    assert page.inner_text(".answer .digit") == "1"
    says(page, "64 maps of 24 × 24")
    assert page.locator(".maps canvas").count() == 3 * 12  # two layers of twelve maps, the first with their filters
    assert page.evaluate("document.querySelector('option[value=tutorial]').closest('label').hidden")


def test_new_network_is_announced_while_it_is_made_and_nothing_can_be_started_before(
    page, browser, tmp_path, monkeypatch
):
    studio, make, made = ready_studio(tmp_path), Desk.new, threading.Event()
    monkeypatch.setattr(Desk, "new", lambda desk, options: (made.wait(300), make(desk, options)))
    studio.desk.subject._ahead.join()  # nothing more is told of compiling
    go(page, studio, "learn")
    says(page, "Ready.")
    studio.desk.subject._count_compiled(3, 38, "the engine")
    says(page, "3 of 38 parts compiled")
    studio.desk.subject._count_compiled(38, 38, "")
    says(page, "0 of 2,000 images")
    page.get_by_text("Another network").click()
    page.get_by_label("Network").select_option("two-layers")
    assert page.get_by_label("Constants").all_inner_texts() == ["as published"]
    page.get_by_label("Neurons", exact=True).fill("9")
    page.get_by_role("button", name="New network").click()
    says(page, "Making the new network")
    assert page.get_by_role("button", name="Start").is_disabled()
    made.set()
    until(page, "window.studio.state.network_name === 'two-layers'")
    says(page, "Ready.")
    until(page, "!document.querySelector('button.primary').disabled")
    page.locator("label:has-text('Layer') > select:has(option[value=first])").select_option("first")
    until(page, "document.querySelector('canvas.fields') && window.studio.frame.arrays.neurons.length === 100")
    assert "layer=first" in page.url
    studio.close()


def test_neuron_and_pixel_are_found_by_their_address_and_by_the_keyboard(page, studio):
    go(page, studio, "inside?neuron=5&pixel=400")
    says(page, "Neuron 5")
    says(page, "It feeds most")
    page.focus("canvas.fields")
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(page, "!location.hash.includes('neuron=5&')")
    page.get_by_role("button", name="Read the test images").click()
    page.wait_for_selector(".confusion td .cell")
    page.locator(".confusion .cell").first.press("Enter")
    page.wait_for_selector(".behind canvas")


def test_rule_follows_its_sliders(page, studio):
    go(page, studio, "rule?rule=pair")
    page.wait_for_selector(".curve canvas")
    page.locator("select").first.select_option("self_normalizing")
    says(page, "target: 10")
    page.get_by_label("a_tar, as a number").fill("0.2")
    page.keyboard.press("Enter")
    says(page, "target: 20")
    assert "c.a_tar=0.2" in page.url


def test_pages_of_other_origins_reach_nothing(browser, studio):
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    try:
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        attack = """([port, token]) => new Promise((resolve) => {
            const socket = new WebSocket(`ws://127.0.0.1:${port}/live?token=${token}`);
            socket.onopen = () => resolve("open");
            socket.onclose = () => resolve("refused");
        })"""
        assert page.evaluate(attack, [studio.port, studio.token]) == "refused"
        before = studio.desk.version
        body = """([port, body]) => fetch(`http://127.0.0.1:${port}/api/do`, {method: "POST", mode: "no-cors", body})
            .then((answer) => answer.type, () => "refused")"""
        assert page.evaluate(body, [studio.port, '{"do": "new", "options": {}}']) == "refused"
        read = "([port]) => fetch(`http://127.0.0.1:${port}/static/main.js`).then(() => 'read', () => 'refused')"
        assert page.evaluate(read, [studio.port]) == "refused"
        assert studio.desk.version == before
    finally:
        page.close()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_can_be_used_by_everyone_and_fits_a_phone(browser, studio, theme):
    """No violation found by axe-core, nothing wider than the screen; pictures of all for whoever looks at them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core: pip install '.[test]'")
    pictures = os.environ.get("ENGRAM_STUDIO_PICTURES")
    for page in opened(browser, studio, color_scheme=theme):
        for view in VIEWS:
            go(page, studio, view)
            settle(page, view)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 900})
                until(page, "width => window.innerWidth === width", width)
                until(page, "width => document.documentElement.scrollWidth <= width", width)  # curves follow it
                if pictures:
                    page.wait_for_timeout(300)  # curves follow the width
                    name = f"{view.partition('?')[0]}-{theme}-{width}.png"
                    page.screenshot(path=Path(pictures) / name, full_page=True)
            found = axe.Axe().run(page, options=AXE[theme])
            assert found.violations_count == 0, f"{view}\n{found.generate_report()}"
            page.set_viewport_size({"width": 1280, "height": 900})


def settle(page, view):
    """Until a view shows what it has to show."""
    name = view.partition("?")[0]
    wanted = {
        "learn": "canvas.fields[width]",
        "draw": ".answer .digit",
        "inside": ".feeds li",
        "rule": ".key li:nth-child(4)",
    }
    page.wait_for_selector(wanted[name])


def test_page_finds_a_studio_that_was_started_anew(browser, tmp_path):
    first = Studio(Desk(tmp_path)).start()
    first.desk.open("mnist-100")
    for page in opened(browser, first):
        go(page, first, "learn")
        says(page, "mnist")
        first.close()
        says(page, "does not answer")
        again = Studio(Desk(tmp_path), first.port, first.token).start()
        until(page, "document.querySelector('.banner').hidden")
        end = time.monotonic() + 300
        while again.desk.subject is None and time.monotonic() < end:
            page.wait_for_timeout(20)
        assert again.desk.state()["path"] == "mnist-100"
        again.close()


def test_widget_draws_in_a_page_by_itself(browser):
    """As a notebook does by anywidget's contract: a module's `render`, a model with `get`, `set` and `on`."""
    widgets = pytest.importorskip("engram.widgets")
    view = widgets.LearningView(tiny_training())
    for _ in view.follow():
        pass
    page = browser.new_page()
    shown = page.evaluate(
        """async ([module, frame]) => {
            const {default: widget} = await import(URL.createObjectURL(new Blob([module], {type: "text/javascript"})));
            const bytes = Uint8Array.from(atob(frame), (letter) => letter.charCodeAt(0));
            const values = {frame: new DataView(bytes.buffer), order: "index"};
            const model = {get: (name) => values[name], set() {}, save_changes() {}, on() {}, off() {}};
            document.body.append(Object.assign(document.createElement("div"), {id: "cell"}));
            widget.render({model, el: document.querySelector("#cell")});
            const seen = () => {
                const canvas = document.querySelector("canvas.fields");
                const [width, height] = [canvas?.width ?? 0, canvas?.height ?? 0];
                const pixels = width * height ? canvas.getContext("2d").getImageData(0, 0, width, height).data : [];
                const plots = document.querySelectorAll(".uplot").length;
                return {colours: new Set(pixels).size, text: document.body.innerText, plots};
            };
            for (let n = 0; n < 600 && (seen().colours <= 5 || seen().plots < 3); n++) {
                await new Promise((resolve) => setTimeout(resolve, 100));
            }
            return seen();
        }""",
        [widgets.module(), base64.b64encode(view.frame).decode()],
    )
    page.close()
    assert shown["colours"] > 5
    assert "75 of 75 images" in shown["text"]
    assert shown["plots"] == 3
