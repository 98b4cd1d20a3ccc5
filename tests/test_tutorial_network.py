"""The tutorial's network: its kernels, its answers, and the traps of its text closed."""

import dataclasses
import doctest

import numpy as np
import pytest

from engram.blocks import ALIF, LIF, ExponentialSynapse, PoissonEncoder
from engram.errors import ConfigError, DataError
from engram.networks import tutorial
from engram.networks.tutorial import MORE_EVIDENCE, TEXT, TutorialNetwork, TutorialReader, relative_theta
from engram.randomness import content_counter

N_INPUTS, N_NEURONS = 62, 15  # neither a multiple of the four words of a draw


def parameters():
    """Neurons that prefer overlapping stretches of the inputs."""
    random = np.random.default_rng(0)
    centre = np.linspace(0, N_INPUTS, N_NEURONS)
    weights = np.exp(-(((np.arange(N_INPUTS)[:, None] - centre) / 8) ** 2)) * random.uniform(
        0.5, 1, (N_INPUTS, N_NEURONS)
    )
    return weights, random.uniform(0, 1, N_NEURONS), np.arange(N_NEURONS) % 5


def images(n=12):
    random = np.random.default_rng(1)
    centre = random.uniform(0, N_INPUTS, (n, 1))
    return np.rint(255 * np.exp(-(((np.arange(N_INPUTS) - centre) / 8) ** 2))).astype(np.uint8)


def reader(network=MORE_EVIDENCE, **options):
    return TutorialReader(*parameters(), network=network, **options)


NETWORKS = {
    "text": TEXT,
    "more_evidence": MORE_EVIDENCE,
    "fine_steps": dataclasses.replace(MORE_EVIDENCE, dt=0.5),
    "rising_thresholds": dataclasses.replace(TEXT, inc_theta=0.3, tau_theta=50.0),
    "strong_inhibition": dataclasses.replace(MORE_EVIDENCE, inhibition=30.0),
}


def test_examples_in_the_documentation_run():
    assert doctest.testmod(tutorial).failed == 0


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_compiled_kernel_equals_the_reference_spike_by_spike(network):
    compiled, reference = reader(network), reader(network, kernel="reference")
    for image in images(2):
        a, b = compiled.read(image, record=True), reference.read(image, record=True)
        assert (a.answer, a.leader, a.shown, a.repeats) == (b.answer, b.leader, b.shown, b.repeats)
        assert np.array_equal(a.counts, b.counts)
        for spikes in ("input_spikes", "exc_spikes", "inh_spikes"):
            assert np.array_equal(getattr(a.raster, spikes), getattr(b.raster, spikes))


def test_both_kernels_read_many_images_alike():
    a, b = reader().read_all(images(3)), reader(kernel="reference").read_all(images(3))
    for column in ("answers", "leaders", "counts", "shown", "repeats"):
        assert np.array_equal(getattr(a, column), getattr(b, column))


@pytest.mark.parametrize("network", [TEXT, MORE_EVIDENCE, NETWORKS["rising_thresholds"]])
def test_the_network_put_together_from_blocks_reads_the_same(network):
    weights, theta, _ = parameters()
    for image in images(3):
        reading = reader(network, seed=4).read(image, record=True)
        encoder = PoissonEncoder(
            min_rate=network.min_rate,
            max_rate=network.max_rate,
            seed=4,
            counter=int(content_counter(image)),
        )
        psp_in = ExponentialSynapse(tau=network.tau_input)
        psp_exc, psp_inh = ExponentialSynapse(tau=network.tau_exc), ExponentialSynapse(tau=network.tau_inh)
        excitatory = ALIF(tau_inh=network.tau_theta, inc_inh=network.inc_theta, inh_start=network.theta_gain * theta)
        inhibitory = LIF()
        inhibition = np.zeros(N_NEURONS)
        counts = np.zeros(N_NEURONS, int)
        for step in range(round(reading.shown)):
            spikes = encoder.step(image, rate_factor=network.growth**step)
            drive = network.input_gain * psp_in.step(spikes) @ weights
            fired = excitatory.step(drive - np.maximum(inhibition / N_NEURONS, 0))
            silenced = psp_inh.step(inhibitory.step(psp_exc.step(fired)))
            inhibition = network.inhibition * (silenced.sum() - silenced)
            counts += fired
        assert np.array_equal(counts, reading.counts)


def test_answers_do_not_depend_on_order_batch_or_threads():
    many = images(40)
    whole = reader().read_all(many, threads=1)
    order = np.random.default_rng(2).permutation(40)
    shuffled = reader().read_all(many[order], threads=3)
    assert np.array_equal(whole.counts[order], shuffled.counts)
    assert np.array_equal(whole.answers[order], shuffled.answers)
    alone = reader().read(many[17])
    assert np.array_equal(alone.counts, whole.counts[17])
    assert alone.answer == (None if whole.answers[17] < 0 else whole.answers[17])
    assert np.array_equal(reader().read_all(many.astype(np.float64)).counts, whole.counts)


def test_another_seed_gives_other_spikes():
    assert not np.array_equal(reader(seed=0).read_all(images()).counts, reader(seed=1).read_all(images()).counts)


def test_neurons_that_prefer_the_image_answer():
    labels = parameters()[2]
    readings = reader().read_all(images(40))
    centre = images(40).argmax(axis=1) / N_INPUTS * (N_NEURONS - 1)
    near = np.abs(readings.leaders - centre) < 2
    assert near.mean() > 0.9
    assert np.array_equal(readings.answers, labels[readings.leaders])


def test_the_answer_comes_as_soon_as_one_neuron_leads_alone():
    reading = reader().read(images()[0], record=True)
    spikes = reading.raster.exc_spikes
    last = round(reading.shown) - 1
    before = np.bincount(spikes[spikes[:, 1] < last, 0], minlength=N_NEURONS)
    shown = np.bincount(spikes[spikes[:, 1] <= last, 0], minlength=N_NEURONS)
    assert np.array_equal(shown, reading.counts)
    assert reading.counts.max() >= MORE_EVIDENCE.min_spikes
    assert np.sum(reading.counts == reading.counts.max()) == 1
    assert before.max() < MORE_EVIDENCE.min_spikes or np.sum(before == before.max()) > 1


def test_the_raster_ends_in_blank_time_without_input():
    reading = reader().read(images()[0], record=True)
    n_shown = round(reading.shown)
    assert len(reading.raster.rate) == n_shown + 150
    ramp = reading.raster.rate[:n_shown]
    assert ramp == pytest.approx(np.minimum(2.0 * MORE_EVIDENCE.growth ** np.arange(n_shown), 1000.0))
    assert reading.rate == ramp[-1]
    assert np.all(reading.raster.rate[n_shown:] == 0)
    assert reading.raster.input_spikes[:, 1].max() < n_shown
    assert reading.raster.inh_spikes[:, 1].max() < n_shown + 150


def test_the_chance_of_a_spike_stops_at_one_however_long_the_ramp():
    network = dataclasses.replace(TEXT, growth=3.0, input_gain=1e-6, max_repeats=0)
    reading = reader(network).read(np.full(N_INPUTS, 255), record=True)
    assert reading.rate == 1000.0
    last = reading.raster.input_spikes[:, 1] == 549
    assert last.sum() == N_INPUTS
    assert np.isfinite(reading.raster.rate).all()


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_a_silent_network_gives_no_answer_after_bounded_repeats(kernel):
    weights, theta, labels = parameters()
    network = dataclasses.replace(TEXT, shown=20.0, max_repeats=2)
    reading = TutorialReader(0 * weights, theta, labels, network=network, kernel=kernel).read(images()[0])
    assert (reading.answer, reading.leader, reading.repeats) == (None, None, 2)
    assert reading.why_none == "No neuron fired."
    assert reading.counts.sum() == 0


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_neurons_that_lead_together_give_no_answer(kernel):
    twins = np.repeat(np.full((N_INPUTS, 1), 0.5), 2, axis=1)
    reading = TutorialReader(twins, [0, 0], [1, 2], network=TEXT, kernel=kernel).read(images()[0])
    assert reading.answer is None
    assert reading.why_none.startswith("2 neurons lead together, with ")
    assert reading.shown == 550
    assert reading.repeats == 0


def test_a_leader_without_a_label_gives_no_answer():
    weights, theta, labels = parameters()
    readings = TutorialReader(weights, theta, labels * 0 - 7).read_all(images(3))
    assert readings.answers.tolist() == [-1, -1, -1]
    assert readings.leaders.min() >= 0
    reading = TutorialReader(weights, theta, labels * 0 - 7).read(images(3)[0])
    assert reading.why_none == f"Neuron {reading.leader} led alone but has no label."


def test_accuracy_counts_no_answer_as_wrong():
    answers, answered = np.array([1, -1, 2, 3]), np.array([True, False, True, True])
    readings = dataclasses.replace(reader().read_all(images(4)), answers=answers, answered=answered)
    assert readings.accuracy([1, -1, 2, 0]) == 0.5


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_class_minus_one_is_a_class(kernel):
    """Which neurons have none is told apart from what a class is called."""
    weights, theta, labels = parameters()
    labels, labelled = np.full_like(labels, -1), np.arange(len(labels)) % 2 == 0
    reader = TutorialReader(weights, theta, labels, labelled=labelled, kernel=kernel)
    readings = reader.read_all(images(6))
    wanted = [bool(leader >= 0 and leader % 2 == 0) for leader in readings.leaders]
    assert readings.answered.tolist() == wanted
    assert set(wanted) == {True, False}
    assert readings.accuracy(np.full(6, -1)) == np.mean(wanted)
    one = reader.read(images(6)[wanted.index(True)])
    assert (one.answer, one.why_none) == (-1, "")
    other = reader.read(images(6)[wanted.index(False)])
    assert other.answer is None
    assert "has no label" in other.why_none


def test_no_images_give_no_readings():
    readings = reader().read_all(np.zeros((0, N_INPUTS)))
    assert readings.counts.shape == (0, N_NEURONS)


def test_relative_theta_is_the_ratio_of_the_conductances_needed():
    # thresholds of -40 and -20 mV: conductances of 25/40 and 45/20
    assert relative_theta([32.0, 52.0]) == pytest.approx([0.0, (45 / 20) / (25 / 40) - 1])
    with pytest.raises(DataError, match="theta must put thresholds between -65 and 0 mV"):
        relative_theta([0.5, 0.6])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dt": 0}, "dt must be positive, got 0 ms"),
        ({"growth": 0.9}, "growth must be at least 1 per ms"),
        ({"min_rate": 3.0}, "max_rate must be at least min_rate"),
        ({"min_spikes": 0}, "min_spikes must be a whole number of at least 1"),
        ({"max_repeats": 2.5}, "max_repeats must be a whole number"),
        ({"max_repeats": 10_000}, "max_repeats must be below"),
        ({"shown": 1e9}, "shown must be 1 to"),
        ({"input_gain": float("inf")}, "input_gain must be a finite number"),
    ],
)
def test_unusable_constants_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TutorialNetwork(**changes)


@pytest.mark.parametrize(
    ("weights", "theta", "labels", "message"),
    [
        (np.ones(3), [0], [0], r"weights must have 2 dimension\(s\)"),
        (np.ones((3, 2)), [0], [0, 1], "theta must hold one value for each of 2 neurons, got 1"),
        (np.ones((3, 2)), [0, 0], [0, 1, 2], "labels must hold one value for each of 2 neurons, got 3"),
        (np.ones((3, 2)), [0, np.nan], [0, 1], "theta holds values that are not finite"),
        (np.ones((3, 2)), [0, 0], [0, 0.5], "labels must be whole numbers"),
        ([[1, 2], [3]], [0, 0], [0, 0], "weights must be a rectangular array of numbers"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(weights, theta, labels, message):
    with pytest.raises(DataError, match=message):
        TutorialReader(weights, theta, labels)


def test_a_network_by_name_is_refused():
    with pytest.raises(ConfigError, match=r"network must be a TutorialNetwork, such as .*TEXT, got 'text'"):
        TutorialReader(np.ones((3, 2)), [0, 0], [0, 1], network="text")


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=f"must have {N_INPUTS} pixels per image, got 3"):
        reader().read([1, 2, 3])
    with pytest.raises(DataError, match="pixel values 0-255, got 300"):
        reader().read(np.full(N_INPUTS, 300))
