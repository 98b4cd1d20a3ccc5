"""Runs worked on by several processes: the same bits as in one, and a killed worker costs nothing but time."""

from pathlib import Path

import pytest

from engram import pieces
from engram.cli.pools import hired
from engram.comparison import compare, comparison_runs
from engram.config import TrainingConfig
from engram.errors import ConfigError, Interrupted, RunFolderError
from engram.pieces import STOP, Piece, Standing, Told
from engram.pools import DaskPool, Here, Pool, Processes, SlurmPool, work_through
from engram.pools.base import MAX_LOSSES, Watcher
from engram.run_folder import RunFolder
from engram.runs import start_run
from engram.training import BLOCK, Training
from killed import MARK, work_killed_once
from own_source import BLINK
from tiny import CONFIG, tiny_dataset, tiny_run

MADE = """
from engram.networks.two_layers import two_layers

def made(shape, neurons, rule, dt, integrator, dtype):
    return two_layers(shape, neurons, rule, dt, integrator, dtype, hidden=3)
"""
EXAMPLES = 700
BASE = TrainingConfig(
    dataset="digits", preset="sharp", examples=EXAMPLES, order="file", label_examples=50, test_examples=25
)
CONFIGS = comparison_runs(BASE, ["self_normalizing"], [12], [0, 1, 2])


def digests(records) -> dict:
    return {(r["neurons"], seed): digest for r in records for seed, digest in r["digests"].items()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process learns, one run after another."""
    found = digests(compare(tmp_path_factory.mktemp("alone"), CONFIGS, threads=1, pool=Here()))
    assert len(set(found.values())) == len(CONFIGS)
    return found


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


class Witness(Watcher):
    """Notes how far a run was whose worker died."""

    def __init__(self):
        self.seen = []

    def on_loss(self, piece):
        self.seen.append((Path(piece.folder).name, Standing.of(piece).stage))


def test_a_run_with_parts_of_one_s_own_is_gone_on_with_by_their_names(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(BLINK + MADE)
    mine = {part: f"{tmp_path}/mine.py:{kind}" for part, kind in (("source", "Blink"), ("network", "made"))}
    config = CONFIG.replace(**mine)
    folder = RunFolder(tmp_path / "run")
    start_run(folder, config, overwrite=False)
    folder.release()
    learning = []
    monkeypatch.setattr(pieces, "run_training", lambda run, training, *_: learning.append(training))
    pieces.finish(Piece(str(folder.path), config.to_dict(), threads=1), lambda _: tiny_dataset())
    (training,) = learning
    assert (type(training.simulator.source).__name__, training.simulator.network.n_neurons) == ("Blink", 4)


def test_a_run_that_another_worker_does_meanwhile_is_not_begun_again(tmp_path, monkeypatch):
    path = tmp_path / "run"

    def made(*arguments, **options):
        tiny_run(path)
        return Training(*arguments, **options)

    monkeypatch.setattr(pieces, "Training", made)
    with pytest.raises(RunFolderError, match="already holds a run"):
        pieces.finish(Piece(str(path), CONFIG.to_dict(), threads=1), lambda _: tiny_dataset())
    assert RunFolder(path).is_finished


@pytest.fixture
def often_kept(monkeypatch):
    """Let pieces write checkpoints all the time."""
    made = Piece.__init__.__defaults__
    monkeypatch.setattr(Piece.__init__, "__defaults__", (*made[:-1], 0.0))


def test_a_killed_dask_worker_costs_its_run_a_restart_from_its_checkpoint_and_nothing_else(
    cluster, alone, often_kept, tmp_path, monkeypatch
):
    monkeypatch.setattr("engram.pools.dask.work", work_killed_once)
    monkeypatch.setattr("engram.pools.dask.DASK_SECONDS", 300)
    with DaskPool(cluster) as pool:
        assert pool.size == 2
        records = compare(tmp_path, CONFIGS, threads=1, pool=pool)
    assert (tmp_path / (tmp_path / MARK).read_text() / "summary.json").exists()
    assert digests(records) == alone


def test_a_killed_process_costs_its_run_a_restart_from_its_checkpoint_and_nothing_else(
    alone, often_kept, tmp_path, monkeypatch
):
    monkeypatch.setattr("engram.pools.processes.work", work_killed_once)
    witness = Witness()
    with Processes(1) as pool:
        records = compare(tmp_path, CONFIGS[:1], threads=1, pool=pool, watcher=witness)
    assert witness.seen == [((tmp_path / MARK).read_text(), "training")]
    assert digests(records).items() <= alone.items()


def test_jobs_run_nothing_that_lay_in_their_folder_before(tmp_path):
    """Submitit reads pickles that lie beside its logs: those that were there before are none of its own."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "7_0_result.pkl").write_bytes(b"planted")
    pools = [SlurmPool(tmp_path / "jobs", 2, cluster="debug") for _ in range(2)]
    folders = [pool.executor.folder for pool in pools]
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.parent == tmp_path / "jobs"
        assert (list(folder.iterdir()), folder.stat().st_mode & 0o777) == ([], 0o700)


def test_jobs_through_submitit_learn_the_same(alone, tmp_path):
    pytest.importorskip("submitit")
    with SlurmPool(tmp_path / "jobs", 2, {"timeout_min": 5}, cluster="debug") as pool:
        records = compare(tmp_path / "runs", CONFIGS[:1], threads=1, pool=pool)
    assert digests(records).items() <= alone.items()


def test_a_grid_search_of_scikit_learn_runs_on_dask(cluster):
    import joblib
    from distributed import Client
    from sklearn.model_selection import GridSearchCV

    from engram import STDPClassifier
    from engram.datasets import load

    digits = load("digits", n_train=120, n_test=10)
    classifier = STDPClassifier(8, preset="sharp", epochs=1, label_examples=60, threads=1)
    search = GridSearchCV(classifier, {"n_neurons": [8, 12]}, cv=2)
    with Client(cluster), joblib.parallel_config(backend="dask"):
        search.fit(digits.train_images, digits.train_labels)
    there = search.cv_results_["mean_test_score"]
    here = GridSearchCV(classifier, {"n_neurons": [8, 12]}, cv=2).fit(digits.train_images, digits.train_labels)
    assert there.tolist() == here.cv_results_["mean_test_score"].tolist()


class Failing(Pool):
    """A pool whose workers die at once, or whose pieces end as they are told to."""

    size = 2

    def __init__(self, *errors):
        self.errors, self.n_submitted = list(errors), 0

    def submit(self, piece):
        self.n_submitted += 1
        return _Over(self.errors.pop(0) if self.errors else None)

    def is_loss(self, error):
        return isinstance(error, ConnectionError)


class _Over:
    def __init__(self, error):
        self.error = error

    def done(self):
        return True

    def result(self):
        if self.error is not None:
            raise self.error


class _UntilStopped(_Over):
    def __init__(self, stop):
        super().__init__(None)
        self.stop = stop

    def done(self):
        return self.stop.exists()


def outcomes_of(tmp_path, pool, n):
    pieces = iter([Piece(str(tmp_path / str(k)), {}) for k in range(n)])
    outcomes = {}
    work_through(tmp_path, pool, lambda: next(pieces, None), lambda p, e: outcomes.update({Path(p.folder).name: e}))
    return outcomes


def test_a_piece_whose_workers_die_again_and_again_is_given_up_and_the_others_go_on(tmp_path):
    pool = Failing(*[ConnectionError("gone")] * MAX_LOSSES)
    pool.__class__ = type("One", (Failing,), {"size": 1})
    outcomes = outcomes_of(tmp_path, pool, 2)
    assert isinstance(outcomes["0"], RunFolderError)
    assert "died 3 times (gone)" in str(outcomes["0"])
    assert outcomes["1"] is None
    assert pool.n_submitted == MAX_LOSSES + 1


def test_an_error_of_a_piece_is_its_outcome(tmp_path):
    error = ConfigError("no such thing")
    assert outcomes_of(tmp_path, Failing(error), 2) == {"0": error, "1": None}


@pytest.mark.parametrize("error", [Interrupted("stop"), KeyboardInterrupt()])
def test_an_interrupted_piece_interrupts_all_and_asks_the_others_to_stop(tmp_path, error):
    with pytest.raises(Interrupted, match="its state is saved"):
        outcomes_of(tmp_path, Failing(None, error), 5)
    assert (tmp_path / STOP).exists()


def test_ctrl_c_asks_all_pieces_to_stop_and_waits_until_they_are_saved(tmp_path):
    class Slow(Failing):
        def submit(self, piece):
            return _UntilStopped(tmp_path / STOP)

    class Impatient(Watcher):
        def on_wait(self, running):
            raise KeyboardInterrupt

    pieces = iter([Piece(str(tmp_path / "a"), {})])
    with pytest.raises(Interrupted, match="everything is saved"):
        work_through(tmp_path, Slow(), lambda: next(pieces, None), lambda p, e: None, Impatient())
    assert (tmp_path / STOP).exists()


def test_pieces_that_are_asked_to_stop_are_saved_and_gone_on_with(tmp_path, alone):
    done = []

    def ask_to_stop(progress, training):
        done.append(progress.examples)
        (tmp_path / STOP).touch()

    with pytest.raises(Interrupted):
        compare(tmp_path, CONFIGS[:1], threads=1, pool=Here(lambda piece: [ask_to_stop, Told(piece.folder)]))
    assert done == [BLOCK]
    (run,) = tmp_path.glob("*/config.toml")
    assert [int(file.stem) for file in RunFolder(run.parent).checkpoint_files()] == done
    assert digests(compare(tmp_path, CONFIGS[:1], threads=1, pool=Here())).items() <= alone.items()
    assert not list(tmp_path.glob("*/.progress.json"))


def test_a_dask_scheduler_that_does_not_answer_is_waited_for_aloud(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("engram.pools.dask.DASK_SECONDS", 0.2)
    with pytest.raises(ConfigError, match=r"No Dask scheduler answers at tcp://127.0.0.1:9 within 0.2 s"):
        hired(tmp_path, None, "tcp://127.0.0.1:9", False, None)
    told = " ".join(capsys.readouterr().err.split())
    assert told == "connecting to the Dask scheduler at tcp://127.0.0.1:9, for 0.2 s at most …"
    with pytest.raises(ConfigError):
        hired(tmp_path, None, "tcp://127.0.0.1:9", False, None, quiet=True)
    assert capsys.readouterr().err == ""


def test_impossible_pools_are_told(tmp_path):
    with pytest.raises(ConfigError, match="workers must be a whole number of at least 1"):
        Processes(0)
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="There is no scheduler file nowhere"):
        DaskPool("nowhere.json")
    pytest.importorskip("submitit")
    with pytest.raises(ConfigError, match="Slurm jobs cannot be made"):
        SlurmPool(tmp_path, options={"wings": 2}, cluster="local")
