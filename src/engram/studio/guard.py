"""Who may talk to the server, how often, and how much.

Any page on the web can make a browser send requests to 127.0.0.1, and a name that its owner lets point there (DNS
rebinding) makes them look like the page's own. So a request has to name this server as its host, come from its own
pages if it says where it comes from, and, for all but the page's own files, know the token.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs

MAX_BODY = 8 << 20
"""No request is larger: 8 MiB, a large photograph."""

RATE, BURST = 60.0, 240
"""Requests a second that are answered in the long run, and at once."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' {ws};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """The outermost layer of the server.

    Parameters
    ----------
    app : ASGI application
    token : str
    port : callable
        The port that is listened on.
    clock : callable, optional
    """

    def __init__(self, app, token: str, port: Callable[[], int], clock: Callable[[], float] = time.monotonic):
        self.app, self.token, self.port, self.clock = app, token, port, clock
        self._left, self._then = float(BURST), clock()

    async def __call__(self, scope, receive, send):
        """Let a request through, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is not None:
            await _refuse(scope, send, *refusal, self._headers())
            return
        await self.app(
            scope, _Limited(receive).receive if scope["type"] == "http" else receive, self._with_headers(send)
        )

    def refusal(self, scope) -> tuple[int, str] | None:
        """Why a request is refused: status and sentence; None if it is not."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host") not in self._hosts():
            return 421, "This server answers to 127.0.0.1 alone."
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts()}:
            return 403, "Only the studio's own page may do that."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "Only the studio's own page may do that."
        if scope["type"] == "websocket" and origin is None:
            return 403, "Only the studio's own page may do that."
        if not scope["path"].startswith("/static/") and not self._knows_token(scope, headers):
            return 403, "The address lacks its token; open the one that 'engram studio' printed in the terminal."
        if not self._in_time():
            return 429, "Too many requests; wait a second."
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            return 413, f"That is larger than {MAX_BODY >> 20} MiB; give a smaller picture."
        return None

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.port()}" for name in ("127.0.0.1", "localhost")}

    def _knows_token(self, scope, headers: dict) -> bool:
        """The page is opened, and its stream, by an address with the token; all else says it in a header."""
        in_address = scope["path"] == "/" or scope["type"] == "websocket"
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])[0] if in_address else headers.get("x-engram-token", "")
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _in_time(self) -> bool:
        """Whether requests do not come too fast: each takes one of those that are left, which grow with time."""
        now = self.clock()
        self._left = min(float(BURST), self._left + RATE * (now - self._then))
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _headers(self) -> list[tuple[bytes, bytes]]:
        ws = f"ws://127.0.0.1:{self.port()} ws://localhost:{self.port()}"
        return [(name.encode(), value.replace("{ws}", ws).encode()) for name, value in HEADERS.items()]

    def _with_headers(self, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                own = [(k, v) for k, v in message.get("headers", []) if k.decode("latin-1").lower() not in HEADERS]
                message = {**message, "headers": [*own, *self._headers()]}
            await send(message)

        return sending


class _Limited:
    """A request's body, cut where it is longer than it may be, whatever its header says."""

    def __init__(self, receive):
        self._receive, self._left = receive, MAX_BODY

    async def receive(self):
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._left < 0 else message


async def _refuse(scope, send, status: int, sentence: str, headers) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
