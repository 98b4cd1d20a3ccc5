"""What the commands share that let workers work: whom they hire, and one view of all that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import accuracies, err, plain, progress_bar

_Workers = "Who works"

WorkersOption = Annotated[
    Optional[int],
    typer.Option(
        "--workers",
        metavar="N",
        help="Run on N processes of this machine, or as N jobs at once with --slurm.",
        rich_help_panel=_Workers,
    ),
]
SchedulerOption = Annotated[
    Optional[str],
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Run on the workers of a Dask cluster: tcp://HOST:PORT, or its scheduler file.",
        rich_help_panel=_Workers,
    ),
]
SlurmOption = Annotated[bool, typer.Option("--slurm", help="Run as jobs of a Slurm cluster.", rich_help_panel=_Workers)]
SlurmSetOption = Annotated[
    Optional[list[str]],
    typer.Option(
        "--slurm-set",
        metavar="NAME=VALUE",
        help="A parameter of the jobs, such as timeout_min, cpus_per_task, mem_gb or slurm_partition; repeatable.",
        rich_help_panel=_Workers,
    ),
]
ThreadsOption = Annotated[
    Optional[int],
    typer.Option(
        "--threads",
        help="Threads of each run.",
        show_default="all processors, shared out to the workers",
        rich_help_panel=_Workers,
    ),
]


def hired(
    folder: Path, workers: int | None, scheduler: str | None, slurm: bool, settings: list[str] | None, *, quiet=False
):
    """The pool that was asked for; None for this process alone."""
    from engram.errors import ConfigError
    from engram.pools import DaskPool, Processes, SlurmPool
    from engram.pools.dask import DASK_SECONDS

    if scheduler is not None and (workers is not None or slurm):
        raise ConfigError("Give --scheduler ADDRESS, or --workers N, or --slurm; a Dask cluster has its own workers.")
    if settings and not slurm:
        raise ConfigError("--slurm-set is for Slurm jobs; give --slurm with it.")
    if scheduler is not None:
        if not quiet:
            err.print(f"connecting to the Dask scheduler at {plain(scheduler)}, for {DASK_SECONDS} s at most …")
        return DaskPool(scheduler)
    if slurm:
        return SlurmPool(folder / "jobs", workers or 50, _parameters(settings or []))
    return None if workers is None else Processes(workers)


def threads_for(threads: int | None, workers: int | None, scheduler: str | None, slurm: bool) -> int | None:
    """How many threads each run gets; a worker of Dask is given as many runs as it has threads."""
    from engram.processors import default_threads
    from engram.validation import check_count

    if threads is not None:
        check_count("threads", threads)
        return threads
    if scheduler is not None:
        return 1
    if workers is not None and not slurm:
        check_count("workers", workers)
        return max(1, default_threads() // workers)
    return None


def shown(pool, n: int | None, *, quiet: bool):
    """A view of the workers, where a person is looking."""
    return _Lines(quiet) if pool is None or not err.is_terminal else _View(n, quiet)


class _Lines:
    """Tells of each run in a line of its own."""

    def __init__(self, quiet: bool):
        self.quiet = quiet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def on_begin(self, piece) -> None:
        """Nothing; a run in this process tells of itself."""

    def on_wait(self, running) -> None:
        """Nothing."""

    def on_loss(self, piece) -> None:
        """Tell of a dead worker."""
        if not self.quiet:
            err.print(f"a worker died; {plain(Path(piece.folder).name)} goes on from its last checkpoint")

    def on_done(self, piece, error) -> None:
        """Tell what a run came to."""
        if not self.quiet:
            err.print(_result(piece, error))

    def on_write(self) -> None:
        """Say what the last wait is for."""
        if not self.quiet:
            err.print("writing the table and drawing the figures …")


class _View(_Lines):
    """One bar for all runs, and one for each that is under way."""

    def __init__(self, n: int | None, quiet: bool):
        super().__init__(quiet)
        self.n, self.n_done = n, 0

    def __enter__(self):
        self._context = progress_bar(quiet=self.quiet)
        self._bars = self._context.__enter__()
        self._all = self._bars.add_task("runs", self.n)
        self._tasks: dict = {}
        return self

    def __exit__(self, *_):
        self._context.__exit__(None, None, None)

    def on_begin(self, piece) -> None:
        """A bar for the run."""
        if piece not in self._tasks:
            self._tasks[piece] = self._bars.add_task(plain(Path(piece.folder).name), None, note="starting")

    def on_wait(self, running) -> None:
        """Move the bars."""
        from engram.pieces import Standing

        for piece in running:
            standing = Standing.of(piece)
            if standing is not None and piece in self._tasks:
                accuracy = "" if standing.accuracy is None else f", accuracy {100 * standing.accuracy:.1f} %"
                note = f"{standing.stage} on {standing.worker}{accuracy}"
                self._bars.update(self._tasks[piece], completed=standing.done, total=standing.total, note=plain(note))

    def on_write(self) -> None:
        """Say so beside the bars."""
        self._bars.wait("writing the table and drawing the figures")

    def on_done(self, piece, error) -> None:
        """Put a line in place of the run's bar."""
        self._bars.drop(self._tasks.pop(piece))
        super().on_done(piece, error)
        self.n_done += 1
        self._bars.update(self._all, completed=self.n_done)


def _result(piece, error) -> str:
    """A run's name and accuracy, or why it failed."""
    name = plain(Path(piece.folder).name)
    if error is not None:
        return f"{name}: [red]failed:[/] {plain(error)}"
    from engram.presets import scheme_of

    return f"{name}: [bold]{accuracies(piece.run.read_summary()['accuracy'], scheme_of(piece.run.read_options()))}"


def _parameters(settings: list[str]) -> dict:
    from engram.cli.train import with_settings

    return with_settings({}, settings).get("constants", {})
