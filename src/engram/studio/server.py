"""The process: a port of this machine, an address with a token, signals, and an end that loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engram.errors import ConfigError
from engram.files import open_regular, read_at_most, to_json, write_atomically
from engram.folders import user_cache_folder
from engram.interrupts import deferred_interrupt
from engram.studio.desk import Desk

HOST = "127.0.0.1"

ADDRESS_SECONDS = 12 * 3600.0
"""So long the last address is used again, so that a page that was left open finds a studio that was started anew."""

_LOOK = 0.2
_END = 60.0
"""So long the server is waited for at its end, s: it gives requests a second, but may have no processor for a while."""


@dataclass
class Studio:
    """A studio that is served by a thread of its own.

    Parameters
    ----------
    desk : Desk
    port : int
        0 for any that is free.
    token : str, optional
        A new one by default.
    """

    desk: Desk
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self):
        self._socket = _listen(self.port)
        self.port = self._socket.getsockname()[1]
        self._server = self._thread = None

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def start(self) -> Studio:
        """Answer from here on."""
        import uvicorn

        from engram.studio.app import make_app

        config = uvicorn.Config(
            make_app(self.desk, self.token, lambda: self.port),
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
            ws_max_size=1 << 14,
            ws_per_message_deflate=False,
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            name="engram-studio", target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        if not self._server.started:
            raise ConfigError("The studio's server did not start; what it said is above.")
        return self

    @property
    def is_alive(self) -> bool:
        """Whether it answers."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Save what learns, and answer no more."""
        self.desk.close()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_END)
        self._socket.close()


def serve(desk: Desk, *, port: int | None = None, on_start: Callable[[Studio], None] = lambda studio: None) -> Studio:
    """Serve a studio until Ctrl-C, a closed terminal or a signal, and save what learns.

    Parameters
    ----------
    desk : Desk
    port : int, optional
        By default that of the last studio of the day if it is free, else any.
    on_start : callable, optional
        Called when it answers.

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    with deferred_interrupt() as asked:
        studio = _studio(desk, port).start()
        _remember(studio)
        try:
            on_start(studio)
            while studio.is_alive and not asked():
                time.sleep(_LOOK)
        finally:
            studio.close()
    return studio


def _studio(desk: Desk, port: int | None) -> Studio:
    """At the last address, if that is not old and its port is free; else at a new one."""
    if port is not None:
        return Studio(desk, port)
    kept = _remembered()
    if kept is not None:
        with contextlib.suppress(ConfigError):
            return Studio(desk, *kept)
    return Studio(desk)


def _listen(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise ConfigError(f"Cannot listen on port {port}: {error.strerror}; give another with --port.") from None
    return found


def _address_file() -> Path:
    return user_cache_folder() / "studio.json"


def _remember(studio: Studio) -> None:
    """Keep the address where only this user can read it; without a place for it, the next one is new."""
    with contextlib.suppress(OSError):
        path = _address_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"port": studio.port, "token": studio.token, "time": time.time()}
        write_atomically(path, to_json(kept), durable=False, private=True)


def _remembered() -> tuple[int, str] | None:
    try:
        with open_regular(_address_file()) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                return None
            kept = json.loads(read_at_most(file, 1 << 12))
        port, token, then = int(kept["port"]), str(kept["token"]), float(kept["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fresh = 0 <= time.time() - then < ADDRESS_SECONDS and 1024 <= port < 65536 and len(token) >= 24
    return (port, token) if fresh else None
