"""A training that a person steers: start, pause, single images, speed, other constants, a good end.

It goes through :func:`engram.runs.run_training`, as ``engram train`` does, with a callback that waits where a person
wants it to: so it keeps the same run folder, with the same checkpoints, labels, test and figures at the end.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path

import numpy as np

from engram.callbacks import Callback
from engram.errors import ConfigError, EngramError, Interrupted
from engram.kernels.progress import watched_too
from engram.model import Model
from engram.plasticity.records import rule_record
from engram.retuning import retune
from engram.run_folder import RunFolder
from engram.runs import RunOptions, next_folder, run_training, save_checkpoint, start_run
from engram.studio.moments import Glimpse, Moment, glimpse_of, layers_of, moment_of
from engram.training import BLOCK, Progress, Training

FRAME_SECONDS = 1 / 12
"""No more often is a network shown to the pages."""

SHARE = 0.04
"""Of the time that it learns, no more is spent on showing it; a large network is shown less often."""

SINGLE = 40.0
"""Up to so many images a second they come one by one."""

LEARNING = ("learning", "compiling", "labelling", "testing", "drawing")
"""Phases in which the thread is at work."""

PATIENCE = 60.0
"""So long a page waits for a network that compiles, s."""

_WAIT = 0.25


class Learner(Callback):
    """A training and the thread that does it.

    Parameters
    ----------
    training : Training
    within : Path
        Where its run folder is made once it starts.
    folder : RunFolder, optional
        Of a run that is gone on with; held.
    on_change : callable, optional
        Called, from any thread, when there is something new to see.
    wanted : callable, optional
        What the pages that look now show: nothing, ``"glimpse"``, for which its fields in passing do, or ``"moment"``.
    options : RunOptions, optional

    Attributes
    ----------
    phase : str
        ``ready``, ``compiling``, ``learning``, ``paused``, ``labelling``, ``testing``, ``drawing``, ``finished``,
        ``stopped`` or ``failed``.
    message : str
        What went wrong, or where all is kept.
    speed : float or None
        Images a second at most; None for as fast as can be.
    """

    kind = "training"

    def __init__(
        self,
        training: Training,
        within: Path,
        folder: RunFolder | None = None,
        *,
        on_change: Callable[[], None] = lambda: None,
        wanted: Callable[[], str] = lambda: "glimpse",
        options: RunOptions | None = None,
    ):
        self.training, self.within, self.folder = training, within, folder
        self.on_change, self.wanted, self.options = on_change, wanted, options
        self.phase, self.message, self.speed = "ready" if folder is None else "paused", "", None
        self.counted = ("", 0, 0)
        self.changes: list[dict] = [] if folder is None else folder.read_changes()
        self.progress: Progress | None = None
        self.rate = 0.0
        self._thread: threading.Thread | None = None
        self._ahead: threading.Thread | None = None
        self._turn = threading.Condition()
        self._asked: list[tuple[Callable, Future]] = []
        self._waiting = True  # whether the training stands still, so that others may look at it
        self._go, self._steps, self._closing = False, 0, False
        self._next_frame = self._last_image = 0.0
        self._rate_from = (time.monotonic(), training.examples)
        self._thetas: list[np.ndarray] = []
        self._model: Model | None = None
        self._glimpse: Glimpse | None = None
        self._kept = moment_of(training)
        self._keep_thetas()
        self.about = _about(training)

    def prepare_ahead(self) -> None:
        """Have machine code made while a person still looks at the page."""
        self._ahead = threading.Thread(target=self._prepare, daemon=True)
        self._ahead.start()

    # what a person does

    def start(self) -> None:
        """Go on learning, or begin."""
        self._command(go=True, steps=0)

    def pause(self) -> None:
        """Stand still after the present images; all is saved."""
        self._command(go=False, steps=0)

    def step(self, images: int = 1) -> None:
        """Learn from so many further images, one by one."""
        with self._turn:
            self._command(go=False, steps=min(self._steps + images, BLOCK))

    def set_speed(self, speed: float | None) -> None:
        """Images a second at most; None for as fast as can be."""
        if speed is not None and not 0.1 <= speed <= 1e6:
            raise ConfigError(f"speed must be 0.1 to 1,000,000 images a second, got {speed!r}.")
        with self._turn:
            self.speed = speed
            self._turn.notify_all()
        self.on_change()

    def set_constants(self, changes: dict) -> list[dict]:
        """Go on with other constants; the run folder says which and since when."""
        return self.between(lambda: self._retune(changes))

    def finish(self) -> None:
        """Learn no more: label, test and draw, so that the run folder is whole."""
        if self.training.examples == 0:
            raise ConfigError("The network has not learned from any image yet; start it first.")
        self.between(lambda: self.training.stop("ended in the studio"))
        self._command(go=True, steps=0)

    def close(self, timeout: float = 30.0) -> None:
        """End the thread, with everything saved."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        for thread in (self._ahead, self._thread):
            if thread is not None:
                thread.join(timeout)
        if self.folder is not None and self._thread is None:
            self.folder.release()

    # what is seen

    @property
    def path(self) -> Path | None:
        """The run folder, once there is one."""
        return None if self.folder is None else self.folder.path

    def moment(self, *, fresh: bool = False) -> Moment:
        """How the network stands: as it was last kept for the pages, or now."""
        if fresh and self._kept.examples != self.training.examples:
            self.between(self._keep)
        return self._kept

    def glimpse(self) -> Glimpse | Moment:
        """What pages show of it: as it was last kept or caught in passing, whichever is newer."""
        kept, caught = self._kept, self._glimpse
        return caught if caught is not None and caught.examples > kept.examples else kept

    def thetas(self) -> tuple[list[int], np.ndarray]:
        """Each neuron's threshold at the points of the learning curve that were seen here, (n_points, n_neurons); of
        several layers that of the one that is read, or else of the last."""
        kept = self._thetas
        return [0, *(record["examples"] for record in self.training.metrics)][-len(kept) :], np.array(kept, np.float32)

    def between(self, function: Callable):
        """Call a function while the training stands still, and return what it returns.

        Raises
        ------
        ConfigError
            If it does not come to stand still; then the function is not called any more.
        """
        with self._turn:
            if self._waiting:
                return function()
            future: Future = Future()
            self._asked.append((function, future))
        try:
            return future.result(PATIENCE)
        except FutureTimeout:
            if not future.cancel():
                return future.result()  # it is at it now
        raise ConfigError("The network is still busy with what it has begun; try again in a moment.")

    # the thread

    def on_start(self, training: Training) -> None:
        """Compiled; learning begins."""
        self.phase = "learning"
        self._wait(training)

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Show where it stands, then wait as long as a person wants."""
        self.progress = progress
        self._keep_thetas()
        with self._turn:
            if self._steps:
                self._steps -= 1
        self._count_rate(training)
        self._wait(training)

    def on_count(self, what: str, done: int, total: int) -> None:
        """Labelling and testing go on."""
        self.phase, self.counted = what, (what, done, total)
        self._waiting = True  # nothing is learned any more
        self._answer()
        if self._closing:
            raise Interrupted
        self._show_now_and_then()

    def _prepare(self) -> None:
        """What goes wrong here goes wrong again, and is told, when it starts."""
        with contextlib.suppress(Exception), watched_too(self._count_compiled):
            self.training.prepare()

    def _count_compiled(self, done: int, total: int, label: str) -> None:
        self.counted = ("compiling", done, total)
        self.on_change()

    def _run(self) -> None:
        phase, message = self._to_the_end()
        with self._turn:
            self._waiting = True
            self._keep()
        self._answer()
        self._held.release()
        self.phase, self.message = phase, message
        self.on_change()

    def _to_the_end(self) -> tuple[str, str]:
        """Do the run; return the phase that it ended in, and a sentence."""
        saved = f"Saved in {self._held.path}."
        if self._ahead is not None:
            self._ahead.join()
        try:
            self._model, summary = run_training(self._held, self.training, self.options, [self])
        except Interrupted:
            return "stopped", saved
        except EngramError as error:
            return "failed", str(error)
        except Exception as error:
            return "failed", f"{type(error).__name__}: {error} (an error of engram itself)"
        accuracy = summary.get("accuracy", {}).get("proportion")
        told = "" if accuracy is None else f"It reads {100 * accuracy:.1f} % of the test images. "
        return "finished", told + saved

    def _command(self, *, go: bool, steps: int) -> None:
        if self.phase in ("finished", "stopped", "failed"):
            raise ConfigError("This run has ended; start a new one, or open it again to look inside.")
        with self._turn:
            if self._closing:
                raise ConfigError("This network was put away; open its run again to go on with it.")
            self._go, self._steps = go, steps
            self._rate_from = (time.monotonic(), self.training.examples)
            if self._thread is None and (go or steps):
                self._begin()
            self._turn.notify_all()
        self.on_change()

    @property
    def _held(self) -> RunFolder:
        """The run folder, which is there once the network began to learn."""
        if self.folder is None:
            raise ConfigError("The network has not learned from any image yet; start it first.")
        return self.folder

    def _begin(self) -> None:
        """Take a run folder and start the thread."""
        if self.folder is None:
            folder = RunFolder(next_folder(self.training.config.dataset, self.within))
            start_run(folder, self.training.config, overwrite=False)
            if self.changes:
                folder.write_changes(self.changes)
            self.folder = folder
        self.phase, self._waiting = "compiling", False
        self._thread = threading.Thread(target=self._run, name="engram-studio-learner", daemon=True)
        self._thread.start()

    def _wait(self, training: Training) -> None:
        """Until the next images are wanted."""
        self._answer()
        self._show_now_and_then()
        paused = False
        with self._turn:
            while not (training.done or self._closing):
                left = self._seconds_left()
                if left <= 0:
                    break
                self._waiting = True
                if not (self._go or self._steps) and not paused:
                    self._keep()
                    save_checkpoint(self._held, training)
                    self.phase, paused = "paused", True
                    self.on_change()
                self._turn.wait(min(left, _WAIT) if self._go or self._steps else None)
            self._waiting = False
            self._last_image = time.monotonic()
            training.at_most = self._images_at_once()
        if self._closing and not training.done:
            raise Interrupted
        self.phase = "learning"

    def _seconds_left(self) -> float:
        if self._steps:
            return 0.0
        if not self._go:
            return float("inf")
        if self.speed is None:
            return 0.0
        return self._last_image + self.training.at_most / self.speed - time.monotonic()

    def _images_at_once(self) -> int:
        if self._steps or (self.speed is not None and self.speed <= SINGLE):
            return 1
        return BLOCK if self.speed is None else max(1, min(BLOCK, round(self.speed / SINGLE)))

    def _answer(self) -> None:
        """Do what others asked for while the training stands still."""
        with self._turn:
            asked, self._asked = self._asked, []
        for function, future in asked:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

    def _show_now_and_then(self) -> None:
        """Catch the network for the pages at a steady pace, and no more often than is cheap."""
        now, wanted = time.monotonic(), self.wanted()
        if now < self._next_frame or not wanted:
            return
        begin = time.thread_time()
        self._catch(wanted)
        pause = max(FRAME_SECONDS, (time.thread_time() - begin) / SHARE)
        self._next_frame = max(self._next_frame + pause, now + pause / 2)
        self.on_change()

    def _catch(self, wanted: str) -> None:
        if self._kept.examples == self.training.examples:
            return
        self._glimpse = glimpse_of(self.training) if wanted == "glimpse" else None
        if self._glimpse is None:
            self._keep()

    def _keep(self) -> None:
        self._kept = moment_of(self.training, self._model)

    def _keep_thetas(self) -> None:
        """Thresholds at each point of the learning curve; all are of the points at its end."""
        if len(self._thetas) < 1 + len(self.training.metrics) and (
            not self._thetas or self.training.metrics[-1]["examples"] == self.training.examples
        ):
            self._thetas.append(self.training.layer_state()[1].astype(np.float32))

    def _count_rate(self, training: Training) -> None:
        since, examples = self._rate_from
        seconds = time.monotonic() - since
        if seconds > 1:
            self.rate = (training.examples - examples) / seconds
            self._rate_from = (time.monotonic(), training.examples)

    def _retune(self, changes: dict) -> list[dict]:
        found = retune(self.training, changes)
        if found:
            self.changes += found
            if self.folder is not None:
                self._keep_changes()
            self._keep()
            self.on_change()
        return found

    def _keep_changes(self) -> None:
        """A checkpoint with the new constants before the configuration that says them: a kill between leaves both."""
        folder = self._held
        save_checkpoint(folder, self.training)
        folder.write_config(self.training.config)
        folder.write_changes(self.changes)


def _about(training: Training) -> dict:
    """What a page says of a network and what does not change while it learns."""
    dataset = training.dataset
    return {
        "neurons": training.simulator.network.n_neurons,
        "shape": dataset.image_shape or (1, dataset.n_inputs),
        "dataset": dataset.name,
        "rule": rule_record(training.rule)["rule"],
        "classes": [str(dataset.class_names.get(k, k)) for k in dataset.classes],
        "layers": layers_of(training.model()),
        "network_name": training.config.network_name,
    }
