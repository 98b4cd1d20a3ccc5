"""What the documentation shows is what runs: the example of a rule of one's own, and the pages' promises."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from engram import DiehlCook, SelfNormalizing, Simulator, TrainingConfig, simulate
from engram.datasets import load
from engram.models import shipped_models
from engram.networks.tutorial import PRESETS
from engram.plasticity import make_rule

DOCS = Path(__file__).parents[1] / "docs"
RULE_FILE = DOCS / "examples/soft_bounds.py"
RULE = f"{RULE_FILE}:SoftBounds"


def test_the_page_about_ones_own_rule_shows_the_file_that_is_tested_here():
    page = (DOCS / "own_rule.md").read_text()
    assert "```{literalinclude} examples/soft_bounds.py" in page
    assert f"--rule docs/{RULE_FILE.relative_to(DOCS)}:SoftBounds" in page


def test_the_example_rule_computes_what_the_page_says():
    assert make_rule(RULE).on_post(w=0.4, x_pre=1.0, eta=0.1, loss=0.5, w_max=1.0) == pytest.approx(0.44)


def test_the_example_rule_gives_the_same_bits_in_both_kernels():
    random = np.random.default_rng(0)
    step, index = np.nonzero(random.random((400, 30)) < 0.03)
    network = DiehlCook(n_inputs=30, n_neurons=6, theta_start=0.0)
    first, second = (
        simulate(network, make_rule(RULE), spikes=(index, step), n_steps=400, weights=np.full((30, 6), 0.3), kernel=k)
        for k in ("reference", "compiled")
    )
    assert len(first.exc_spikes) > 0
    assert np.array_equal(first.exc_spikes, second.exc_spikes)
    assert np.array_equal(first.weights, second.weights)


def test_the_example_rule_is_one_that_a_training_can_name():
    rule = TrainingConfig(rule=RULE, constants={"eta": 0.01}).make_rule()
    assert rule.eta == 0.01
    assert rule.normalization == "l1"


def test_numbers_on_pages_come_from_a_measurement_with_a_shipped_model():
    measured = json.loads((DOCS / "measured/read_digits.json").read_text())
    assert measured["model"] in {model.name for model in shipped_models()}
    assert set(measured["presets"]) == set(PRESETS)
    assert all(len(runs) == len(measured["seeds"]) for runs in measured["presets"].values())
    ours, texts = (np.mean([run["accuracy"] for run in measured["presets"][n]]) for n in ("more_evidence", "text"))
    assert ours >= 0.85 > texts


@pytest.mark.parametrize(
    ("name", "least"), [("fashion_mnist", 0.75), ("nmnist_small", 0.65), ("nmnist_small_events", 0.65)]
)
def test_the_page_about_ones_own_data_tells_measurements_over_three_seeds(name, least):
    assert f'rows("{name}"' in (DOCS / "your_own_data.md").read_text()
    for record in json.loads((DOCS / f"measured/{name}.json").read_text()):
        assert record["seeds"] == 3
        assert all(part["mean"] > least for part in record["accuracy"].values())


def test_the_page_about_ones_own_data_tells_what_was_measured_of_large_ones():
    measured = json.loads((DOCS / "measured/large_data.json").read_text())
    assert {kind: part["examples"] for kind, part in measured.items()} == {"csv": 3_000_000, "pictures": 100_000}
    assert all(part["beyond_what_is_held"] < 3 * part["held_bytes"] for part in measured.values())
    assert all(part["told_to_the_end"] and part["progress_calls"] > 100 for part in measured.values())


def test_the_examples_of_the_page_about_ones_own_data_run(tmp_path, monkeypatch, capsys):
    page = (DOCS / "your_own_data.md").read_text()
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    here = Path.cwd()
    try:
        for cell in cells:
            if "remove-input" not in cell:
                exec(cell, names)  # the page's own text
            elif "chdir" in cell:
                monkeypatch.chdir(tmp_path)
                exec("from pathlib import Path", names)
    finally:
        os.chdir(here)
    told = capsys.readouterr().out
    assert "dark ink on light ground is inverted" in told
    assert "Dataset('iris': 125 training and 25 test rows of 4 columns, 3 classes)" in told
    assert "Dataset('bars': 50 training and 10 test recordings of 16×16, 2 classes)" in told


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.stem)
def test_no_page_needs_data_that_does_not_come_with_engram(page):
    cells = re.findall(r"```\{code-cell\}.*?```", page.read_text(), flags=re.DOTALL)
    assert not any(re.search(r"load\(\"mnist\"\)|dataset=\"mnist\"|fetch", cell) for cell in cells)


def test_formulas_are_set_by_a_file_that_is_shipped():
    script = DOCS / "_static/mathjax/tex-svg.js"
    assert script.stat().st_size < 2_500_000
    assert (script.parent / "LICENSE").exists()
    assert 'mathjax_path = "mathjax/tex-svg.js"' in (DOCS / "conf.py").read_text()


def test_the_restated_rule_learns_what_the_built_in_one_learns():
    assert "```{literalinclude} examples/smax.py" in (DOCS / "own_rule.md").read_text()
    images = load("digits").train_images[:15]
    restated, built_in = (
        Simulator(DiehlCook(n_neurons=20), rule, input_gain=0.4)
        for rule in (make_rule(f"{DOCS / 'examples/smax.py'}:Smax"), SelfNormalizing())
    )
    for simulator in (restated, built_in):
        simulator.train(images, np.linspace(0.0, 0.9, 15))
    assert np.array_equal(restated.state.weights, built_in.state.weights)
    assert not np.array_equal(restated.state.weights, DiehlCook(n_neurons=20).new_weights(0))
