"""The stream to a page: one frame under way at most, so a slow page misses frames and never queues them."""

from __future__ import annotations

import asyncio
import contextlib
import json

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from engram.studio import frames
from engram.studio.desk import Desk
from engram.studio.moments import MOST_FIELDS, field_arrays
from engram.studio.watching import Watched

MOST_PAGES = 12
"""So many pages may be open on one studio."""

FRAME_SECONDS = 1 / 20
"""Between two frames to one page, at least."""

WATCH_SECONDS = 0.5
"""Between two looks into the folder of a run of another process."""

TOO_MANY = 1013

_GONE = (WebSocketDisconnect, OSError)
"""What tells that the page is not there any more."""


class Page:
    """One page that is open.

    A page says what it draws (``{"order": "label", "fields": true, "points": 12}``), whether it is on a screen
    (``{"looks": false}``), and that it has drawn a frame (``{"drawn": 7}``), before which it gets no other.
    """

    def __init__(self, socket: WebSocket, desk: Desk):
        self.socket, self.desk, self.loop = socket, desk, asyncio.get_running_loop()
        self.bell = asyncio.Event()
        self.looks, self.free, self.order, self.fields, self.n_points = True, True, "index", True, 0
        self.number, self.sent = 0, -1

    async def serve(self) -> None:
        """Until the page goes."""
        stop = self.desk.listen(self._ring, lambda: self.looks and self.free)
        self.bell.set()
        try:
            async with anyio.create_task_group() as group:
                for work in (self._hear, self._send, self._watch):
                    group.start_soon(self._until_gone, work, group.cancel_scope)
        finally:
            stop()

    async def _until_gone(self, work, scope: anyio.CancelScope) -> None:
        """Do a part of the work; that one part finds the page gone ends all."""
        with contextlib.suppress(*_GONE):
            await work()
        scope.cancel()

    def hear(self, message: dict) -> None:
        """What the page says."""
        self.looks = bool(message.get("looks", self.looks))
        self.order = "label" if message.get("order", self.order) == "label" else "index"
        self.fields = bool(message.get("fields", self.fields))
        if isinstance(message.get("points"), int):
            self.n_points = message["points"]
        if message.get("drawn") == self.number:
            self.free = True
        if {"order", "fields", "looks", "points"} & set(message):
            self.sent = -1  # what it shows is to be sent anew
        self.bell.set()

    def frame(self) -> bytes:
        """What is new, as the page wants it."""
        desk = self.desk
        state, points = desk.state(), desk.metrics()
        start = self.n_points if self.n_points <= len(points) else 0
        self.n_points = len(points)
        header = {"number": self.number, "state": state, "points": points[start:], "points_from": start}
        if desk.subject is None or not self.fields:
            return frames.encode(header)
        moment = desk.moment()
        scale, arrays = field_arrays(moment, self.order, MOST_FIELDS)
        if moment.image is not None:
            arrays["image"] = moment.image.astype("uint8")
        return frames.encode({**header, "fields": scale}, arrays)

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
                content = await asyncio.to_thread(self.frame)
                await self.socket.send_bytes(content)
                await asyncio.sleep(FRAME_SECONDS)
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
