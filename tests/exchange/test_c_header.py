"""The exported C program, compiled here, and the whole-number reference that it must equal."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from engram.errors import ConfigError
from engram.exchange import export_model, freeze, present
from engram.exchange.fixed_point import ONE, FixedPointNetwork, shifted
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
    with pytest.raises(ConfigError, match="w_inh_exc must be below 2047 to be held in fixed point"):
        FixedPointNetwork.of(freeze(replace(model, network=replace(model.network, w_inh_exc=5000.0))))
