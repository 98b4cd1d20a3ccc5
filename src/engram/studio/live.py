"""The stream to a page: one frame under way at most, so a slow page misses frames and never queues them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import anyio
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from engram.studio import frames
from engram.studio.desk import Desk
from engram.studio.learner import LEARNING, Learner
from engram.studio.moments import Glimpse, Moment
from engram.studio.sheets import Sheet
from engram.studio.sorting import Sorting, timed
from engram.studio.watching import Watched

MOST_PAGES = 12
"""So many pages may be open on one studio."""

FRAME_SECONDS, NUMBERS_SECONDS = 1 / 20, 1 / 4
"""Between two frames to one page, at least: to one that draws fields, and to one that shows numbers alone."""

SHARE = 0.1
"""Of a processor, one page's frames take no more."""

WATCH_SECONDS = 0.5
"""Between two looks into the folder of a run of another process."""

TOO_MANY = 1013

_GONE = (WebSocketDisconnect, OSError)
"""What tells that the page is not there any more."""


class Page:
    """One page that is open.

    A page says what it draws (``{"order": "label", "layer": "", "fields": true, "points": 12}``), whether it is on a
    screen (``{"looks": false}``), and that it has drawn a frame (``{"drawn": 7}``), before which it gets no other.
    Of the state it is told what has changed.
    """

    def __init__(self, socket: WebSocket, desk: Desk):
        self.socket, self.desk, self.loop = socket, desk, asyncio.get_running_loop()
        self.bell = asyncio.Event()
        self.looks, self.free, self.order, self.layer, self.fields, self.n_points = True, True, "index", "", True, 0
        self.number, self.sent, self.told = 0, -1, {}
        self.spent = 0.0  # on the frame that is being made, s of processors
        self.sorting = Sorting()

    async def serve(self) -> None:
        """Until the page goes."""
        stop = self.desk.listen(self._ring, self.wants)
        self.bell.set()
        try:
            async with anyio.create_task_group() as self.group:
                for work in (self._hear, self._send, self._watch):
                    self.group.start_soon(self._until_gone, work, self.group.cancel_scope)
        finally:
            stop()

    async def _until_gone(self, work, scope: anyio.CancelScope) -> None:
        """Do a part of the work; that one part finds the page gone ends all."""
        with contextlib.suppress(*_GONE):
            await work()
        scope.cancel()

    def wants(self) -> str:
        """What it wants of a network that learns now, see :data:`engram.studio.desk.WANTS`."""
        if not (self.looks and self.free):
            return ""
        if not self.fields or (self.order == "index" and not self.layer):
            return "glimpse"
        return "moment" if self.layer or self.sorting.is_due(self.desk.subject) else "glimpse"

    def hear(self, message: dict) -> None:
        """What the page says."""
        self.looks = bool(message.get("looks", self.looks))
        self.order = "label" if message.get("order", self.order) == "label" else "index"
        self.layer = str(message.get("layer", self.layer))[:100]
        self.fields = bool(message.get("fields", self.fields))
        if isinstance(message.get("points"), int):
            self.n_points = message["points"]
        if message.get("drawn") == self.number:
            self.free = True
        if "points" in message:
            self.told = {}  # it begins anew
        if {"order", "layer", "fields", "looks", "points"} & set(message):
            self.sent = -1  # what it shows is to be sent anew
        self.bell.set()

    async def frame(self) -> bytes:
        """What is new, as the page wants it."""
        header, seen = self._header(), self.desk.glimpse()
        if seen is None or not self.fields:
            return frames.encode(header)
        sheet, places = await self._sheet(seen)
        arrays = sheet.arrays if places is None else {**sheet.arrays, "places": places}
        if seen.image is not None:
            arrays["image"] = seen.image.astype("uint8")
        return frames.encode({**header, "fields": sheet.scale}, arrays)

    async def _sheet(self, seen: Glimpse | Moment) -> tuple[Sheet, np.ndarray | None]:
        """The fields, and in which order the page is to draw them where it is another than theirs."""
        by_label, subject = self.order == "label", self.desk.subject
        if not (by_label and not self.layer and isinstance(subject, Learner)):
            return await self._drawn(seen, by_label=by_label), None
        if isinstance(seen, Moment):
            await self._sort(seen, subject)
        sheet = await self._drawn(seen)
        return sheet, self.sorting.places(subject, len(sheet.neurons))

    async def _sort(self, moment: Moment, subject: Learner) -> None:
        """Before the frame is sent where the network stands still, or else beside the frames."""
        if subject.phase not in LEARNING or not self.sorting.knows(subject):
            self.sorting.begin(moment, subject)
            await asyncio.to_thread(self.sorting.finish, moment)
        elif self.sorting.is_due(subject):
            self.sorting.begin(moment, subject)
            self.group.start_soon(self._finish_sorting, moment)

    async def _finish_sorting(self, moment: Moment) -> None:
        await asyncio.to_thread(self.sorting.finish, moment)
        self.sent = -1
        self.bell.set()

    async def _drawn(self, seen: Glimpse | Moment, *, by_label: bool = False) -> Sheet:
        if isinstance(seen, Glimpse):
            return seen.drawn
        sheet, seconds = await asyncio.to_thread(timed, lambda: seen.sheet(self.layer, by_label=by_label))
        self.spent += seconds
        return sheet

    def _header(self) -> dict:
        """The news in words and numbers."""
        points = self.desk.metrics()
        start = self.n_points if self.n_points <= len(points) else 0
        self.n_points = len(points)
        return {"number": self.number, **self._news(), "points": points[start:], "points_from": start}

    def _news(self) -> dict:
        """The part of the state that the page does not know, and whether it has to forget what it knew."""
        before, self.told = self.told, self.desk.state()
        is_whole = not before or not set(before) <= set(self.told)
        news = {name: value for name, value in self.told.items() if is_whole or before.get(name, before) != value}
        return {"state": news, "is_whole": is_whole}

    def _ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # the server is at its end
            self.loop.call_soon_threadsafe(self.bell.set)

    async def _hear(self) -> None:
        while True:
            try:
                message = json.loads(await self.socket.receive_text())
            except (ValueError, KeyError):
                return
            if isinstance(message, dict):
                self.hear(message)

    async def _send(self) -> None:
        while True:
            await self.bell.wait()
            self.bell.clear()
            if self.looks and self.free and self.sent != self.desk.version:
                self.sent = self.desk.version
                self.number += 1
                self.free = False
                begin, self.spent = time.thread_time(), 0.0
                content = await self.frame()
                self.spent += time.thread_time() - begin
                pause = max(FRAME_SECONDS if self.fields else NUMBERS_SECONDS, self.spent / SHARE)
                await self.socket.send_bytes(content)
                await asyncio.sleep(pause)
                self.bell.set()

    async def _watch(self) -> None:
        """Look into the folder of another process's run, while the page is looked at."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            subject = self.desk.subject
            if self.looks and isinstance(subject, Watched) and await asyncio.to_thread(subject.refresh):
                self.desk.changed()


async def live(socket: WebSocket) -> None:
    """Serve the stream of one page."""
    desk = socket.app.state.desk
    await socket.accept()
    if desk.n_pages >= MOST_PAGES:
        await socket.close(TOO_MANY, f"{MOST_PAGES} pages are open already; close one.")
        return
    await Page(socket, desk).serve()
