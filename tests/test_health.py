"""What ails a network is found, told, and can stop a run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engram import Simulator, Training, TrainingConfig
from engram.cli import main
from engram.datasets import load
from engram.errors import HealthError, RuleError
from engram.files import write_atomically
from engram.health import ADVICE, FEWEST_JUDGED, SILENT_IMAGES, Health
from engram.model_file import load_model, save_model
from engram.networks import DiehlCook, Network, Population, Protocol
from engram.neurons import EXCITATORY
from engram.plasticity import SelfNormalizing, Triplet
from engram.projections import Dense
from engram.run_folder import RunFolder
from engram.runs import RunOptions, run_training, start_run
from engram.training import TrainingSet
from tiny import CONFIG, finished, tiny_dataset

QUIET = RunOptions(evaluate=False, figures=False)
RUNAWAY = TrainingConfig(preset="paper", neurons=60, examples=75, integrator="euler", network={"w_inh_exc": 250.0})


@pytest.fixture
def network():
    return DiehlCook(n_inputs=10, n_neurons=4)


@pytest.fixture
def health(network):
    return Health(network.describe(Triplet()), Protocol())


def state(network, weight=0.5):
    return Simulator(network, Triplet(), weights=np.full((10, 4), weight)).state


def spikes(*counts):
    return np.array(counts)


def test_a_network_that_answers_is_healthy(health, network):
    assert health.update(25, spikes(*[20] * 25), state(network)) == []
    assert health.active == ()
    assert health.findings == []


def test_runaway_spiking_is_found(health, network):
    (finding,) = health.update(25, spikes(150, 260), state(network))
    assert finding.what == "runaway spiking: 205 spikes an image, more than 200"
    assert finding.advice == ADVICE["runaway"]
    assert health.active == ("runaway",)


def test_runaway_is_relative_to_what_many_neurons_can_fire():
    many = DiehlCook(n_inputs=2, n_neurons=400)
    health = Health(many.describe(SelfNormalizing()), Protocol())
    assert health.update(25, spikes(1300), Simulator(many).state) == []
    assert health.update(50, spikes(1500), Simulator(many).state)[0].kind == "runaway"


def test_runaway_of_a_layer_that_learns_in_its_turn_is_judged_by_its_own_size():
    network = Network(
        inputs={"image": 2},
        populations={name: Population(n, EXCITATORY) for name, n in (("many", 400), ("few", 4))},
        projections=[
            Dense(before="image", after="many", weights=1.0, rule=SelfNormalizing()),
            Dense(before="many", after="few", weights=1.0, rule=SelfNormalizing()),
        ],
    )
    health, now = Health(network, Protocol(), usual=False), Simulator(network, kernel="reference").state
    assert health.update(25, spikes(1300), now, layer="many") == []
    (finding,) = health.update(50, spikes(1300), now, layer="few")
    assert finding.what == "runaway spiking of few: 1,300 spikes an image, more than 200"
    assert finding.advice.endswith("strengthen the inhibition (the weights of its projections)")


def test_silence_is_counted_over_the_borders_of_blocks(health, network):
    half = SILENT_IMAGES // 2
    assert health.update(25, spikes(9, *[0] * half), state(network)) == []
    (finding,) = health.update(50, spikes(*[4] * (SILENT_IMAGES - half), 9), state(network))
    assert finding.what == "silence: 25 images in a row drew fewer than 5 spikes at any intensity"
    assert health.update(75, spikes(9), state(network)) == []
    assert health.active == ()


def test_silence_within_a_block_is_found(health, network):
    assert health.update(90, spikes(9, *[0] * SILENT_IMAGES, 9), state(network))[0].kind == "silence"


def test_one_image_between_silent_ones_breaks_the_silence(health, network):
    silent = [0] * (SILENT_IMAGES - 1)
    assert health.update(90, spikes(*silent, 5, *silent), state(network)) == []


@pytest.mark.parametrize(
    ("weight", "what"),
    [(1.0, "saturated weights: 100 % of them are at their upper bound 1"),
     (0.0, "saturated weights: 100 % of them are at their lower bound 0")],
)  # fmt: skip
def test_saturated_weights_are_found(health, network, weight, what):
    assert health.update(25, spikes(20), state(network, weight))[0].what == what


def test_half_of_the_weights_at_the_upper_bound_are_no_saturation(health, network):
    at_bound = state(network)
    at_bound.weights[:5] = 1.0
    assert health.update(25, spikes(20), at_bound) == []
    at_bound.weights[5, 0] = 1.0
    assert health.update(50, spikes(20), at_bound)[0].kind == "saturation"


def test_a_finding_is_new_once_and_remembers_when_it_was_seen(health, network):
    health.update(25, spikes(500), state(network))
    assert health.update(50, spikes(900), state(network)) == []
    health.update(75, spikes(9), state(network))
    (finding,) = health.findings
    assert (finding.first, finding.last) == (25, 50)
    assert "500 spikes" in finding.what


def test_a_resumed_run_goes_on_watching(health, network):
    health.update(25, spikes(500, *[0] * 20), state(network))
    resumed = Health(network.describe(Triplet()), Protocol())
    resumed.restore(json.loads(json.dumps(health.to_dict())))
    assert resumed.findings == health.findings
    assert resumed.update(50, spikes(0, 0, 0, 0, 0), state(network))[0].kind == "silence"


def test_images_that_are_shown_again_and_again_are_told(health, network):
    assert health.update(25, spikes(*[20] * 25), state(network), 25 * 5) == []
    (finding,) = health.update(50, spikes(*[20] * 25), state(network), 25 * 26)
    assert finding.what == "images had to be shown 26 times until they drew 5 spikes"
    assert "use more neurons" in finding.advice
    assert health.serious == []  # a strict run goes on


def test_more_than_a_tenth_of_the_neurons_without_a_label_is_told(health):
    health.note_labels(100, 1, 10)
    assert health.findings == []
    health.note_labels(100, 2, 10)
    (finding,) = health.findings
    assert finding.what == "2 of 10 neurons never fired for a labelled image, and have no label"


@pytest.mark.parametrize(("accuracy", "told"), [(0.10, True), (0.19, True), (0.20, False), (0.95, False)])
def test_accuracy_hardly_better_than_a_guess_is_told(health, accuracy, told):
    labels = np.arange(100) % 10
    health.note_accuracy(100, accuracy, labels)
    assert [finding.kind for finding in health.findings] == ["accuracy"] * told
    if told:
        assert health.findings[0].what.endswith("always answering the most frequent class (10.0 %)")


def test_guess_is_the_most_frequent_class(health):
    health.note_accuracy(100, 0.95, np.arange(114) >= 110)
    assert "(96.5 %)" in health.findings[0].what


def test_accuracy_of_a_handful_of_images_says_nothing(health):
    health.note_accuracy(100, 0.0, np.arange(FEWEST_JUDGED - 1) % 10)
    assert health.findings == []


# In runs


def test_run_that_learned_nothing_says_so_in_its_summary(tmp_path):
    labels = np.random.default_rng(0).integers(0, 2, 80)
    images = np.full((80, 9), 200, np.uint8)  # nothing to tell the classes by
    dataset = replace(tiny_dataset(), test_images=images, test_labels=labels)
    training = Training(CONFIG, dataset, kernel="reference")
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    finished(folder, training, RunOptions(figures=False))
    kinds = [finding["kind"] for finding in folder.read_summary()["health"]]
    assert "accuracy" in kinds
    assert folder.read_summary()["finished"]


@pytest.mark.parametrize("rule", ["self_normalizing", "triplet"])
def test_ordinary_training_is_healthy(rule):
    training = Training(TrainingConfig(rule=rule, neurons=30, examples=300), load("digits"))
    assert all(progress.health == () for progress in training.blocks())
    assert training.health.findings == []


def test_runaway_spiking_is_in_the_progress_and_the_summary(tmp_path):
    folder, training, seen = RunFolder(tmp_path / "run"), Training(RUNAWAY, load("digits")), []
    start_run(folder, RUNAWAY, overwrite=False)
    _, summary = run_training(folder, training, QUIET, [lambda progress, _: seen.append(progress.health)])
    folder.release()
    assert seen == [("runaway",)] * 3
    (finding,) = summary["health"]
    assert (finding["kind"], finding["first"], finding["last"]) == ("runaway", 25, 75)
    assert json.loads(folder.summary_file.read_text())["health"] == summary["health"]


def test_strict_stops_with_the_state_saved(tmp_path):
    folder, training = RunFolder(tmp_path / "run"), Training(RUNAWAY, load("digits"))
    start_run(folder, RUNAWAY, overwrite=False)
    with pytest.raises(HealthError, match=r"runaway spiking: [\d,]+ spikes an image, more than 210; lower input_gain"):
        run_training(folder, training, RunOptions(evaluate=False, figures=False, strict=True))
    assert training.examples == 25
    assert folder.read_summary()["health"][0]["kind"] == "runaway"
    resumed = Training(RUNAWAY, load("digits"))
    resumed.restore(*folder.read_checkpoint())
    _, summary = run_training(folder, resumed, QUIET)
    folder.release()
    assert summary["examples"] == 75
    assert (summary["health"][0]["first"], summary["health"][0]["last"]) == (25, 75)


def test_strict_run_on_the_command_line_says_what_helps_and_exits_1(tmp_path, capsys):
    options = (
        "--preset",
        "paper",
        "--neurons",
        "60",
        "--integrator",
        "euler",
        "--set",
        "network.w_inh_exc=250",
        "--examples",
        "75",
    )
    with pytest.raises(SystemExit) as stop:
        main(["train", *options, "--strict", "--no-evaluate", "--no-figures", "--out", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert stop.value.code == 1
    assert "Stopped after 25 of 75 images: runaway spiking" in error
    assert "use integrator exponential_euler or a smaller dt" in error
    assert f"engram train --resume {tmp_path / 'run'}" in error
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(tmp_path / "run"), "--no-evaluate", "--no-figures"])
    assert not stop.value.code
    assert "Warning: runaway spiking" in capsys.readouterr().err


def test_weights_that_are_no_numbers_end_a_run_and_leave_the_last_checkpoint(tmp_path):
    config = TrainingConfig(neurons=10, examples=75)
    folder, training = RunFolder(tmp_path / "run"), Training(config, load("digits"))
    start_run(folder, config, overwrite=False)

    learn = training.simulator.train

    def spoil(images, progress, **options):
        if training.examples == 50:
            training.simulator.state.weights[0] = np.nan
        return learn(images, progress, **options)

    training.simulator.train = spoil
    with pytest.raises(RuleError, match="made weights that are not finite; lower its learning rate"):
        run_training(folder, training, RunOptions(evaluate=False, figures=False, checkpoint_examples=25))
    folder.release()
    (finding,) = folder.read_summary()["health"]
    assert (finding["kind"], finding["first"]) == ("nan", 50)
    assert folder.read_summary()["l1_norm"] == {"mean": None, "sd": None}
    tensors, metadata = folder.read_checkpoint()
    assert metadata["examples"] == 50
    assert np.isfinite(tensors["weights"]).all()


def test_blank_images_are_silence():
    images = TrainingSet(np.zeros((60, 9), np.uint8), None, (), (3, 3))
    config = TrainingConfig(neurons=5, epochs=1, dataset="blank", preset="paper", protocol={"max_intensity": 3.0})
    training = Training(config, images)
    assert [progress.health for progress in training.blocks()] == [("silence",), ("silence",), ("silence",)]
    assert training.silent_images == 60


def test_findings_do_not_change_what_is_computed(tmp_path):
    one, other = Training(RUNAWAY, load("digits")), Training(RUNAWAY, load("digits"))
    other.health.update = lambda *_: None
    for _ in one.blocks():
        pass
    for _ in other.blocks():
        pass
    np.testing.assert_array_equal(one.simulator.state.weights, other.simulator.state.weights)


# A full disk


def test_what_was_learned_can_be_saved_elsewhere_after_a_full_disk(tmp_path, monkeypatch):
    config = TrainingConfig(neurons=10, examples=100)
    folder, training = RunFolder(tmp_path / "full"), Training(config, load("digits"))
    start_run(folder, config, overwrite=False)
    options = RunOptions(evaluate=False, figures=False, checkpoint_examples=25)

    def write(path, content, *, durable=True):
        if "full" in str(path) and training.examples >= 50:
            raise OSError(28, "No space left on device")
        return write_atomically(path, content, durable=durable)

    monkeypatch.setattr("engram.run_folder.write_atomically", write)
    with pytest.raises(OSError, match="No space left on device"):
        run_training(folder, training, options)
    assert training.examples == 50
    save_model(training.model(), tmp_path / "elsewhere.safetensors")
    saved = load_model(tmp_path / "elsewhere.safetensors")
    assert saved.examples == 50
    np.testing.assert_array_equal(saved.weights, training.simulator.state.weights)
    assert [file.name for file in folder.checkpoint_files()] == ["000000000025.safetensors"]

    monkeypatch.undo()  # space was made: the same training goes on in memory, to the end of an uninterrupted one
    run_training(folder, training, options)
    folder.release()
    whole = Training(config, load("digits"))
    for _ in whole.blocks():
        pass
    np.testing.assert_array_equal(load_model(folder.path).weights, whole.simulator.state.weights)


@pytest.mark.parametrize(("min_spikes", "told"), [(5, True), (1, False)])
def test_fewer_spikes_are_advised_only_where_more_than_one_is_asked_for(network, min_spikes, told):
    health = Health(network.describe(Triplet()), Protocol(min_spikes=min_spikes))
    (finding,) = health.update(25, spikes(9, 9), state(network), presentations=22)
    assert finding.what.startswith("images had to be shown 11 times")
    assert ("protocol.min_spikes" in finding.advice) is told
    assert "{" not in finding.advice


def test_rows_of_a_table_are_not_called_images():
    health = Health(DiehlCook(n_neurons=10).describe(Triplet()), Protocol(), pictures=False)
    health.note_labels(60, 5, 10)
    told = str(health.findings[0])
    assert told.startswith("5 of 10 neurons never fired for a labelled row, and have no label; learn from more rows")
    assert all("image" not in finding.advice for finding in health.findings)
