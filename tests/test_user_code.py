"""Networks, neurons, rules and sources that are a user's own, in several files, through all that a run offers."""

import shutil
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engram import STDPClassifier, load_model, user_code
from engram.cli.opening import open_diehl_cook
from engram.cli.train import _begin
from engram.config import TrainingConfig, own_options, read_options
from engram.errors import ConfigError, DataError, ModelFileError
from engram.exchange import freeze
from engram.growth import animate
from engram.networks.record import part_name, parts_of
from engram.run_folder import RunFolder
from engram.runs import RunOptions, start_run
from tiny import CONFIG, finished, resumed, tiny_dataset, tiny_run, tiny_training

NETWORK = """
    from dataclasses import dataclass
    from engram import LearningRule, Network, Population, Trace
    from engram.neurons import EXCITATORY, ConductanceLIF
    from engram.projections import Dense, Uniform

    @dataclass(frozen=True, kw_only=True)
    class Eager(ConductanceLIF):
        '''A neuron of one's own.'''

    @dataclass(frozen=True, kw_only=True)
    class Lateral(LearningRule):
        '''A rule that comes with the network.'''

        eta: float = 0.01
        w_max: float = 2.0

        def traces(self):
            return (Trace("x", of="pre", tau=20.0, add=1.0),)

        def on_post(w, x, eta):
            return w + eta * x

    def ring(shape, neurons, rule, dt, dtype, *, strength=0.5):
        return Network(
            inputs={"image": shape},
            populations={"ring": Population(neurons, Eager(**{**vars(EXCITATORY), "v_start": -65.0}))},
            projections=[
                Dense(before="ring", after="ring", weights=strength, rule=Lateral(), delay=1.0),
                Dense(before="image", after="ring", weights=Uniform(0.0, 4.0), rule=rule),
            ],
            dt=dt,
            dtype=dtype,
        )
"""

RULE = """
    from dataclasses import dataclass
    from engram import LearningRule, Trace

    @dataclass(frozen=True, kw_only=True)
    class Hebb(LearningRule):
        '''Grows with the input's trace.'''

        eta: float = 0.02
        w_max: float = 8.0

        def traces(self):
            return (Trace("x", of="pre", tau=20.0, add=1.0),)

        def on_post(w, x, eta, w_max):
            return w + eta * (x * (w_max - w) - 0.4 * w)
"""

SOURCE = """
    from dataclasses import dataclass
    import numpy as np
    from engram.sources import Source

    @dataclass(frozen=True, kw_only=True)
    class Early(Source):
        '''Bright pixels spike in one of the first steps.'''

        def encode(self, sample, n_steps, dt, intensity, random):
            bright = np.flatnonzero(sample > 100)
            return bright, random.integers(0, 4, len(bright))
"""


def written(folder: Path) -> dict[str, str]:
    """The three files in a folder, as a run names them."""
    folder.mkdir(parents=True)
    for name, text in (("rings", NETWORK), ("hebb", RULE), ("early", SOURCE)):
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    names = {"network": "rings.py:ring", "rule": "hebb.py:Hebb", "source": "early.py:Early"}
    return {what: f"{folder}/{name}" for what, name in names.items()}


def config_of(own: dict[str, str]) -> TrainingConfig:
    return CONFIG.replace(constants={}, examples=50, **own)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return written(tmp_path_factory.mktemp("own") / "files")


@pytest.fixture(scope="module")
def whole(own, tmp_path_factory):
    """A run that was never disturbed."""
    return tiny_run(tmp_path_factory.mktemp("whole") / "run", config_of(own))


def test_file_that_two_threads_name_at_once_is_run_once_and_whole(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(textwrap.dedent(RULE))
    name = f"{tmp_path}/mine.py:Hebb"
    found, execute = [], user_code._execute
    other = threading.Thread(target=lambda: found.append(user_code.load_from_file(name, "rule")))

    def begin_and_be_met(*what):
        other.start()
        other.join(0.1)
        execute(*what)

    monkeypatch.setattr(user_code, "_execute", begin_and_be_met)
    found.append(user_code.load_from_file(name, "rule"))
    other.join()
    assert len(found) == 2 and found[0] is found[1]


def test_model_asks_for_each_file_in_turn_and_is_read_with_all(whole, own):
    with pytest.raises(ModelFileError, match=r"has the part rings\.py:Eager, which is not engram's own; .*--network"):
        load_model(whole.path)
    with pytest.raises(ModelFileError, match=r"has the rule hebb\.py:Hebb, .* --rule path/to/hebb\.py:Hebb"):
        load_model(whole.path, parts=own["network"])
    ways = [
        load_model(whole.path, parts=[own["network"], own["rule"]], source=own["source"]),
        load_model(whole.path, parts=own["network"], rule=own["rule"], source=own["source"]),
    ]
    names = [part_name(kind) for kind in parts_of(ways[0].network)]
    assert names == ["rings.py:Eager", "Dense", "Dense", "rings.py:Lateral", "hebb.py:Hebb"]
    images = tiny_dataset().test_images
    counts = [model.simulator("reference").count_spikes(images)[0] for model in ways]
    assert counts[0].sum() > 0
    assert np.array_equal(*counts)


def test_digest_of_a_model_does_not_depend_on_the_order_of_its_projections(own):
    model = tiny_training(config_of(own)).model()
    turned = replace(model, weights=dict(reversed(model.weights.items())))
    assert list(turned.weights) != list(model.weights)
    assert turned.digest() == model.digest()


def test_fields_of_several_projections_are_animated(whole, own):
    assert animate(whole, **own, dataset=tiny_dataset(), kernel="reference").stat().st_size > 1000


def test_run_is_resumed_where_its_files_lie_in_another_folder(whole, own, tmp_path):
    folder, moved = RunFolder(tmp_path / "run"), written(tmp_path / "elsewhere")
    start_run(folder, config_of(own), overwrite=False)

    def stop(progress, _):
        raise DataError("stop here")

    with pytest.raises(DataError, match="stop here"):
        finished(folder, tiny_training(config_of(own)), callbacks=[stop])
    with pytest.raises(ConfigError, match=r"has the network .*rings\.py:ring, not .*:other; give that one"):
        resumed(folder.path, **moved | {"network": f"{tmp_path}/elsewhere/rings.py:other"})
    resumed(folder.path, **moved)
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_run_that_goes_on_from_own_parts_is_begun_stopped_and_resumed(whole, own, tmp_path):
    def begun(name):
        return _begin(own, None, whole.path, [], tmp_path / name, overwrite=False, threads=1, evaluate=True,
                      load=lambda _: tiny_dataset())  # fmt: skip

    folder, training = begun("undisturbed")
    before = load_model(whole.path, parts=[own["network"], own["rule"]])
    assert np.array_equal(training.model().weights["image_ring"], before.weights["image_ring"])
    folder.release()
    folder, _ = begun("stopped")
    folder.release()
    resumed(folder.path, **own)
    assert folder.is_finished
    assert load_model(folder.path, parts=[own["network"], own["rule"]]).examples == 100


def test_run_stopped_between_labelling_and_drawing_keeps_its_labels(whole, own, tmp_path, monkeypatch):
    shutil.copytree(whole.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    summary = folder.read_summary()
    del summary["finished"]
    folder.write_summary(summary)
    monkeypatch.setattr("engram.runs.label_neurons", None)  # what is there is not made again
    resumed(folder.path, RunOptions(figures=False), **own)
    assert (folder.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_run_whose_network_s_file_changed_says_so(own, tmp_path):
    own = written(tmp_path / "own")
    folder = RunFolder(tmp_path / "run")
    start_run(folder, config_of(own), overwrite=False)
    training = tiny_training(config_of(own))
    training.learn_block()
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.release()
    file = tmp_path / "own/rings.py"
    file.write_text(file.read_text().replace("strength=0.5", "strength=0.6"))
    with pytest.raises(ConfigError, match=r"rings\.py:ring describes another network now than .*put the file back"):
        resumed(folder.path, **own)


def test_estimator_with_own_parts_is_loaded_where_their_files_are_named(whole, own):
    with pytest.raises(ModelFileError, match=r"has the part rings\.py:Eager"):
        STDPClassifier.load(whole.path)
    loaded = STDPClassifier.load(whole.path, parts=own["network"], rule=own["rule"], source=own["source"])
    assert loaded.model_.network.size_of("ring") == 4
    assert loaded.get_params()["network"] == {"kind": own["network"]}


def test_only_the_usual_network_is_exported(whole, own):
    with pytest.raises(ConfigError, match="Only the network of Diehl and Cook can be exported or certified"):
        open_diehl_cook(whole.path)  # before any file is asked for
    with pytest.raises(ConfigError, match="Only the network of Diehl and Cook can be exported or certified"):
        freeze(load_model(whole.path, parts=[own["network"], own["rule"]]))


def test_advice_names_the_user_s_own_files_again(tmp_path):
    options = {"network": {"kind": "my/rings.py:ring"}, "rule": "pair", "source": "early.py:Early"}
    (tmp_path / "config.toml").write_text(TrainingConfig(**options).to_toml())
    assert own_options(read_options(tmp_path / "config.toml")) == " --network my/rings.py:ring --source early.py:Early"
    with pytest.raises(ModelFileError, match=r"--resume .* --network path/to/rings\.py:ring --source path"):
        load_model(tmp_path)
