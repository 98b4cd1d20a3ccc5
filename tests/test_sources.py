"""Sources of spikes as part of a run: by name or from a file, kept by models and checkpoints, read by again."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from engram import STDPClassifier, Training, TrainingConfig, figures, load_model
from engram.datasets import from_recordings
from engram.datasets.recordings import Events, Layout, Recordings
from engram.errors import ConfigError, DataError, SourceError
from engram.evaluation import label_spikes
from engram.model_file import encode, read_model_file, save_model
from engram.networks import DiehlCook, Protocol
from engram.prediction import read_pictures
from engram.run_folder import RunFolder
from engram.runs import resume_run, start_run
from engram.samples import samples_of
from engram.simulator import Simulator
from engram.sources import SOURCES, Latency, Learned, Poisson, Ramp, Regular, Source, StoredEvents, make_source
from engram.sources.records import source_from_record, source_record
from event_scenes import bar_events, write_bin
from own_source import BLINK
from tiny import CONFIG, finished, so_small, tiny_dataset

CHANGED = {
    "poisson": {},
    "latency": {"order": "rank", "bins": 5},
    "ramp": {"start": 0.5, "growth": 1.1},
    "regular": {},
    "events": {"scale": 0.02},
}
"""Constants of each built-in source other than its own."""


@pytest.fixture
def blink(tmp_path):
    file = tmp_path / "mine" / "blink.py"
    file.parent.mkdir()
    file.write_text(BLINK)
    return file


@functools.cache
def bars():
    """Recordings of upright and lying bars."""
    pairs = [(np.column_stack(bar_events(k % 2, k)), k % 2) for k in range(32)]
    return from_recordings(pairs[:26], pairs[26:], name="bars", sensor_shape=(8, 8))


def dataset_for(name):
    return bars() if name == "events" else tiny_dataset()


def config_for(name, **options):
    return CONFIG.replace(source=name, source_constants=CHANGED.get(name, {}), **options)


def begun(path, config, data, examples, **how):
    """A run that stopped after some images."""
    folder = RunFolder(path)
    start_run(folder, config, overwrite=False)

    def stop(progress, _):
        if progress.examples == examples:
            raise DataError("stop here")

    with pytest.raises(DataError, match="stop here"):
        finished(folder, Training(config, data, kernel="reference", **how), callbacks=[stop])
    return folder


def resumed(folder, data, **how):
    return finished(folder, resume_run(folder, dataset=data, kernel="reference", **how))


# --- what a source is -----------------------------------------------------------------------------


def test_every_source_has_constants_that_a_record_keeps():
    assert set(CHANGED) == set(SOURCES)
    for name, constants in CHANGED.items():
        source = make_source(name, constants, gain=2.5)
        record = source_record(source)
        assert record["source"] == name
        assert "gain" not in record["constants"]
        assert source_from_record(record, 2.5) == source


def test_numbers_may_be_text_and_whole_numbers_stay_whole():
    source = make_source("latency", {"bins": "5.0", "white": "128"})
    assert (source.bins, type(source.bins), source.white) == (5, int, 128.0)


@pytest.mark.parametrize(
    "name, constants, message",
    [
        ("lightning", {}, "no source of spikes 'lightning'; choose one of poisson, latency"),
        ("latency", {"speed": 1}, "Latency has no constant 'speed'; it has white, order, bins"),
        ("poisson", {"speed": 1}, "Poisson has no constant 'speed'; it has none"),
        ("latency", {"bins": 2.5}, "bins of Latency must be a whole number, got 2.5"),
        ("ramp", {"growth": 0.5}, "growth must be at least 1 per ms, got 0.5"),
        ("ramp", {"gain": 2.0}, "The gain of Ramp is the option input_gain"),
    ],
)
def test_what_a_source_cannot_be_is_told(name, constants, message):
    with pytest.raises((SourceError, ConfigError), match=message):
        make_source(name, constants)


@pytest.mark.parametrize("source", [Poisson(gain=0.7), Regular(gain=0.7), Ramp(gain=0.7, start=0.2, growth=1.002)])
def test_white_spikes_at_the_rate_that_a_source_says(source):
    n_steps, dt = 2000, 0.5
    rate = source.rate_of_white(n_steps, dt, 2.0)
    sample, key = np.full(300, 255, np.float32), np.array([1, 2], np.uint64)
    index, _ = source.spikes(sample, n_steps, dt, 2.0, key, np.uint64(0), 0)
    assert len(index) / len(sample) == pytest.approx(rate.sum() * dt / 1000, rel=0.03)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_rate_that_grows_beyond_every_number_stays_one():
    source = make_source("ramp", {"growth": 1e30, "start": 1e-3})
    spikes = source.encode(np.array([0, 255], np.float32), 400, 1.0, 2.0, np.random.default_rng(0))
    assert spikes[:, 0].sum() == 0
    assert spikes[2:, 1].all()
    assert source.rate_of_white(400, 1.0, 2.0)[-1] == 1000.0


def test_a_source_that_no_file_can_keep_is_told_before_anything_is_learned():
    model = Training(CONFIG, tiny_dataset(), kernel="reference").model()
    with pytest.raises(ConfigError, match="The source Learned cannot be kept in a file: its model is Model"):
        Training(CONFIG, tiny_dataset(), source=Learned(model=model), kernel="reference")


def test_sources_without_a_rate_say_so():
    assert Latency().rate_of_white(10, 0.5, 2.0) is None
    assert StoredEvents().rate_of_white(10, 0.5, 2.0) is None


def test_stored_events_are_the_spikes_of_the_recording_border_included():
    for dt in (0.1, 0.3, 0.5, 0.7):
        times = np.ceil(np.arange(1000) * dt * 1000 - 1e-6)
        recordings = Recordings.of(Layout((1, 1)), [Events(times, *np.zeros((3, 1000), int))])
        index, offset = StoredEvents().spikes(recordings.samples[0], 1000, dt, 2.0, np.zeros(2, np.uint64), 0, 0)
        wanted = recordings.spikes(0, 1000, dt)
        np.testing.assert_array_equal(index, wanted[0])
        np.testing.assert_array_equal(offset, wanted[1])
        assert np.diff(offset).tolist() == [1] * 1000, dt


def test_samples_are_chosen_like_rows_of_an_array():
    samples = bars().train_recordings.samples
    assert len(samples) == 26
    inputs, times = samples[-1]
    np.testing.assert_array_equal(inputs, bars().train_recordings.events(25)[1])
    assert times.max() < 300
    np.testing.assert_array_equal(samples[[3, 25]][1][1], times)
    assert len(samples[2:5]) == 3


def test_what_is_the_same_however_loud_is_shown_once():
    """Spikes at rates and latencies by value change with loudness; ranks and recordings would be shown in vain."""
    protocol = Protocol(shown=2.0, blank=0.0, start_intensity=1.0, max_intensity=3.0, min_spikes=10**6)
    network = DiehlCook(n_inputs=3, n_neurons=2)
    shown = {True: [(np.array([0, 2]), np.array([0.1, 0.9]))], False: np.array([[9, 99, 0]])}
    for source, times in {Regular(): 3, Latency(): 3, Latency(order="rank"): 1, StoredEvents(): 1}.items():
        simulator = Simulator(network, source=source, protocol=protocol, kernel="reference")
        _, attempts = simulator.count_spikes(shown[not source.takes_pixels])
        assert attempts.tolist() == [times], source


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_resumed_run_equals_uninterrupted_run(tmp_path, name):
    config, data = config_for(name), dataset_for(name)
    whole = RunFolder(tmp_path / "whole")
    start_run(whole, config, overwrite=False)
    finished(whole, Training(config, data, kernel="reference"))
    resumed(begun(tmp_path / "stopped", config, data, 50), data)
    for file in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (whole.path / file).read_bytes() == (tmp_path / "stopped" / file).read_bytes(), file
    assert TrainingConfig.from_toml(whole.path / "config.toml") == config


@pytest.mark.parametrize("name", SOURCES)
def test_model_counts_by_the_source_that_it_learned_by(tmp_path, name):
    training = Training(config_for(name, examples=25), dataset_for(name), kernel="reference")
    training.learn_block()
    wanted, _ = label_spikes(training.simulator, training.dataset, 10)
    assert wanted.any()
    save_model(training.model(), tmp_path / "m")
    model = load_model(tmp_path / "m")
    assert model.source == training.simulator.source
    counts, _ = label_spikes(model.simulator("reference"), training.dataset, 10)
    np.testing.assert_array_equal(counts, wanted)


def test_model_from_before_sources_reads_by_poisson_spikes(tmp_path):
    training = Training(CONFIG.replace(examples=25), tiny_dataset(), kernel="reference")
    training.learn_block()
    save_model(training.model(), tmp_path / "m")
    tensors, metadata, _ = read_model_file(tmp_path / "m")
    del metadata["source"], metadata["config"]["source"]
    (tmp_path / "old").write_bytes(encode(tensors, metadata))
    old, new = load_model(tmp_path / "old"), load_model(tmp_path / "m")
    assert old.source == new.source == Poisson(gain=new.input_gain)
    assert old.config == new.config


def test_checkpoint_from_before_sources_goes_on(tmp_path):
    folder = begun(tmp_path / "old", CONFIG, tiny_dataset(), 50)
    tensors, metadata = folder.read_checkpoint()
    del metadata["source"], metadata["config"]["source"]
    folder.write_checkpoint(50, tensors, metadata)
    resumed(folder, tiny_dataset())
    resumed(begun(tmp_path / "new", CONFIG, tiny_dataset(), 50), tiny_dataset())
    assert (tmp_path / "old/model.safetensors").read_bytes() == (tmp_path / "new/model.safetensors").read_bytes()


def test_input_gain_is_set_by_the_ink_where_spikes_come_at_rates():
    gains = {
        name: Training(config_for(name), dataset_for(name), kernel="reference").simulator.input_gain for name in SOURCES
    }
    assert gains["poisson"] == gains["ramp"] == gains["regular"] != 1.0
    assert gains["latency"] == gains["events"] == 1.0
    latency = Training(config_for("latency", input_gain=0.5), tiny_dataset(), kernel="reference")
    assert latency.simulator.source.gain == 0.5


def test_recordings_have_no_gain_and_images_no_events():
    with pytest.raises(ConfigError, match="input_gain is a factor on pixel values, and the source events shows"):
        Training(config_for("events", input_gain=0.5), bars(), kernel="reference")
    with pytest.raises(ConfigError, match="The source events shows recordings of events, and tiny has none"):
        Training(config_for("events"), tiny_dataset(), kernel="reference")


def test_source_may_be_a_table_and_constants_stay_with_their_source(tmp_path):
    (tmp_path / "c.toml").write_text('[source]\nkind = "latency"\norder = "rank"\n')
    config = TrainingConfig.from_toml(tmp_path / "c.toml")
    assert (config.source, config.source_constants) == ("latency", {"order": "rank"})
    assert TrainingConfig.from_toml(tmp_path / "c.toml", source="latency") == config
    other = TrainingConfig.from_toml(tmp_path / "c.toml", source="ramp")
    assert (other.source, other.source_constants) == ("ramp", {})
    model = Training(config_for("latency"), tiny_dataset(), kernel="reference").model()
    assert TrainingConfig.from_model(model, source_constants={"bins": 7}).source_constants == {
        "order": "rank",
        "bins": 7,
    }
    assert TrainingConfig.from_model(model, source="regular").source_constants == {}


def test_going_on_by_another_source_finds_its_own_gain():
    first = Training(config_for("latency", input_gain=3.0), tiny_dataset(), kernel="reference").model()
    again = Training(config_for("latency"), tiny_dataset(), start=first, kernel="reference")
    assert again.simulator.input_gain == 3.0
    other = Training(config_for("poisson"), tiny_dataset(), start=first, kernel="reference")
    assert other.simulator.input_gain == Training(CONFIG, tiny_dataset(), kernel="reference").simulator.input_gain


# --- a source from a user's own file --------------------------------------------------------------


def test_own_source_is_run_only_where_the_user_names_it(tmp_path, blink):
    name = f"{blink}:Blink"
    config = CONFIG.replace(source=name, source_constants={"step": 3})
    folder = begun(tmp_path / "run", config, tiny_dataset(), 50)
    text = blink.read_text()
    blink.write_text("raise SystemExit('the file was run')")
    with pytest.raises(ConfigError, match=r"gets its spikes from the source .*Blink, a file that would be run"):
        resume_run(folder, dataset=tiny_dataset())
    with pytest.raises(ConfigError, match=r"names the source .*Blink, a file that would be run; .* --source"):
        TrainingConfig.from_toml(folder.config_file)
    assert load_model(folder.path).source is None
    with pytest.raises(ConfigError, match=r"reads by the source of spikes blink\.py:Blink, a file that would be run"):
        load_model(folder.path).simulator()
    blink.write_text(text)
    resumed(folder, tiny_dataset(), source=name)
    model = load_model(folder.path, source=name)
    assert (model.source_record, model.source.step) == ({"source": "blink.py:Blink", "constants": {"step": 3}}, 3)
    image = tiny_dataset().test_images[0]
    spikes = model.simulator("reference").presentation_of(image).input_spikes
    assert sorted(spikes[:, 0]) == np.flatnonzero(image > 100).tolist()
    assert spikes[:, 1].max() <= 2
    with pytest.raises(SourceError, match=r"made with the source blink\.py:Blink, not with latency"):
        load_model(folder.path, source="latency")


def test_own_source_that_changed_is_refused_with_both_digests(tmp_path, blink):
    name = f"{blink}:Blink"
    folder = begun(tmp_path / "run", CONFIG.replace(source=name), tiny_dataset(), 25)
    blink.write_text(blink.read_text().replace("> 100", "> 90"))
    with pytest.raises(ConfigError, match=r"The file of blink.py:Blink is .* was [0-9a-f]{64}, now [0-9a-f]{64}"):
        resumed(folder, tiny_dataset(), source=name)
    with pytest.raises(ConfigError, match=r"gets its spikes from the source .*, not latency"):
        resume_run(folder, dataset=tiny_dataset(), source="latency")
    other = begun(tmp_path / "other", CONFIG, tiny_dataset(), 25)
    with pytest.raises(ConfigError, match=r"from the source poisson, not .*; resume it without --source"):
        resume_run(other, dataset=tiny_dataset(), source=name)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "class Blink(Source)",
            "class Blink",
            r"Blink in .* is not a source of spikes; derive it from engram\.sources",
        ),
        ("class Blink", "class Other", r"has no class 'Blink'; its sources of spikes are Other"),
        ("@dataclass(frozen=True, kw_only=True)", "@dataclass", "a source of spikes is a frozen dataclass; write"),
        ("> 100", "> threshold", r"blink\.py:10: encode of Blink fails: NameError: name 'threshold'"),
        ("> 100", "> exit(0)", r"blink\.py:10: encode of Blink fails: SystemExit: 0"),
        ("self.step, len", "9999, len", "Blink name steps outside 0 to 5"),
    ],
)
def test_mistakes_in_an_own_source_are_told_where_they_are(blink, old, new, message):
    blink.write_text(blink.read_text().replace(old, new))
    with pytest.raises((SourceError, DataError), match=message):
        Training(CONFIG.replace(source=f"{blink}:Blink"), tiny_dataset(), kernel="reference").learn_block()


def test_source_without_encode_says_so():
    class Silent(Source):
        pass

    with pytest.raises(NotImplementedError, match="Silent does not say how it makes spikes"):
        Training(CONFIG, tiny_dataset(), source=Silent(), kernel="reference").learn_block()


# --- recordings, figures, estimators --------------------------------------------------------------


def test_recordings_are_read_from_files_by_their_events(tmp_path):
    config = config_for("events", dataset="bars", examples=25)
    training = Training(config, bars(), kernel="reference")
    for _ in training.blocks():
        pass
    model = training.model()
    model = replace(model, readout=label(model))
    files = [write_bin(tmp_path / f"{k}.bin", *bar_events(k, 99)) for k in (0, 1)]
    answers = read_pictures(model, files)
    shown = Recordings.of(Layout((8, 8)), [Events(*bar_events(k, 99)) for k in (0, 1)])
    counts, _ = model.simulator("reference").count_spikes(shown.samples)
    np.testing.assert_array_equal([answer.counts for answer in answers], counts)
    assert counts.any()
    (tmp_path / "rows.csv").write_text(",".join(["9"] * 128) + "\n")
    with pytest.raises(DataError, match="The source events shows recordings of events; give such files instead"):
        read_pictures(model, [tmp_path / "rows.csv"])


def label(model):
    from engram.evaluation import label_neurons

    return label_neurons(model.simulator("reference"), bars(), 26)


def test_slices_count_the_spikes_of_their_time():
    spikes = [[0, 0], [0, 4], [3, 5], [2, 9], [2, 8]]
    figure = figures.input_slices(spikes, (2, 2), dt=1.0, shown_ms=10.0, n_slices=2, title="x")
    pictures = [axes.images[0].get_array().tolist() for axes in figure.axes]
    assert pictures == [[[2, 0], [0, 0]], [[0, 0], [2, 1]], [[2, 0], [2, 1]]]
    with pytest.raises(DataError, match="A spike is of input 4, but 2×2 pixels have 4"):
        figures.input_slices([[4, 0]], (2, 2), dt=1.0, shown_ms=10.0)


def test_estimator_learns_by_a_source_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr("engram.estimator.Training", functools.partial(Training, kernel="reference"))
    data, quick = tiny_dataset(), {"protocol": {"shown": 5, "blank": 1, "min_spikes": 0}}
    made = STDPClassifier(4, epochs=1, source="latency", **quick)
    assert made.get_params()["source__order"] == "value"
    made.set_params(source__order="rank", source__bins=4)
    assert made.source == Latency(order="rank", bins=4)
    with so_small():
        made.fit(data.train_images, data.train_labels)
    assert made.model_.source == Latency(order="rank", bins=4)
    made.save(tmp_path / "m")
    loaded = STDPClassifier.load(tmp_path / "m")
    assert loaded.source == Latency(order="rank", bins=4)
    np.testing.assert_array_equal(loaded.predict(data.test_images), made.predict(data.test_images))
    with pytest.raises(ConfigError, match="An estimator takes images, and the source events shows recordings"):
        STDPClassifier(4, source="events").fit(data.train_images, data.train_labels)
    with pytest.raises(SourceError, match="A source must be one of engram"):
        STDPClassifier(4, source=Latency).fit(data.train_images, data.train_labels)


def test_samples_of_a_source_are_images_or_recordings():
    assert samples_of(bars(), Poisson()) is bars().train_images
    np.testing.assert_array_equal(samples_of(bars(), StoredEvents(), "test")[0][0], bars().test_recordings.events(0)[1])
