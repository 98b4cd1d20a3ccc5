"""Layers that no longer learn are computed once for each image, and nobody can tell from what is learned."""

import gc
import threading
import weakref

import numpy as np
import pytest

from engram import Network, Population, Simulator, recall, simulator
from engram.networks import AdaptiveThreshold, Protocol
from engram.neurons import IF
from engram.plasticity import SelfNormalizing
from engram.projections import AllButOwn, Dense, Uniform
from engram.sources import Latency, Poisson
from test_conv import images
from test_prototypes import simulator_of, small

ONCE = Protocol(shown=10.0, blank=0.0, min_spikes=0, at_rest=True)


def stack(feedback=False) -> Network:
    threshold = AdaptiveThreshold(start=0.5, plus=0.1)
    rule = SelfNormalizing(eta=0.1)
    back = [Dense(before="high", after="low", channel="pulse", weights=0.1, name="back")] if feedback else []
    return Network(
        inputs={"image": 16},
        populations={
            "low": Population(9, IF(v_thresh=1.0), threshold),
            "high": Population(4, IF(v_thresh=1.0), threshold),
        },
        projections=[
            Dense(before="image", after="low", weights=Uniform(0.0, 0.5), rule=rule),
            Dense(before="low", after="high", channel="pulse", weights=Uniform(0.2, 1.5), rule=rule),
            AllButOwn(before="high", after="high", channel="pulse", weights=-0.5),
            *back,
        ],
    )


def drawn(n=6, size=16) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (n, size)).astype(np.float32)


def learned(monkeypatch, recalls: bool, make, shown, threads=1):
    """What two passes of each layer in turn, and reading, come to."""
    with monkeypatch.context() as patch:
        if not recalls:
            patch.setattr(simulator, "can_recall", lambda _: False)
        s = make()
        found = []
        for layer in s.described.layers:
            found += [s.train(shown, threads=threads, layer=layer) for _ in range(2)]
        found.append(s.count_spikes(np.concatenate((shown, shown[:2] // 2)), threads=threads))
    assert bool(s._below) == recalls
    return s, found


def check_equal(ours, theirs, learns=("weights", "theta", "memory")):
    (ours, found), (theirs, expected) = ours, theirs
    assert all(counts.sum() > 0 for counts, _ in expected)
    for pair, other in zip(found, expected, strict=True):
        for values, others in zip(pair, other, strict=True):
            np.testing.assert_array_equal(values, others)
    tensors = theirs.state.tensors()
    for name, values in ours.state.tensors().items():
        if name.split(".")[1] in learns:
            np.testing.assert_array_equal(values, tensors[name], err_msg=name)


@pytest.mark.parametrize("kernel", ["reference", "compiled"])
def test_prototypes_above_recalled_filters_equal_those_above_filters_that_answer_each_time(monkeypatch, kernel):
    both = [learned(monkeypatch, recalls, lambda: simulator_of(small(), kernel), images()) for recalls in (True, False)]
    check_equal(*both)
    assert both[0][0]._below["prototypes"].n_computed <= len(images()) * 5


def test_threads_that_find_at_once_that_something_was_learned_recall_nothing_of_before(monkeypatch):
    s, _ = learned(monkeypatch, True, lambda: Simulator(stack(), source=Latency(), protocol=ONCE, seed=1), drawn())
    below, seen = s._below["high"], []
    assert below._answers
    s.train(drawn(), layer="low")
    other = threading.Thread(target=lambda: (below.sources(), seen.append(dict(below._answers))))

    def met_half_way(it, name, value):
        object.__setattr__(it, name, value)
        if name == "_known":
            other.start()
            other.join(0.1)

    monkeypatch.setattr(recall.Below, "__setattr__", met_half_way)
    below.sources()
    other.join()
    assert seen == [{}]


def test_images_that_are_shown_again_louder_draw_the_same(monkeypatch):
    protocol = Protocol(shown=10.0, blank=0.0, min_spikes=3, max_intensity=5.0, at_rest=True)

    def make():
        return Simulator(stack(), source=Latency(), protocol=protocol, seed=1)

    dim = drawn() * np.linspace(0.1, 1.0, 6, dtype=np.float32)[:, np.newaxis]
    both = [learned(monkeypatch, recalls, make, dim) for recalls in (True, False)]
    assert max(attempts.max() for _, attempts in both[0][1]) > 1
    check_equal(*both)


def test_several_threads_recall_the_same(monkeypatch):
    monkeypatch.setattr(simulator, "NEURONS_PER_THREAD", 2)
    found = []
    for threads in (1, 2):
        s = Simulator(stack(), source=Latency(), protocol=Protocol(shown=3.0, blank=0.0, min_spikes=0, at_rest=True))
        counts = [s.train(drawn()[:2], threads=threads, layer="high")[0] for _ in range(2)]
        assert s._below["high"].n_computed == 2
        found.append((s, [(c, c) for c in [*counts, s.count_spikes(drawn()[:2], threads=threads)[0]]]))
    check_equal(*found)


def test_second_pass_computes_nothing_below_until_something_is_learned_there():
    s = Simulator(stack(), source=Latency(), protocol=ONCE, kernel="reference")
    for _ in range(2):
        s.train(drawn(), layer="high")
    below = s._below["high"]
    assert below.n_computed == 6
    s.count_spikes(drawn())
    s.count_spikes(drawn() // 2)
    assert below.n_computed == 6
    before = s.train(drawn(), layer="high")[0]
    s.state.image_low.weights[...] *= 2
    assert s.train(drawn(), layer="high")[0].sum() > before.sum()
    assert below.n_computed == 6  # of the new weights


def test_what_does_not_fit_into_memory_is_computed_each_time(monkeypatch):
    whole = learned(monkeypatch, True, make_stack, drawn())
    monkeypatch.setattr(recall, "MOST_BYTES", 2000)
    bounded = learned(monkeypatch, True, make_stack, drawn())
    check_equal(bounded, whole)
    below = bounded[0]._below["high"]
    assert 0 < below.n_bytes <= 2000
    assert below.n_computed > 6


def make_stack():
    return Simulator(stack(), source=Latency(), protocol=ONCE, kernel="reference")


class Shaken(Latency):
    def encode(self, sample, n_steps, dt, intensity, random):
        index, step = super().encode(sample, n_steps, dt, intensity, random)
        return index, random.permutation(step)


@pytest.mark.parametrize(
    ("network", "source", "protocol"),
    [
        (stack(), Poisson(), ONCE),
        (stack(), Shaken(), ONCE),
        (stack(feedback=True), Latency(), ONCE),
        (stack(), Latency(), Protocol(shown=10.0, blank=5.0, at_rest=True)),
        (stack(), Latency(), Protocol(shown=10.0, blank=0.0)),
    ],
    ids=["poisson", "own source", "feedback", "blank", "not at rest"],
)
def test_nothing_is_recalled_where_an_image_may_draw_other_spikes(network, source, protocol):
    s = Simulator(network, source=source, protocol=protocol, kernel="reference")
    s.train(drawn(), layer="high")
    assert not s._below


def test_a_layer_whose_threshold_goes_on_rising_is_not_still():
    network = stack().replace(projections=[p for p in stack().projections if p.before != "image"])
    assert network.stage("high").parted() is None
    still, rest = stack().stage("high").parted()
    assert (list(still.populations), list(rest.populations)) == (["low"], ["high"])
    assert (list(still.inputs), list(rest.inputs)) == (["image"], ["low"])
    assert rest.inputs["low"].n == 9 and [p.name for p in rest.projections] == ["low_high", "high_high"]


def test_a_simulator_that_is_let_go_takes_its_answers_with_it_at_once():
    """They may be a gibibyte, and the garbage of circles is collected by number, not by size."""
    gc.disable()
    try:
        s = Simulator(stack(), protocol=ONCE, source=Latency(), kernel="reference")
        for layer in s.described.layers:
            s.train(drawn(), layer=layer)
        s.count_spikes(drawn())
        below, gone = weakref.ref(s._below["high"]), weakref.ref(s)
        assert below().n_bytes > 0
        del s
        assert gone() is None and below() is None
    finally:
        gc.enable()
