"""The addresses of the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from engram.errors import ConfigError, EngramError
from engram.reading import OWN
from engram.studio import answering, drawn, exports, frames, ruling
from engram.studio.choices import choices
from engram.studio.desk import Desk
from engram.studio.guard import Guard
from engram.studio.learner import Learner
from engram.studio.live import live

STATIC = Path(__file__).parent / "static"


def make_app(desk: Desk, token: str, port: Callable[[], int]) -> Guard:
    """The server as an ASGI application.

    Parameters
    ----------
    desk : Desk
    token : str
        What the page's address says, without which nothing is answered.
    port : callable
        The port that is listened on.
    """
    routes = [
        Route("/", _page),
        Route("/api/about", _answering(lambda desk, asked: choices(desk))),
        Route("/api/state", _answering(lambda desk, asked: desk.state())),
        Route("/api/do", _answering(_do), methods=["POST"]),
        Route("/api/read", _read, methods=["POST"]),
        Route("/api/neuron/{neuron:int}", _answering(_neuron)),
        Route("/api/neuron/{neuron:int}/images", _answering(lambda d, a: answering.images_of_neuron(d, a["neuron"]))),
        Route("/api/pixel/{pixel:int}", _answering(_pixel)),
        Route("/api/confusion", _answering(lambda d, a: answering.confusion(d))),
        Route(
            "/api/confusion/{label}/{answer}",
            _answering(lambda d, a: answering.cell(d, a["label"], a["answer"])),
        ),
        Route("/api/sample/{number:int}", _answering(_sample)),
        Route("/api/rule", _answering(_rule), methods=["POST"]),
        Route("/api/picture/{name}.{form}", _picture),
        Route("/api/table/{name}.csv", _table),
        WebSocketRoute("/live", live),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=routes, exception_handlers={EngramError: _told, OSError: _told, ClientDisconnect: _gone})
    app.state.desk = desk
    return Guard(app, token, port)


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


def _answering(function: Callable[[Desk, dict], dict]):
    """An address that answers in JSON; the work is done beside the server's loop."""

    async def answer(request: Request) -> Response:
        asked = {**request.query_params, **request.path_params}
        if request.method == "POST":
            asked |= _table_in(await request.body())
        found = await run_in_threadpool(function, request.app.state.desk, asked)
        return JSONResponse(frames.plain(found))

    return answer


def _table_in(body: bytes) -> dict:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError("The request is no table in JSON.")
    return found


def _do(desk: Desk, asked: dict) -> dict:
    """What a person wants done with the network that is open."""
    what = asked.get("do")
    if what == "new":
        desk.new(asked.get("options", {}))
    elif what == "open":
        desk.open(str(asked.get("path", "")))
    elif isinstance(what, str) and what in _DEEDS:
        subject = desk.subject
        if not isinstance(subject, Learner):
            raise ConfigError("What is open does not learn here; start a new network.")
        _DEEDS[what](subject, asked)
    else:
        raise ConfigError(f"There is nothing called {what!r} to do; there is new, open, {', '.join(_DEEDS)}.")
    return desk.state()


def _speed(learner: Learner, asked: dict) -> None:
    speed = asked.get("speed")
    if speed is not None and (isinstance(speed, bool) or not isinstance(speed, (int, float))):
        raise ConfigError(f"speed must be a number of images a second, got {speed!r}.")
    learner.set_speed(speed)


def _set(learner: Learner, asked: dict) -> None:
    changes = asked.get("changes")
    if not isinstance(changes, dict):
        raise ConfigError(f"changes must be a table of constants, got {changes!r}.")
    learner.set_constants(changes)


_DEEDS: dict[str, Callable[[Learner, dict], None]] = {
    "start": lambda learner, asked: learner.start(),
    "pause": lambda learner, asked: learner.pause(),
    "step": lambda learner, asked: learner.step(),
    "finish": lambda learner, asked: learner.finish(),
    "speed": _speed,
    "set": _set,
}


async def _read(request: Request) -> Response:
    """A picture, which is the whole body, read by a network."""
    of, network = request.query_params.get("of", "mnist-400"), request.query_params.get("network", OWN)
    content = await request.body()
    found = await run_in_threadpool(drawn.read_drawing, request.app.state.desk, content, of, network)
    return JSONResponse(frames.plain(found))


def _neuron(desk: Desk, asked: dict) -> dict:
    return answering.neuron(desk, asked["neuron"], asked.get("layer", ""))


def _pixel(desk: Desk, asked: dict) -> dict:
    return answering.pixel(desk, asked["pixel"], asked.get("layer", ""))


def _sample(desk: Desk, asked: dict) -> dict:
    return answering.sample(desk, desk.model_of(asked.get("of", "mnist-400")), asked["number"])


def _rule(desk: Desk, asked: dict) -> dict:
    """A rule's window and, where it has one, its norm."""
    if "text" in asked:
        rule = ruling.rule_from_text(str(asked["text"]), allow_code=desk.allow_code)
    else:
        constants = asked.get("constants", {})
        if not isinstance(constants, dict):
            raise ConfigError(f"constants must be a table, got {constants!r}.")
        rule = ruling.chosen_rule(str(asked.get("rule")), constants)
    return {**ruling.window(rule), "norm": ruling.convergence(rule)}


async def _picture(request: Request) -> Response:
    name, form = request.path_params["name"], request.path_params["form"]
    desk, asked = request.app.state.desk, dict(request.query_params)
    content = await run_in_threadpool(exports.picture, desk, name, form, asked)
    return Response(content, media_type=exports.FORMATS[form])


async def _table(request: Request) -> Response:
    desk, asked = request.app.state.desk, dict(request.query_params)
    text = await run_in_threadpool(exports.table, desk, request.path_params["name"], asked)
    return Response(text, media_type="text/csv")


async def _told(request: Request, error: Exception) -> Response:
    """An error in one sentence."""
    return JSONResponse({"error": str(error) or type(error).__name__}, status_code=400)


async def _gone(request: Request, error: Exception) -> Response:
    """A body that was longer than it may be, or never came."""
    return JSONResponse({"error": "The request was cut short."}, status_code=413)
