"""Networks of several layers train, stop, resume, are kept and read like every other."""

import textwrap
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from drawn_networks import Izhikevich, Tagged, networks
from engram import DiehlCook, STDPClassifier, load_model
from engram.config import TrainingConfig
from engram.errors import ConfigError, DataError, ModelFileError
from engram.model_file import save_model
from engram.networks import AdaptiveThreshold, Network, Population, Protocol
from engram.networks.record import network_from_record, network_record
from engram.neurons import EXCITATORY
from engram.plasticity import SelfNormalizing, Triplet
from engram.projections import AllButOwn, Convolution, Dense, Sparse, Uniform
from engram.receptive_fields import fields_of, filters_of
from engram.run_figures import _weights_and_theta, draw_again, field_plans, turns_of
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, start_run
from engram.simulator import Simulator
from engram.sources import Learned
from tiny import CONFIG, QUIET, finished, resumed, tiny_dataset, tiny_run, tiny_training

FILE = """
    from dataclasses import dataclass, replace
    from engram.networks import AdaptiveThreshold, Network, Population
    from engram.neurons import EXCITATORY
    from engram.plasticity import Triplet
    from engram.projections import AllButOwn, Dense, Uniform

    def stacked(shape, neurons, rule, dt, dtype, *, hidden=5, gain={gain}):
        sizes, neuron = {{"low": hidden, "high": neurons}}, replace(EXCITATORY, v_start=-65.0)
        threshold = AdaptiveThreshold(start=8.0, plus=0.5, tau=500.0)
        return Network(
            inputs={{"image": shape}},
            populations={{name: Population(n, neuron, threshold) for name, n in sizes.items()}},
            projections=[
                Dense(before="image", after="low", weights=Uniform(0.0, gain), rule=rule),
                Dense(before="low", after="high", weights=Uniform(0.0, 40.0), rule=Triplet(eta_post=0.5)),
                AllButOwn(before="high", after="high", channel="inh", weights=3.0, delay=Uniform(0.0, 1.0)),
            ],
            dt=dt,
            dtype=dtype,
        )
"""


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    """The name of a network in a user's file."""
    file = tmp_path_factory.mktemp("own") / "stacks.py"
    file.write_text(textwrap.dedent(FILE.format(gain=4.0)))
    return f"{file}:stacked"


SHORT = Protocol(shown=12.0, blank=2.0, min_spikes=0)


def config_of(network, layers="together", **options):
    return CONFIG.replace(network=network, layers=layers, **options)


@pytest.fixture(scope="module", params=["together", "in_turn"])
def whole(request, stacked, tmp_path_factory):
    """A run of two layers that was never disturbed."""
    return tiny_run(tmp_path_factory.mktemp("whole") / "run", config_of(stacked, request.param))


def stopped_run(path, config, examples):
    folder = RunFolder(path)
    start_run(folder, config, overwrite=False)

    def stop(progress, _):
        if progress.examples >= examples:
            raise DataError("stop here")

    with pytest.raises(DataError, match="stop here"):
        finished(folder, tiny_training(config), callbacks=[stop])
    return folder


@pytest.mark.parametrize("share", [1 / 3, 2 / 3])
def test_resumed_run_of_two_layers_equals_an_uninterrupted_one(whole, stacked, tmp_path, share):
    total = whole.read_summary()["examples"]
    folder = stopped_run(tmp_path / "run", whole.read_config(), share * total)
    resumed(folder.path, network=stacked)
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_model_of_two_layers_counts_as_the_network_that_learned(stacked, tmp_path):
    training = tiny_training(config_of(stacked))
    for _ in training.blocks():
        pass
    save_model(training.model(), tmp_path / "m.safetensors")
    model = load_model(tmp_path / "m.safetensors")
    images = training.dataset.test_images
    counts = [s.count_spikes(images)[0] for s in (training.simulator, model.simulator("reference"))]
    assert counts[0].sum() > 0
    assert np.array_equal(*counts)
    assert [layer.population for layer in model.layers] == ["low", "high"]
    assert {name: w.shape for name, w in model.weights.items()} == {
        "image_low": (9, 5), "low_high": (5, 4), "high_high": (1,)
    }  # fmt: skip


def test_layers_in_turn_learn_as_long_as_each_other_and_leave_the_others_alone(stacked):
    training = tiny_training(config_of(stacked, "in_turn"))
    assert training.total == 150
    kept, seen = {}, []
    for progress in training.blocks():
        seen.append((progress.examples, progress.layer))
        if progress.examples == 75:
            kept = {name: values.copy() for name, values in training.simulator.state.tensors().items()}
    assert seen == [(25, "low"), (50, "low"), (75, "low"), (100, "high"), (125, "high"), (150, "high")]
    now = training.simulator.state.tensors()
    for name in ("image_low.weights", "low.theta", "image_low.memory.x_pre"):
        assert np.array_equal(kept[name], now[name]), name
    assert kept["high.theta"].tolist() == [8.0] * 4
    assert not np.array_equal(kept["low_high.weights"], now["low_high.weights"])


def test_a_layer_s_turn_is_that_layer_s_network_alone():
    network = Network(
        inputs={"image": 9},
        populations={
            name: Population(4, replace(EXCITATORY, v_start=-65.0), AdaptiveThreshold(start=8.0)) for name in "abc"
        },
        projections=[
            Dense(before="image", after="a", weights=Uniform(0.0, 4.0), rule=SelfNormalizing()),
            Dense(before="a", after="b", weights=Uniform(0.0, 9.0), rule=SelfNormalizing()),
            Dense(before="b", after="a", channel="inh", weights=0.3),
            Dense(before="b", after="c", weights=Uniform(0.0, 9.0), rule=SelfNormalizing()),
        ],
    )
    stage = network.stage("b")
    assert list(stage.populations) == ["a", "b"] and stage.readout == "b"
    assert [p.name for p in stage.plastic] == ["a_b"] and list(stage.named) == ["image_a", "a_b", "b_a"]
    assert (stage.populations["a"].threshold.plus, stage.populations["b"].threshold.plus) == (0.0, 0.05)
    images = tiny_dataset().train_images[:8]
    whole, alone = (Simulator(n, seed=3, input_gain=4.0, protocol=SHORT, kernel="reference") for n in (network, stage))
    for name, p in alone.state.projections.items():
        p.weights[...] = whole.state.projections[name].weights
    counts = whole.train(images, layer="b")[0]
    assert counts.sum() > 0 and np.array_equal(counts, alone.train(images)[0])
    assert np.array_equal(whole.state.a_b.weights, alone.state.a_b.weights)
    with pytest.raises(ConfigError, match="layer must be one of a, b, c, got 'd'"):
        whole.train(images, layer="d")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))  # networks may be large
@given(st.data())
def test_any_network_comes_back_from_its_record(data):
    network = data.draw(networks())
    state = Simulator(network, seed=1, kernel="reference").state
    record, arrays = network_record(network, state)
    weights = {name: p.weights for name, p in state.projections.items()}
    back = network_from_record(record, arrays, weights, [Izhikevich, Tagged])
    again = Simulator(back, seed=1, kernel="reference", weights=weights)
    assert network_record(back, again.state)[0] == record
    for name, part in state.projections.items():
        assert np.array_equal(part.delays, again.state.projections[name].delays), name
        assert np.array_equal(part.weights, again.state.projections[name].weights), name


def test_delays_of_listed_synapses_come_back_in_their_order():
    given_delays = np.array([0.5, 1.0, 1.5, 2.0])
    network = Network(
        inputs={"image": 3},
        populations={"a": Population(2, EXCITATORY)},
        projections=[
            Sparse(before="image", after="a", synapses=([2, 0, 1, 2], [0, 1, 1, 1]), weights=0.5, delay=given_delays)
        ],
    )
    state = Simulator(network, kernel="reference").state
    record, arrays = network_record(network, state)
    back = network_from_record(record, arrays, {"image_a": state.image_a.weights})
    assert back.named["image_a"].delay.tolist() == network.named["image_a"].delay.tolist()
    assert np.array_equal(Simulator(back, kernel="reference").state.image_a.delays, state.image_a.delays)


@dataclass(frozen=True, kw_only=True, eq=False)
class Noted(Dense):
    """A projection of a user's own with something that JSON lacks."""

    note: object = frozenset()


def test_what_no_file_can_hold_is_told_before_learning_begins():
    network = own_network(Noted)
    with pytest.raises(ConfigError, match=r"image_a\.note cannot be kept in a file: frozenset\(\)"):
        tiny_training(CONFIG.replace(network={}), network=network)


def test_network_in_a_user_s_file_is_never_run_unless_it_is_named_again(whole, stacked, tmp_path):
    folder = stopped_run(tmp_path / "run", whole.read_config(), 25)
    with pytest.raises(ConfigError, match=r"has the network .*stacks\.py:stacked, a file that would be run"):
        resumed(folder.path)
    with pytest.raises(ConfigError, match=r"has the network .* not two-layers; give that one"):
        resumed(folder.path, network="two-layers")
    with pytest.raises(ConfigError, match=r"names the network .*a file that would be run"):
        TrainingConfig.from_toml(folder.config_file)
    assert TrainingConfig.from_toml(folder.config_file, network=stacked) == whole.read_config()


def test_network_s_file_that_says_something_else_now_is_refused(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(textwrap.dedent(FILE.format(gain=4.0)))
    folder = stopped_run(tmp_path / "run", config_of(f"{file}:stacked"), 25)
    file.write_text(textwrap.dedent(FILE.format(gain=4.5)))
    with pytest.raises(ConfigError, match="describes another network now than"):
        resumed(folder.path, network=f"{file}:stacked")
    file.write_text("# a word more\n" + textwrap.dedent(FILE.format(gain=4.0)))
    resumed(folder.path, network=f"{file}:stacked")
    assert folder.is_finished


def own_network(kind=Dense, neuron=EXCITATORY, rule=None, shape=(3, 3)):
    weights, rule = Uniform(0.0, 5.0), rule or SelfNormalizing()
    return Network(
        inputs={"image": shape},
        populations={"a": Population(4, neuron)},
        projections=[kind(before="image", after="a", weights=weights, rule=rule)],
    )


def test_network_described_in_code_is_resumed_with_it(tmp_path):
    network, folder = own_network(), RunFolder(tmp_path / "run")
    training = tiny_training(CONFIG.replace(network={}), network=network)
    start_run(folder, training.config, overwrite=False)
    training.learn_block()
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.release()
    with pytest.raises(ConfigError, match="was described in code; resume it there"):
        resumed(folder.path)
    with pytest.raises(ConfigError, match="has another network than the one given"):
        resumed(folder.path, network=own_network(rule=Triplet()))
    going_on = resume_run(folder, dataset=tiny_dataset(), kernel="reference", network=network)
    assert going_on.examples == 25
    finished(folder, going_on, QUIET)
    assert list(load_model(folder.path).weights) == ["image_a"]


def test_a_user_s_own_parts_are_asked_for_when_a_model_is_loaded(tmp_path):
    training = tiny_training(CONFIG.replace(network={}), network=own_network(neuron=Izhikevich(), rule=Tagged()))
    training.learn_block()
    save_model(training.model(), tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="Izhikevich, which is not engram's own; name the file"):
        load_model(tmp_path / "m.safetensors")
    model = load_model(tmp_path / "m.safetensors", parts=[Izhikevich, Tagged])
    assert model.network.populations["a"].neuron == Izhikevich() and model.rule == Tagged()


@pytest.mark.parametrize(
    "network, message",
    [
        ("three-layers", "network must be one of diehl-cook, two-layers"),
        ({"kind": "two-layers", "hiden": 5}, "two-layers has no option 'hiden' .did you mean hidden.*; it has hidden"),
        ({"kind": "two-layers", "hidden": 5.5}, "hidden must be a whole number"),
        ({"kind": "two-layers", "hidden": 0}, "size of a population must be a whole number of at least 1"),
        ({"kind": 5}, "network must be one of"),
    ],
)
def test_networks_that_cannot_be_are_told(network, message):
    with pytest.raises(ConfigError, match=message):
        tiny_training(CONFIG.replace(network=network))


@pytest.mark.parametrize(
    "body, message",
    [
        ("return 5", "must return a Network, got 5"),
        ("return Network(inputs={'a': 9}, populations={'b': Population(2, EXCITATORY)})", "Nothing in the network"),
        (
            "return Network(inputs={'x': 9, 'y': 9}, populations={'b': Population(2, EXCITATORY)}, projections=["
            "Dense(before='x', after='b', rule=SelfNormalizing())])",
            "must have one input, got x, y",
        ),
        (
            "return Network(inputs={'x': 8}, populations={'b': Population(2, EXCITATORY)}, projections=["
            "Dense(before='x', after='b', rule=SelfNormalizing())])",
            "The network has 8 inputs, the images of tiny 9",
        ),
    ],
)
def test_functions_that_describe_no_network_to_learn_with_are_told(tmp_path, body, message):
    lines = [
        "from engram.networks import Network, Population",
        "from engram.neurons import EXCITATORY",
        "from engram.plasticity import SelfNormalizing",
        "from engram.projections import Dense",
        f"def made(shape):\n    {body}",
    ]
    (tmp_path / "own.py").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=message):
        tiny_training(CONFIG.replace(network=f"{tmp_path}/own.py:made"))


def test_name_of_the_usual_network_changes_nothing():
    assert CONFIG.replace(network={"kind": "diehl-cook", **CONFIG.network}) == CONFIG
    assert isinstance(TrainingConfig(network="diehl-cook").make_network(9), DiehlCook)


@pytest.mark.filterwarnings("ignore::engram.health.HealthWarning")
def test_classifier_of_two_layers_is_kept_and_goes_on(stacked, tmp_path):
    data, options = tiny_dataset(), {"epochs": 1, "protocol": CONFIG.protocol, "image_shape": (3, 3)}
    classifier = STDPClassifier(4, network={"kind": stacked, "hidden": 6}, layers="in_turn", **options)
    classifier = clone(classifier).fit(data.train_images, data.train_labels)
    assert classifier.model_.examples == 2 * len(data.train_images)
    assert classifier.transform(data.test_images).shape == (6, 4)
    classifier.save(tmp_path / "c.safetensors")
    loaded = STDPClassifier.load(tmp_path / "c.safetensors")
    assert np.array_equal(loaded.predict(data.test_images), classifier.predict(data.test_images))
    weights = loaded.model_.weights["image_low"].copy()
    loaded.set_params(warm_start=True).fit(data.train_images, data.train_labels)
    assert not np.array_equal(loaded.model_.weights["image_low"], weights)


def test_classifier_takes_a_network_described_in_code(tmp_path):
    data = tiny_dataset()
    classifier = STDPClassifier(network=own_network(), epochs=1, protocol=CONFIG.protocol, image_shape=(3, 3))
    classifier.fit(data.train_images, data.train_labels)
    classifier.save(tmp_path / "c.safetensors")
    loaded = STDPClassifier.load(tmp_path / "c.safetensors")
    assert np.array_equal(loaded.predict(data.test_images), classifier.predict(data.test_images))
    assert isinstance(loaded.network, Network)
    with pytest.raises(ConfigError, match="network must be a table, a name, a DiehlCook or a Network, got 5"):
        STDPClassifier(network=5).fit(data.train_images, data.train_labels)


def test_going_on_from_a_model_of_two_layers_keeps_what_it_learned(stacked, tmp_path):
    config = config_of(stacked)
    folder = tiny_run(tmp_path / "run", config)
    model = load_model(folder.path)
    further = TrainingConfig.from_model(model, examples=25)
    training = tiny_training(further, start=model)
    for name, weights in model.weights.items():
        assert np.array_equal(training.simulator.state.projections[name].weights, weights), name
    for name, values in model.rule_state.items():
        assert np.array_equal(training.learned()["rule_state"][name], values), name
    with pytest.raises(ConfigError, match="only in a network of the same"):
        tiny_training(CONFIG, start=model)


def test_fields_of_a_second_layer_are_those_below_as_much_as_its_weights(stacked):
    training = tiny_training(config_of(stacked))
    training.learn_block()
    model = training.model()
    through = model.weights["image_low"].astype(np.float64) @ model.weights["low_high"]
    assert np.array_equal(fields_of(model, "low"), model.weights["image_low"])
    assert np.allclose(fields_of(model), through / np.abs(through).sum(axis=0), rtol=1e-6)
    with pytest.raises(ConfigError, match="Nothing leads from the image to nowhere"):
        fields_of(model, "nowhere")


def test_filters_are_those_that_a_convolution_learned():
    network = Network(
        inputs={"image": (3, 3)},
        populations={"maps": Population((2, 2, 2), EXCITATORY)},
        projections=[
            Convolution(before="image", after="maps", size=2, weights=np.arange(8.0), rule=SelfNormalizing()),
            AllButOwn(before="maps", after="maps", channel="inh", weights=1.0),
        ],
    )
    model = tiny_training(CONFIG.replace(network={}), network=network).model()
    assert filters_of(model, "maps").T.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    (draw,) = field_plans(model).values()
    assert draw().axes[0].get_title(loc="left") == "2 filters of maps, 2 × 2 pixels"
    fields = fields_of(model).reshape(3, 3, 2, 2, 2)
    assert fields[1:, :1, 1, 1, 0].ravel().tolist() == [4.0, 6.0]
    assert [layer.norms.tolist() for layer in model.layers] == [[6.0, 22.0]]


def test_figures_of_layers_say_whose_fields_they_show():
    network = Network(
        inputs={"image": (3, 3)},
        populations={
            "maps": Population((2, 2, 2), EXCITATORY),
            "readers": Population(3, EXCITATORY, AdaptiveThreshold(start=1.0)),
        },
        projections=[
            Convolution(before="image", after="maps", size=2, weights=1.0, rule=SelfNormalizing()),
            Dense(before="maps", after="readers", weights=1.0, rule=SelfNormalizing()),
        ],
    )
    model = tiny_training(CONFIG.replace(network={}), network=network).model()
    point = {"l1_norm": {"mean": 1.0, "sd": 0.1}, "theta": {"mean": 1.0, "sd": 0.0}}
    metrics = [{"examples": 25, "layers": {"maps": point, "readers": point}}]
    plans = field_plans(model) | _weights_and_theta(model, metrics, [25])
    titles = {name: " ".join(draw().axes[0].get_title(loc="left").split()) for name, draw in plans.items()}
    assert titles == {
        "filters-maps": "2 filters of maps, 2 × 2 pixels",
        "receptive_fields-readers": "Receptive fields of 3 neurons of readers, through the layers below",
        "weights_and_theta-maps": "Over the neurons of maps, mean ± standard deviation",
        "weights_and_theta-readers": "Over the neurons of readers, mean ± standard deviation",
    }
    n_axes = [len(plans[f"weights_and_theta-{layer}"]().axes) for layer in ("maps", "readers")]
    assert n_axes == [1, 2]  # neurons without an adaptive threshold show none


@pytest.mark.parametrize("population", ["", "low"])
def test_a_network_that_has_learned_is_a_source_of_the_next(stacked, population):
    training = tiny_training(config_of(stacked))
    training.learn_block()
    images, source = training.dataset.test_images, Learned(model=training.model(), population=population)
    n = 5 if population else 4
    simulator = Simulator(own_network(shape=n), source=source, protocol=SHORT, kernel="reference")
    simulator.train(images)
    index, offset = source.spikes(images[0].astype(np.float32), 6, 0.5, 1.0, np.zeros(2, np.uint64), np.uint64(0), 0)
    own = training.simulator.presentation_of(images[0].astype(np.float32)).spikes[population or "high"]
    assert index.size or not population  # in so short a time the second layer is not heard
    assert np.array_equal(np.sort(index), np.sort(own[own[:, 1] < 6, 0]))
    assert offset[-1] == len(index)
    with pytest.raises(ConfigError, match=r"steps of 0\.5 ms, this network of 1 ms"):
        source.encode(images[0], 6, 1.0, 1.0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="no population 'mid'; it has low, high"):
        replace(source, population="mid")


def test_figures_say_which_layer_is_which_and_when_it_learned(whole):
    metrics, turn = whole.read_metrics(), whole.read_summary()["examples"] // 2
    in_turn = whole.read_config().layers == "in_turn"
    assert turns_of(metrics) == ({"low": 0, "high": turn} if in_turn else {})
    plans = field_plans(load_model(whole.path))
    titles = [" ".join(draw().axes[0].get_title(loc="left").split()) for draw in plans.values()]
    assert list(plans) == ["receptive_fields-low", "receptive_fields-high"]
    assert [name in text for name, text in zip(("of low", "of high"), titles, strict=True)] == [True, True]


def test_run_of_two_layers_that_was_stopped_before_its_figures_is_finished(whole, stacked, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, whole.read_config(), overwrite=False)

    def stop(*_args, **_kwargs):
        raise DataError("stop here")

    with monkeypatch.context() as patch, pytest.raises(DataError, match="stop here"):
        patch.setattr("engram.run_figures.draw_run", stop)
        finished(folder, tiny_training(whole.read_config()), RunOptions(checkpoint_examples=25))
    resumed(folder.path, network=stacked)
    assert folder.is_finished
    assert (folder.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


OWN = """
    from dataclasses import dataclass, replace
    from engram.networks import Network, Population
    from engram.neurons import ConductanceLIF, EXCITATORY
    from engram.plasticity import SelfNormalizing
    from engram.projections import Dense

    @dataclass(frozen=True, kw_only=True)
    class Mine(ConductanceLIF):
        pass

    def described(shape):
        neuron = Mine(**vars(EXCITATORY))
        return Network(
            inputs={"image": shape},
            populations={"a": Population(4, neuron)},
            projections=[Dense(before="image", after="a", weights=3.0, rule=SelfNormalizing())],
        )
"""


def test_model_with_parts_of_one_s_own_is_read_where_their_file_is_named(tmp_path):
    (tmp_path / "own.py").write_text(textwrap.dedent(OWN))
    network = f"{tmp_path}/own.py:described"
    folder = tiny_run(tmp_path / "run", config_of(network))
    with pytest.raises(ModelFileError, match=r"the part own\.py:Mine, which is not engram's own; name the file that"):
        load_model(folder.path)
    model = load_model(folder.path, parts=network)
    assert type(model.network.populations["a"].neuron).__name__ == "Mine"
    assert draw_again(folder, parts=network)


@pytest.mark.parametrize(
    "body, message",
    [
        ("return 1 / 0", r"own\.py:2: ZeroDivisionError: division by zero"),
        ("raise KeyError('x')", r"own\.py:2: KeyError: 'x'"),
        ("raise SystemExit(0)", r"own\.py:2: SystemExit: 0"),
    ],
)
def test_error_in_a_function_that_describes_a_network_names_its_line(tmp_path, body, message):
    (tmp_path / "own.py").write_text(f"def described(shape):\n    {body}\n")
    with pytest.raises(ConfigError, match=message):
        tiny_training(config_of(f"{tmp_path}/own.py:described"))


def test_function_that_does_not_ask_by_name_is_told(tmp_path):
    (tmp_path / "own.py").write_text("def described(*shape):\n    return None\n")
    with pytest.raises(ConfigError, match=r"asks for \*shape; let it ask by name"):
        tiny_training(config_of(f"{tmp_path}/own.py:described"))


def made(inputs=None, populations=None, projections=()):
    return Network(
        inputs={"image": 9} if inputs is None else inputs,
        populations={"a": Population(4, EXCITATORY)} if populations is None else populations,
        projections=projections,
    )


@pytest.mark.parametrize(
    "given, message",
    [
        ({"populations": [Population(4, EXCITATORY)]}, "populations must be a dict by name"),
        ({"inputs": [9]}, "inputs must be a dict by name"),
        ({"populations": {"../../x": Population(4, EXCITATORY)}}, "'../../x' is no name; take letters"),
        ({"populations": {"a.b": Population(4, EXCITATORY)}}, "'a.b' is no name; take letters"),
        ({"inputs": {"": 9}}, "'' is no name"),
        ({"projections": [Dense(before="image", after="a", name="a")]}, "'a' is a projection and something else"),
        ({"inputs": {"image": 2**20}, "populations": {"a": Population(2**16, EXCITATORY)},
          "projections": [Dense(before="image", after="a")]}, "image_a has 68,719,476,736 synapses, more than"),
    ],
)  # fmt: skip
def test_networks_that_could_not_be_kept_or_held_are_told_where_they_are_described(given, message):
    with pytest.raises(ConfigError, match=message):
        made(**given)


def test_population_that_no_memory_holds_is_told():
    with pytest.raises(ConfigError, match="A population has 16,777,216 neurons at most, got 1,000,000,000"):
        Population(10**9, EXCITATORY)


def test_what_is_told_of_a_layer_is_of_the_weights_from_below():
    network = Network(
        inputs={"image": (3, 3)},
        populations={"a": Population(4, EXCITATORY)},
        projections=[
            Dense(before="image", after="a", weights=2.0, rule=SelfNormalizing()),
            Dense(before="a", after="a", weights=0.25, rule=SelfNormalizing()),
        ],
    )
    training = tiny_training(CONFIG.replace(network={}), network=network)
    assert training.layer_state()[0].tolist() == [18.0] * 4
