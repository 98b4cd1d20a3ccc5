"""Let the file operations of a run fail, write by half, or be the last: nothing may be lost, and resuming must end
with the same bytes as if nothing had happened.

Every operation on a file in the run's folder is counted: open, read, write, fsync, close, stat, rename, unlink, mkdir,
rmdir and listing. A case names a stage of a run, the number of the operation and what befalls it; then the run is
brought to its end, and its files are compared with those of an undisturbed one. What is killed is a process of its own;
what fails goes on in the same process, as it would in a notebook.

    python benchmarks/faults.py                          every operation of every stage, every fault
    python benchmarks/faults.py --stages train resume    of some stages
    python benchmarks/faults.py --sample 500 7           of all these cases 500, drawn by seed 7
    python benchmarks/faults.py --part 2/8               of all these cases the second eighth
    python benchmarks/faults.py --seeds 0 200            chains of random faults, one chain for each seed
    python benchmarks/faults.py --kills 100              kills at random calls, over as many runs as that takes
    python benchmarks/faults.py --replay train:17:ENOSPC resume:4:kill      one chain again, with its report

The network is tiny and computed by the reference kernel, the same state but once, and figures are written but not
drawn, so that thousands of cases take minutes.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import errno
import functools
import gc
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from engram import Training, TrainingConfig, evaluation, figures, load_model
from engram.datasets.base import Dataset
from engram.errors import EngramError
from engram.evaluation import evaluate
from engram.model_file import decode
from engram.run_figures import draw_again
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run
from engram.simulator import Simulator

ERRORS = ("ENOSPC", "EIO", "ESTALE", "EACCES")
KILLS = ("kill", "half-kill", "kill-after")
FAULTS = (*ERRORS, "half", "short", *KILLS)
"""What can befall an operation; the halves only a write, of which one that is short tells no error."""

OF_WRITES = ("half", "short", "half-kill")
OF_DESCRIPTORS = ("write", "fsync", "fdopen", "close")
OF_PATHS = ("replace", "unlink", "mkdir", "rmdir", "scandir", "listdir", "stat", "lstat", "access", "utime")

MAX_SECONDS = 60
COMPARED = ("model.safetensors", "metrics.jsonl", "config.toml")
OPTIONS = RunOptions(checkpoint_examples=25)
CONFIG = TrainingConfig(
    dataset="tiny",
    preset="paper",
    neurons=2,
    examples=75,
    dt=1.0,
    network={"theta_start": 8.0, "theta_plus": 0.5, "w_start": 4.0, "excitatory": {"v_start": -65.0}},
    protocol={"shown": 3.0, "blank": 1.0, "start_intensity": 64.0, "max_intensity": 64.0, "min_spikes": 0},
    constants={"eta": 0.1},
)


@dataclass(frozen=True)
class Fault:
    """What befalls one operation of one stage.

    Attributes
    ----------
    stage : str
        One of :data:`STAGES`.
    number : int
        Of the operation, counted from 1; 0 for none.
    kind : str
        One of :data:`FAULTS`.
    """

    stage: str
    number: int
    kind: str

    def __str__(self):
        """As ``--replay`` takes it."""
        return f"{self.stage}:{self.number}:{self.kind}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault that a text names."""
        stage, number, kind = text.split(":")
        return cls(stage, int(number), kind)


class Injector:
    """Counts the operations on files under a folder, and lets a fault befall one of them."""

    def __init__(self, folder: Path, fault: Fault | None = None):
        self.folder, self.fault, self.count = str(folder), fault, 0
        self.operations: list[str] = []
        self._descriptors: set[int] = set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[Injector]:
        """Stand between Python and the system for a while."""
        before = {name: getattr(os, name) for name in ("open", *OF_DESCRIPTORS, *OF_PATHS)}
        opened = io.open
        for name, original in before.items():
            setattr(os, name, self._wrapped(name, original))
        io.open = builtins.open = self._wrapped_io(opened)
        try:
            yield self
        finally:
            io.open = builtins.open = opened
            for name, original in before.items():
                setattr(os, name, original)

    def _wrapped(self, name: str, original: Callable) -> Callable:
        def open_(path, flags, *args, **options):
            ours = self._is_ours(path, options)
            call = functools.partial(self._befallen, name, original) if ours else original
            descriptor = call(path, flags, *args, **options)
            (self._descriptors.add if ours else self._descriptors.discard)(descriptor)
            return descriptor

        def on_descriptor(descriptor, *args, **options):
            if descriptor not in self._descriptors:
                return original(descriptor, *args, **options)
            if name == "close":
                self._descriptors.discard(descriptor)
            found = self._befallen(name, original, descriptor, *args, **options)
            return Opened(found, self) if name == "fdopen" else found

        def on_path(path=".", *args, **options):
            if self._is_ours(path, options):
                return self._befallen(name, original, path, *args, **options)
            return original(path, *args, **options)

        return open_ if name == "open" else on_descriptor if name in OF_DESCRIPTORS else on_path

    def _wrapped_io(self, original: Callable) -> Callable:
        def open_(path, *args, **options):
            if self._is_ours(path, options):
                return Opened(self._befallen("open", original, path, *args, **options), self)
            return original(path, *args, **options)

        return open_

    def _is_ours(self, path, options: dict) -> bool:
        if isinstance(path, int) or options.get("dir_fd") is not None:
            return bool({path, options.get("dir_fd")} & self._descriptors)
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self.folder)

    def _befallen(self, name: str, original: Callable, *args, **options):
        self.count += 1
        self.operations.append(name)
        if self.fault is None or self.count != self.fault.number:
            return original(*args, **options)
        kind = self.fault.kind
        if kind in OF_WRITES and name == "write":
            half = original(args[0], args[1][: -(-len(args[1]) // 2)])
            if kind == "short":
                return half
        if kind in ("kill", "half-kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "kill-after" or name == "close":  # a descriptor is closed even where closing it tells an error
            original(*args, **options)
        if kind == "kill-after":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, kind, errno.ENOSPC)
        raise OSError(number, os.strerror(number), args[0] if isinstance(args[0], (str, os.PathLike)) else None)


class Opened:
    """An open file whose reading is counted too."""

    def __init__(self, file, injector: Injector):
        self._file, self._injector = file, injector

    def read(self, *args):
        """Read, if nothing befalls it."""
        return self._injector._befallen("read", self._file.read, *args)

    def __getattr__(self, name):
        """Everything else is the file's."""
        return getattr(self._file, name)

    def __iter__(self):
        """Lines are read unwatched."""
        return iter(self._file)

    def __enter__(self):
        """As a file's."""
        return self

    def __exit__(self, *_):
        """As a file's."""
        self._file.close()


# The stages of a run; each begins with what the one before left


def train(path: Path) -> None:
    """A run from beginning to end."""
    folder = RunFolder(path)
    start_run(folder, CONFIG, overwrite=True)
    _go_on(folder, _training(), OPTIONS)


def resume(path: Path) -> None:
    """Bring a run that was stopped to its end."""
    folder = RunFolder(path)
    if folder.is_finished:
        return
    _go_on(folder, resume_run(folder, dataset=tiny_dataset(), kernel="reference", threads=1), OPTIONS)


def replace(path: Path) -> None:
    """Another run in the place of one that is there."""
    train(path)


def read(path: Path) -> None:
    """Test a run's network, as ``engram evaluate`` does, and read what else it left."""
    model = load_model(path)
    evaluate(model, tiny_dataset(), threads=1)
    folder = RunFolder(path)
    folder.read_metrics(), folder.read_evaluation(), folder.read_config()


def draw(path: Path) -> None:
    """Draw a run's figures anew."""
    draw_again(RunFolder(path))


STAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "train": (train, "nothing"),
    "replace": (replace, "finished"),
    "resume": (resume, "stopped"),
    "label": (resume, "trained"),
    "figures": (resume, "tested"),
    "read": (read, "finished"),
    "draw": (draw, "finished"),
}
"""What each does, and from which state of a run."""


def tiny_dataset() -> Dataset:
    """Two classes of images of 3×3 pixels."""
    source = np.random.default_rng(0)
    labels = np.arange(32) % 2
    images = source.integers(0, 60, (32, 9)) + 190 * (np.arange(9) % 2 == labels[:, np.newaxis])
    images = images.astype(np.uint8)
    return Dataset("tiny", images[:26], labels[:26], images[26:], labels[26:], (3, 3))


class Laboratory:
    """Runs in every state, to be disturbed, and one that never was."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.states = {name: folder / name for name in ("nothing", "stopped", "trained", "tested", "finished")}
        threadpool_limits(1)
        self.states["nothing"].mkdir()
        _make_run(self.states["stopped"], stop_at=50)
        _make_run(self.states["trained"], evaluate=False, figures=False, as_done=False)
        _make_run(self.states["tested"], figures=False, as_done=False)
        _make_run(self.states["finished"])
        for left in (".model.safetensors.0123abcd.part", "checkpoints/.000000000075.safetensors.0123abcd.part"):
            (self.states["stopped"] / left).write_bytes(b"half")
        threadpool_limits(1)  # of libraries loaded since too: their threads do not survive a fork
        whole = self.states["finished"]
        self.expected = {name: (whole / name).read_bytes() for name in COMPARED}
        self.summary = RunFolder(whole).read_summary()

    def operations(self, stage: str) -> list[str]:
        """What a stage does to files, undisturbed."""
        action, state = STAGES[stage]
        path = self._copy(state)
        with Injector(path).watching() as injector:
            action(path)
        shutil.rmtree(path)
        return injector.operations

    def trial(self, chain: list[Fault]) -> str | None:
        """Let one fault after another befall a run, bring it to its end, and say what is wrong then."""
        path = self._copy(STAGES[chain[0].stage][1])
        try:
            for fault in chain:
                action, before = STAGES[fault.stage][0], _worth(path)
                if action in (resume, read, draw) and not (path / "config.toml").exists():
                    action = train
                where = in_a_process if fault.kind in KILLS else here
                wrong = where(lambda action=action, fault=fault: _disturbed(action, path, fault))
                wrong = wrong or self._what_is_lost(path)
                if not wrong and fault.stage != "replace" and not _worth(path) >= before:
                    wrong = f"made worse: {before} before, {_worth(path)} after"
                if wrong:
                    return wrong
            return here(lambda: self._brought_to_its_end(path, chain[-1].stage))
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _copy(self, state: str) -> Path:
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "run"
        shutil.copytree(self.states[state], path)
        return path

    def _what_is_lost(self, path: Path) -> str | None:
        """What a reader would find damaged; files still being written are none of its business."""
        for file in path.rglob("*.safetensors"):
            if not file.name.startswith("."):
                try:
                    decode(file.read_bytes(), file.name)
                except EngramError as error:
                    return f"damaged: {error}"
        folder = RunFolder(path)
        try:
            folder.read_summary(), folder.read_metrics()
            if folder.config_file.exists():
                folder.read_config()
        except EngramError as error:
            return f"damaged: {error}"
        return None

    def _brought_to_its_end(self, path: Path, stage: str) -> None:
        """Resume, or begin again what never began; fail unless all is as in the run that was never disturbed."""
        if not (path / "config.toml").exists() or (stage == "replace" and RunFolder(path).is_finished):
            train(path)
        resume(path)
        if stage == "draw":
            draw(path)
        for name, content in self.expected.items():
            assert (path / name).read_bytes() == content, f"{name} is another one"
        assert not RunFolder(path).is_held, "it is held after its end"
        summary = RunFolder(path).read_summary()
        assert summary["finished"] and summary["accuracy"] == self.summary["accuracy"], "the summary is another one"
        assert len(list((path / "figures").iterdir())) == 14, "figures are missing"
        left = [file.name for file in path.rglob("*.part")]
        assert not left, f"left behind: {left}"


def _worth(path: Path) -> tuple[bool, int]:
    """Whether the run's model can read images, and how far it is kept; neither may ever become less."""
    file = path / "model.safetensors"
    labelled = file.exists() and load_model(file).readout is not None
    kept = sorted(file.name for file in (path / "checkpoints").glob("0*.safetensors"))
    return labelled, int(kept[-1][:12]) if kept else 0


def calls_of(laboratory: Laboratory) -> int:
    """How many functions are called in a run from beginning to end, undisturbed."""
    path, n_calls = laboratory._copy("nothing"), 0

    def count(*_):
        nonlocal n_calls
        n_calls += 1

    sys.setprofile(count)
    try:
        train(path)
    finally:
        sys.setprofile(None)
    shutil.rmtree(path)
    return n_calls


def killed_after(n_calls: int, action: Callable[[], None]) -> None:
    """Do something in a process that is killed as it calls so many functions, or returns from them."""

    def count(*_):
        nonlocal n_calls
        n_calls -= 1
        if n_calls <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    action()


def kill_at_random(laboratory: Laboratory, kills: int, seed: int) -> tuple[int, list[str]]:
    """Kill runs, and what resumes them, at random moments; how many runs that took, and what was wrong with them.

    A moment is one of all calls of functions of a run, Python's and the system's: the same for a seed, however busy
    the machine is.
    """
    dice, runs, done, wrong = random.Random(f"engram kills {seed}"), 0, 0, []
    window = calls_of(laboratory)
    while done < kills:
        path, runs = laboratory._copy("nothing"), runs + 1
        while done < kills:
            action, moment = resume if (path / "config.toml").exists() else train, dice.randrange(window)
            child = forked(lambda action=action, path=path, moment=moment: killed_after(moment, lambda: action(path)))
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                break
            done += 1
            report = laboratory._what_is_lost(path)
            wrong += [f"seed {seed}, run {runs}, kill {done}: {report}"] if report else []
        report = in_a_process(lambda path=path: laboratory._brought_to_its_end(path, "resume"))
        wrong += [f"seed {seed}, run {runs} after kill {done}: {report}"] if report else []
        shutil.rmtree(path)
    return runs, wrong


class Hung(BaseException):
    """Something that did not come to its end in time; no error that code would catch."""


def here(action: Callable[[], None]) -> str | None:
    """Run something in this process; the report of what it raised, if that is no error of engram's."""

    def give_up(*_):
        raise Hung(f"hung for {MAX_SECONDS} s")

    before, waits = signal.signal(signal.SIGALRM, give_up), os.fsync
    signal.alarm(MAX_SECONDS)
    os.fsync = lambda _: None  # nor does it wait for the disk, see `forked`
    try:
        action()
    except EngramError:
        return None
    except Exception:
        return traceback.format_exc()
    except Hung as hung:
        return str(hung)
    finally:
        os.fsync = waits
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def in_a_process(action: Callable[[], None]) -> str | None:
    """Run something in a process of its own; the report of what it raised, if that is no error of engram's."""
    reader, writer = os.pipe()

    def reported() -> None:
        report = ""
        signal.alarm(MAX_SECONDS)
        try:
            action()
        except EngramError:
            pass
        except BaseException:
            report = traceback.format_exc()
        os.write(writer, report.encode()[:60_000])

    child = forked(reported)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        report = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return f"hung for {MAX_SECONDS} s"
    return report or None


def forked(action: Callable[[], None]) -> int:
    """Begin something in a copy of this process; its number.

    Its garbage collector leaves alone what its parent holds, all of which it would copy by looking at it. It does not
    wait for the disk: the system keeps what a dead process wrote.
    """
    gc.freeze()
    child = os.fork()
    if child == 0:
        os.fsync = lambda _: None
        with contextlib.suppress(BaseException):
            action()
        os._exit(0)
    gc.unfreeze()
    return child


def chain_of(seed: int, lengths: dict[str, int]) -> list[Fault]:
    """A random chain of faults: one in some stage, then up to three while it is resumed."""
    dice = random.Random(f"engram faults {seed}")
    stage = dice.choice([name for name in lengths if name not in ("read", "draw")])
    chain = [Fault(stage, dice.randint(1, lengths[stage]), dice.choice(FAULTS))]
    for _ in range(dice.randrange(4)):
        chain.append(Fault("resume", dice.randint(1, lengths["resume"]), dice.choice(FAULTS)))
    return chain


def every_fault(stage: str, operations: list[str]) -> Iterator[Fault]:
    """Each operation of a stage with each fault that can befall it."""
    for number, name in enumerate(operations, start=1):
        for kind in FAULTS:
            if name == "write" or kind not in OF_WRITES:
                yield Fault(stage, number, kind)


def _disturbed(action: Callable[[Path], None], path: Path, fault: Fault) -> None:
    with Injector(path, fault).watching():
        action(path)


def _training() -> Training:
    return Training(CONFIG, tiny_dataset(), kernel="reference", threads=1)


def _go_on(folder: RunFolder, training: Training, options: RunOptions) -> None:
    try:
        run_training(folder, training, options)
    finally:
        folder.release()


def _make_run(path: Path, *, stop_at: int | None = None, evaluate=True, figures=True, as_done=True) -> None:
    """A run up to some state."""
    folder, training = RunFolder(path), _training()
    start_run(folder, CONFIG, overwrite=False)

    def stop(progress, _):
        if progress.examples == stop_at:
            raise KeyboardInterrupt

    options = RunOptions(checkpoint_examples=25, evaluate=evaluate, figures=figures)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            run_training(folder, training, options, [stop])
    finally:
        folder.release()
    if not as_done:
        folder.write_summary({name: value for name, value in folder.read_summary().items() if name != "finished"})


def remember_what_is_computed() -> Callable[[], None]:
    """Let simulator and readout compute only what they have not computed before; returns what undoes it.

    A forked process knows all that its parent met: a case costs what its files cost, and no library's threads, which
    do not survive a fork, are asked for anything.
    """
    known: dict[bytes, tuple] = {}
    train, count, fit = Simulator.train, Simulator.count_spikes, evaluation.fit_readout

    def state_of(simulator, images, what) -> bytes:
        digest = hashlib.sha256(f"{what} {simulator.presentations}".encode() + np.ascontiguousarray(images).tobytes())
        for name, values in simulator.state.tensors().items():
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return digest.digest()

    def remembered_train(self, images, progress=None, **options):
        key = state_of(self, images, f"train {progress}")
        if key not in known:
            result = train(self, images, progress, **options)
            after = {name: values.copy() for name, values in self.state.tensors().items()}
            known[key] = result, after, self.presentations
        result, after, self.presentations = known[key]
        for name, values in self.state.tensors().items():
            values[...] = after[name]
        return result

    def remembered_count(self, images, **options):
        key = state_of(self, images, "count")
        if key not in known:
            known[key] = count(self, images, **options)
        return known[key]

    def remembered_fit(counts, labels, classes=None):
        key = hashlib.sha256(counts.tobytes() + labels.tobytes()).digest()
        if key not in known:
            known[key] = fit(counts, labels, classes)
        return known[key]

    Simulator.train, Simulator.count_spikes, evaluation.fit_readout = remembered_train, remembered_count, remembered_fit

    def undo() -> None:
        Simulator.train, Simulator.count_spikes, evaluation.fit_readout = train, count, fit

    return undo


def leave_out_the_drawing() -> Callable[[], None]:
    """Let figures be written without being drawn, which takes seconds; returns what undoes it."""
    from engram.figures import files

    names = [name for name in figures.__all__ if name not in ("Membrane", "save")]
    before = {name: getattr(figures, name) for name in names}, files._render
    for name in names:
        setattr(figures, name, lambda *_, **__: None)
    files._render = lambda figure, kind, *_: f"a figure as {kind}".encode()

    def undo() -> None:
        for name, original in before[0].items():
            setattr(figures, name, original)
        files._render = before[1]

    return undo


def _part(text: str) -> tuple[int, int]:
    part, parts = map(int, text.split("/"))
    return part, parts


def main() -> int:
    """Inject, and print what came of it; 1 if anything was lost, or another error than engram's came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=list(STAGES))
    parser.add_argument("--sample", nargs=2, type=int, metavar=("CASES", "SEED"), help="so many of the cases alone")
    parser.add_argument("--part", type=_part, metavar="K/N", help="the K-th of N parts of the cases alone")
    parser.add_argument("--seeds", nargs=2, type=int, metavar=("FROM", "TO"), help="random chains instead")
    parser.add_argument("--kills", type=int, help="so many kills at random moments instead")
    parser.add_argument("--replay", nargs="+", type=Fault.parse, metavar="STAGE:NUMBER:FAULT")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    undone = remember_what_is_computed(), leave_out_the_drawing()
    with tempfile.TemporaryDirectory() as place:
        laboratory = Laboratory(Path(place))
        lengths = {stage: laboratory.operations(stage) for stage in STAGES}
        if options.kills:
            runs, wrong = kill_at_random(laboratory, options.kills, options.seeds[0] if options.seeds else 0)
            print(*wrong, sep="\n", file=sys.stderr)
            print(f"{options.kills:,} kills over {runs:,} runs, {len(wrong):,} failures")
            return 1 if wrong else 0
        failures = 0
        if options.replay:
            chains = [("replayed", options.replay)]
        elif options.seeds:
            seeds = range(*options.seeds)
            chains = [(f"seed {seed}", chain_of(seed, {s: len(o) for s, o in lengths.items()})) for seed in seeds]
        else:
            chains = [(stage, [fault]) for stage in options.stages for fault in every_fault(stage, lengths[stage])]
            n_all = len(chains)
            if options.sample:
                cases, seed = options.sample
                chains = random.Random(f"engram cases {seed}").sample(chains, min(cases, n_all))
            if options.part:
                chains = chains[options.part[0] - 1 :: options.part[1]]
            print(f"{len(chains):,} of {n_all:,} cases", flush=True)
        begin, faults, by_name = time.perf_counter(), 0, {}
        for name, chain in chains:
            wrong = laboratory.trial(chain)
            faults += len(chain)
            by_name[name.split()[0]] = by_name.get(name.split()[0], 0) + 1
            if wrong:
                failures += 1
                print(f"{name}: --replay {' '.join(map(str, chain))}\n{wrong}", file=sys.stderr, flush=True)
        took = time.perf_counter() - begin
        print(json.dumps({stage: len(operations) for stage, operations in lengths.items()}), "operations by stage")
        print(f"{len(chains):,} cases, {faults:,} faults, {failures:,} failures, {took:.0f} s", by_name)
    for undo in undone:
        undo()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
