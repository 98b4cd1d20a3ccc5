"""The stream to a page: one frame under way, nothing for those that do not look."""

import asyncio
import json
import threading

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from engram.studio import live, sorting
from engram.studio.desk import Desk
from engram.studio.frames import decode
from engram.studio.live import Page
from engram.studio.moments import Moment, moment_of
from engram.studio.sorting import Sorting
from studio.conftest import HOST, OPTIONS, TOKEN, wait_for


def test_page_gets_the_network_as_it_stands(client):
    client.do("new", options=OPTIONS)
    with client.stream() as stream:
        header, arrays = decode(stream.receive_bytes())
        assert header["state"]["phase"] == "ready"
        assert arrays["fields"].shape == (9, 4)
        weights = client.desk.moment().model.weights
        limit = header["fields"]["limit"]
        np.testing.assert_allclose(arrays["fields"] / 255 * limit, np.minimum(weights, limit), atol=limit / 255)


def test_page_that_is_loaded_anew_finds_the_same_state(learned):
    frames = []
    for _ in range(2):
        with learned.stream() as stream:
            frames.append(decode(stream.receive_bytes()))
    (first, one), (second, other) = frames
    assert first["points"] == second["points"] != []
    assert first["state"] | {"pages": 0, "version": 0} == second["state"] | {"pages": 0, "version": 0}
    np.testing.assert_array_equal(one["fields"], other["fields"])


def test_two_pages_see_one_run(client):
    client.do("new", options=OPTIONS)
    with client.stream() as one, client.stream() as other:
        first = []
        for stream in (one, other):
            first.append(decode(stream.receive_bytes())[0]["state"])
            stream.send_text(json.dumps({"drawn": 1}))
        client.do("step")
        wait_for(client, "paused")
        streams = zip((one, other), first, strict=True)
        seen = [last(stream, state, lambda state: state["phase"] == "paused") for stream, state in streams]
        assert [state["examples"] for state in seen] == [1, 1]


def last(stream, state, until):
    """The first state of the stream that is as wanted, from one on; every frame is acknowledged."""
    for _ in range(100):
        header, _ = decode(stream.receive_bytes())
        stream.send_text(json.dumps({"drawn": header["number"]}))
        state = {**state, **header["state"]}
        if until(state):
            return state
    raise AssertionError("the wanted state never came")


class Bell(asyncio.Event):
    """A page's bell, of which one can see whether the page waits for it."""

    rests = False

    async def wait(self):
        self.rests = not self.is_set()
        await super().wait()
        self.rests = False


class Socket:
    """A socket that keeps what it is sent, and says what it is told to."""

    def __init__(self):
        self.sent, self.heard, self.bell = [], asyncio.Queue(), Bell()

    @property
    def rests(self):
        """Whether the page has heard all, and has nothing to send."""
        return self.heard.empty() and self.bell.rests and not self.bell.is_set()

    async def send_bytes(self, content):
        header, self.arrays = decode(content)
        self.sent.append(header)

    async def receive_text(self):
        return await self.heard.get()

    def say(self, **message):
        self.heard.put_nowait(json.dumps(message))


def served(folder, act, monkeypatch):
    """Let a page be served while `act` is done with its socket and desk."""
    for name in ("FRAME_SECONDS", "NUMBERS_SECONDS"):
        monkeypatch.setattr(live, name, 0.0)
    monkeypatch.setattr(sorting, "SORT_SECONDS", 1e9)

    async def run():
        desk, socket = Desk(folder), Socket()
        desk.new(OPTIONS)
        desk.subject._ahead.join()  # nothing more is told of compiling
        page = Page(socket, desk)
        page.bell = socket.bell
        task = asyncio.create_task(page.serve())
        await settle(socket)
        await act(socket, desk)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert desk.n_pages == 0

    asyncio.run(run())


async def until_sent(socket, n):
    """Wait for a frame that takes its time."""
    async with asyncio.timeout(300):
        while len(socket.sent) < n:
            await asyncio.sleep(0.01)


async def settle(socket):
    """Wait until the page rests."""
    async with asyncio.timeout(300):
        await asyncio.sleep(0)  # what was called from other threads rings first
        while not socket.rests:
            await asyncio.sleep(0.001)


def test_slow_page_misses_frames_and_never_queues_them(folder, monkeypatch):
    async def act(socket, desk):
        for _ in range(50):
            desk.changed()
        await settle(socket)
        assert len(socket.sent) == 1  # the first is still being drawn
        assert desk.wanted() == ""
        socket.say(drawn=1)
        await settle(socket)
        assert [header["number"] for header in socket.sent] == [1, 2]
        assert socket.sent[1]["state"]["version"] == desk.version

    served(folder, act, monkeypatch)


def test_page_that_is_not_on_a_screen_costs_nothing(folder, monkeypatch):
    async def act(socket, desk):
        socket.say(drawn=1)
        socket.say(looks=False)
        await settle(socket)
        sent = len(socket.sent)
        assert desk.wanted() == ""
        desk.changed()
        await settle(socket)
        assert len(socket.sent) == sent
        socket.say(looks=True, drawn=socket.sent[-1]["number"])
        await settle(socket)
        assert len(socket.sent) == sent + 1

    served(folder, act, monkeypatch)


def test_page_that_shows_no_fields_is_sent_none(folder, monkeypatch):
    async def act(socket, desk):
        assert socket.sent[0]["fields"]["shape"] == [3, 3]
        socket.say(fields=False, drawn=1)
        await settle(socket)
        assert "fields" not in socket.sent[-1]

    served(folder, act, monkeypatch)


def test_curve_is_sent_once(folder, monkeypatch):
    async def act(socket, desk):
        training = desk.subject.training
        training.learn_block()
        desk.changed()
        socket.say(drawn=1)
        await settle(socket)
        training.learn_block()
        desk.changed()
        socket.say(drawn=2)
        await settle(socket)
        found = [(h["points_from"], [p["examples"] for p in h["points"]]) for h in socket.sent]
        assert found == [(0, []), (0, [25]), (1, [50])]

    served(folder, act, monkeypatch)


def test_page_is_told_of_the_state_what_has_changed(folder, monkeypatch):
    async def act(socket, desk):
        first = socket.sent[0]
        assert first["is_whole"]
        assert first["state"].keys() == desk.state().keys()
        desk.subject.set_speed(5.0)
        socket.say(drawn=1)
        await settle(socket)
        assert socket.sent[1]["state"] == {"version": desk.version, "speed": 5.0}
        assert not socket.sent[1]["is_whole"]
        desk.open("mnist-100")
        socket.say(drawn=2)
        await settle(socket)
        assert socket.sent[2]["is_whole"]  # a model has no speed
        assert "speed" not in socket.sent[2]["state"]

    served(folder, act, monkeypatch)


def shown(socket):
    """What a page draws, in the order of the places."""
    arrays = dict(socket.arrays)
    places = arrays.pop("places", slice(None))
    return {name: values[..., places] for name, values in arrays.items() if name != "image"}


def pass_by(desk):
    """Learn from some images and let pages catch the network in passing, as they want it."""
    desk.subject.phase = "learning"
    desk.subject.training.learn_block()
    desk.subject._catch(desk.wanted())
    desk.changed()


def sorting_is_due(monkeypatch):
    """Have the page's neurons be sorted anew at the next look."""
    monkeypatch.setattr(Sorting, "is_due", lambda kept, subject: kept._next < np.inf)


def test_neurons_by_label_stand_as_the_network_sorts_them(folder, monkeypatch):
    async def act(socket, desk):
        training = desk.subject.training
        for n in (1, 2):
            training.learn_block()
            desk.subject.between(desk.subject._keep)
            desk.changed()
            socket.say(order="label", drawn=n)
            await until_sent(socket, n + 1)
            seen = shown(socket)
            assert np.all(np.diff(seen["labels"]) >= 0)
            for name, values in moment_of(training).sheet(by_label=True).arrays.items():
                np.testing.assert_allclose(seen[name], values, rtol=1e-6, err_msg=name)

    served(folder, act, monkeypatch)


def test_neurons_by_label_keep_their_places_for_a_while(folder, monkeypatch):
    async def act(socket, desk):
        training = desk.subject.training
        training.learn_block()
        desk.subject.between(desk.subject._keep)
        socket.say(order="label", drawn=1)
        await until_sent(socket, 2)
        neurons = shown(socket)["neurons"]
        socket.say(drawn=2)
        await settle(socket)
        pass_by(desk)
        await until_sent(socket, 3)
        now = moment_of(training).sheet()
        for name, values in now.arrays.items():
            np.testing.assert_array_equal(shown(socket)[name], values[..., neurons], name)

    served(folder, act, monkeypatch)


def test_frames_do_not_wait_for_a_network_that_learns_to_be_sorted(folder, monkeypatch):
    async def act(socket, desk):
        go_on = threading.Event()
        socket.say(order="label", drawn=1)
        await until_sent(socket, 2)
        before = shown(socket)["neurons"]
        monkeypatch.setattr(Moment, "places", lambda moment: (go_on.wait(300), before[::-1].copy())[1])
        sorting_is_due(monkeypatch)
        socket.say(drawn=2)
        await settle(socket)
        pass_by(desk)
        await until_sent(socket, 3)
        np.testing.assert_array_equal(shown(socket)["neurons"], before)
        assert desk.wanted() == ""
        socket.say(drawn=3)
        await settle(socket)
        assert desk.wanted() == "glimpse"  # it is being sorted
        assert len(socket.sent) == 3
        go_on.set()
        await until_sent(socket, 4)
        np.testing.assert_array_equal(shown(socket)["neurons"], before[::-1])

    served(folder, act, monkeypatch)


def test_of_more_neurons_than_are_drawn_the_same_ones_stay(folder, monkeypatch):
    async def act(socket, desk):
        desk.new({**OPTIONS, "neurons": 450})
        socket.say(order="label", drawn=1)
        await until_sent(socket, 2)
        before = shown(socket)["neurons"]
        assert len(set(before)) == 400
        socket.say(drawn=2)
        await settle(socket)
        pass_by(desk)
        await until_sent(socket, 3)
        np.testing.assert_array_equal(shown(socket)["neurons"], before)

    served(folder, act, monkeypatch)


def test_page_wants_no_more_of_a_network_than_it_draws(folder, monkeypatch):
    async def act(socket, desk):
        socket.say(drawn=1)
        await settle(socket)
        assert desk.wanted() == "glimpse"
        socket.say(order="label", drawn=socket.sent[-1]["number"])
        await settle(socket)
        socket.say(drawn=socket.sent[-1]["number"])
        await settle(socket)
        assert desk.wanted() == "glimpse"  # it was sorted just now
        sorting_is_due(monkeypatch)
        assert desk.wanted() == "moment"
        socket.say(fields=False)
        await settle(socket)
        socket.say(drawn=socket.sent[-1]["number"])
        await settle(socket)
        assert desk.wanted() == "glimpse"

    served(folder, act, monkeypatch)


@pytest.mark.parametrize("text", ["no json", "[1]", '{"order": 5, "points": "x", "drawn": null}'])
def test_page_that_talks_nonsense_harms_nobody(client, text):
    client.do("new", options=OPTIONS)
    with client.stream() as stream:
        stream.receive_bytes()
        stream.send_text(text)
    with client.stream() as stream:
        assert decode(stream.receive_bytes())[0]["state"]["phase"] == "ready"


def test_only_so_many_pages_are_served(client, monkeypatch):
    monkeypatch.setattr(live, "MOST_PAGES", 1)
    with client.stream() as stream:
        stream.receive_bytes()
        other = client.websocket_connect(f"ws://{HOST}/live?token={TOKEN}", headers={"origin": f"http://{HOST}"})
        with other, pytest.raises(WebSocketDisconnect) as refused:
            other.receive_bytes()
        assert "open already" in refused.value.reason
