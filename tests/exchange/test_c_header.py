"""The exported C program, compiled here, and the whole-number reference that it must equal."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from engram.errors import ConfigError
from engram.exchange import export_model, freeze, present
from engram.exchange.fixed_point import ONE, FixedPointNetwork, learned_grid, shifted
from engram.plasticity import Triplet
from engram.plasticity.fixed_point import on_the_grid
from exchange.small import small_images, small_model

MODELS = {
    "a byte a weight": (small_model(), 8),
    "four bits": (small_model(), 4),
    "two bytes, fine steps": (small_model(dt=0.1), 12),
    "signed, euler": (
        replace(small_model(integrator="euler"), weights=small_model().weights * 1.2 - np.float32(0.02)),
        8,
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler cc")
def test_the_program_counts_what_the_reference_counts(name, tmp_path):
    model, bits = MODELS[name]
    export_model(model, "c", tmp_path, images=small_images()[:4], weight_bits=bits)
    program = tmp_path / "engram_network"
    strict = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run(["cc", "-O1", *strict, "-o", program, tmp_path / "engram_main.c"], check=True)
    given = (tmp_path / "presentations.txt").read_bytes()
    told = subprocess.run([program], input=given, capture_output=True, check=True, text=False).stdout.decode()
    lines = told.splitlines(keepends=True)
    expected = (tmp_path / "expected_counts.txt").read_text()
    assert "".join(line for line in lines if "answer" not in line) == expected
    assert len(expected.splitlines()) >= 4
    assert [line.split()[2] for line in lines if "answer" in line] == [str(k % 5) for k in range(4)]


def test_sixteen_bits_draw_the_counts_of_double_precision():
    frozen = freeze(small_model())
    shown = present(frozen, small_images()[:3], np.arange(3))
    counts = FixedPointNetwork.of(frozen, 16).count_spikes(shown.inputs, 3, shown.n_steps)
    np.testing.assert_array_equal(counts, shown.counts(10))
    assert counts.sum() > 20


def test_weights_keep_so_many_bits_and_are_rounded_to_the_nearest():
    frozen = freeze(small_model())
    for bits in (2, 5, 8):
        fixed = FixedPointNetwork.of(frozen, bits)
        step = frozen.weights.max() / (2**bits - 1)
        assert fixed.weights.max() == 2**bits - 1
        assert np.max(np.abs(fixed.weights * step - frozen.weights)) <= step / 2 * (1 + 1e-12)


def test_a_membrane_in_whole_numbers_relaxes_as_the_exponential_does():
    neuron = FixedPointNetwork.of(freeze(small_model())).exc
    for g_exc, g_inh in ((0.0, 0.0), (3.0, 0.5), (20.0, 300.0), (0.0, 1500.0)):
        v, *_ = neuron.advanced(*(np.array([round(x * ONE)]) for x in (-40.0, g_exc, g_inh)))
        g = 1 + g_exc + g_inh
        expected = (lambda tends, g=g: tends + (-40.0 - tends) * np.exp(-0.005 * g))((-65.0 - 100.0 * g_inh) / g)
        assert v[0] / ONE == pytest.approx(expected, abs=2e-3)


def test_halves_are_rounded_up_whatever_the_sign():
    assert list(shifted(np.array([3, 2, 1, 0, -1, -2, -3]), 1)) == [2, 1, 1, 0, 0, -1, -1]


def test_what_does_not_fit_fixed_point_is_told():
    model = small_model()
    with pytest.raises(ConfigError, match="Thresholds must be below 2047 mV to be held in fixed point"):
        FixedPointNetwork.of(freeze(replace(model, theta=model.theta + 5000.0)))


def test_inhibition_beyond_the_largest_conductance_saturates_and_says_so(tmp_path):
    model = small_model()
    strong = replace(model, network=replace(model.network, w_inh_exc=5000.0))
    assert FixedPointNetwork.of(freeze(strong)).w_inh_exc == 2047 * ONE
    written = export_model(strong, "c", tmp_path, images=small_images()[:1])
    assert "Conductances saturate at 2047" in " ".join(written.format.lost)
    assert "saturate" not in " ".join(
        export_model(model, "c", tmp_path / "weak", images=small_images()[:1]).format.lost
    )


def learned_in(bits: int, **options):
    """A model whose weights a rule holds in so many bits."""
    rule = Triplet(weight_bits=bits, **options)
    model = small_model()
    weights = on_the_grid(rule, np.clip(model.weights, 0.0, None), model.network.n_inputs)
    return replace(model, rule=rule, weights=weights)


@pytest.mark.parametrize("bits", [3, 6, 12])
def test_weights_learned_in_fixed_point_are_exported_as_they_are(bits, tmp_path):
    model = learned_in(bits, rounding="stochastic")
    form = export_model(model, "c", tmp_path, images=small_images()[:1]).format
    assert form.weight_bits == bits
    assert f"they were learned in {bits} bits" in " ".join(form.exact)
    fixed = FixedPointNetwork.of(freeze(model), bits)
    np.testing.assert_array_equal(fixed.weights, model.weights * 2.0**bits)
    assert fixed.weight_scale == 2 ** (40 - bits)
    header = (tmp_path / "engram_network.h").read_text()
    assert "{" + ",".join(str(w) for w in fixed.weights[0]) + "}" in header.replace("\n", "")


def test_other_bits_than_those_learned_in_are_rounded_to():
    model = learned_in(6)
    assert FixedPointNetwork.of(freeze(model), 8).weights.max() == 255
    assert learned_grid(model).step == 1 / 64
    assert learned_grid(small_model()) is None
