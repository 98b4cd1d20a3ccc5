"""Parts of a user's own file come out of a pickle in another process, as long as the file is what it was."""

import pickle
import subprocess
import sys
import textwrap

import pytest

from engram import STDPFeatures
from engram.errors import ConfigError, EngramError
from engram.plasticity import make_rule
from tiny import tiny_training

HEBB = """
    from dataclasses import dataclass
    from engram import LearningRule, Trace

    @dataclass(frozen=True, kw_only=True)
    class Hebb(LearningRule):
        eta: float = 0.01

        def traces(self):
            return (Trace("x_pre", of="pre", tau=20.0),)

        def on_post(w, x_pre, eta):
            return w + eta * x_pre
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my rules.v2.py"  # a name that is no module's
    path.write_text(textwrap.dedent(HEBB))
    return path


@pytest.fixture
def rule(file):
    return make_rule(f"{file}:Hebb", {"eta": 0.25})


def elsewhere(rule):
    """Let this process be as one that has not run the rule's file."""
    del sys.modules[type(rule).__module__]


def test_a_rule_of_one_s_own_comes_out_of_a_pickle(rule):
    content = pickle.dumps(rule)
    elsewhere(rule)
    found = pickle.loads(content)
    assert found.eta == 0.25 and repr(found) == repr(rule) and type(found) is not type(rule)


def test_a_fitted_estimator_with_a_rule_of_one_s_own_is_read_by_another_process(rule, tmp_path):
    training = tiny_training(rule=rule)
    training.learn_block()
    estimator = STDPFeatures(4, rule=rule)
    estimator.model_ = training.model()
    (tmp_path / "estimator.pickle").write_bytes(pickle.dumps(estimator))
    read = "import pickle, pathlib; e = pickle.loads(pathlib.Path('estimator.pickle').read_bytes());"
    tell = "print(e.rule.eta, type(e.model_.rule).__name__, e.model_.weights.sum())"
    found = subprocess.run([sys.executable, "-c", read + tell], capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.split() == ["0.25", "Hebb", str(training.model().weights.sum())], found.stderr


def test_joblib_and_dask_find_it_as_well(rule):
    cloudpickle = pytest.importorskip("cloudpickle")
    content = cloudpickle.dumps(rule)
    elsewhere(rule)
    assert pickle.loads(content).eta == 0.25


def test_a_file_that_has_changed_since_is_not_run(rule, file):
    content = pickle.dumps(rule)
    elsewhere(rule)
    file.write_text("raise SystemExit('this was not pickled')")
    with pytest.raises(ConfigError, match=r"rules.v2.py is not the file that it was when"):
        pickle.loads(content)


def test_a_file_that_is_not_there_is_told(rule, file):
    content = pickle.dumps(rule)
    elsewhere(rule)
    file.unlink()
    with pytest.raises(EngramError, match=r"There is no file .*my rules.v2.py"):
        pickle.loads(content)
    with pytest.raises(ModuleNotFoundError):
        __import__("nowhere_at_all")
