"""``engram rules`` and ``engram compare`` as a user meets them."""

import json
import shutil
import textwrap

import pytest

from engram._version import __version__
from engram.cli.rules import preset_of_train, rule_as_trained
from engram.config import TrainingConfig
from engram.kernels import machine
from engram.plasticity import RULES


def test_rules_are_listed_with_equation_constants_and_source(engram):
    code, out, _ = engram("rules", "--json")
    assert code == 0
    listed = {record["name"]: record for record in json.loads(out)}
    assert set(listed) == set(RULES)
    for record in listed.values():
        assert record["equation"]
        assert record["source"]
    assert "eta_post=0.01" in engram("rules")[1]


def test_window_of_a_rule_is_drawn(engram, tmp_path):
    code, out, _ = engram("rules", "show", "pair", "--preset", "paper", "--weights", "0.5", "--out", tmp_path, "--json")
    window = json.loads(out)["window"]
    changes = dict(zip(window["delays_ms"], window["changes"][0], strict=True))
    assert code == 0
    assert changes[0.0] == pytest.approx(0.1)
    assert changes[30.0] == pytest.approx(0.1 / 2.718281828459045)
    assert changes[-30.0] == pytest.approx(-0.11 / 2.718281828459045)
    assert (tmp_path / "rule-pair.svg").exists()


def test_to_show_a_rule_nothing_is_compiled(engram, tmp_path, monkeypatch):
    def compiled(*_, **__):
        raise AssertionError("something was compiled")

    monkeypatch.setattr(machine, "prepare", compiled)
    code, out, err = engram("rules", "show", "self_normalizing", "--out", tmp_path)
    assert code == 0, err
    assert "a_tar=0.0707" in out and (tmp_path / "rule-self_normalizing.png").exists()


def test_a_rule_is_shown_with_the_constants_that_a_preset_has_for_a_size(engram, tmp_path):
    shown = ("rules", "show", "exponential", "--out", tmp_path, "--json", "--preset", "sharp", "--set", "x_tar=0.3")
    constants = [json.loads(engram(*shown, "--neurons", n)[1])["constants"] for n in (400, 1600)]
    assert [c["x_tar"] for c in constants] == [0.3, 0.3]
    assert constants[1]["eta"] == pytest.approx(constants[0]["eta"] * 4**0.4)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_shown_with_the_constants_with_which_train_uses_it(name):
    assert rule_as_trained(name, preset_of_train(), 400, []) == TrainingConfig(rule=name).make_rule()


def test_unknown_rule_is_told(engram, tmp_path):
    code, _, err = engram("rules", "show", "hebb", "--out", tmp_path)
    assert code == 2
    assert "triplet" in err


def test_rule_of_one_s_own_trains_and_is_remembered(engram, tmp_path):
    file = tmp_path / "my_rule.py"
    file.write_text(
        textwrap.dedent("""
        from dataclasses import dataclass
        from engram import LearningRule, Trace

        @dataclass(frozen=True, kw_only=True)
        class Hebb(LearningRule):
            eta: float = 0.01
            normalization: str = "l1"

            def traces(self):
                return (Trace("x_pre", of="pre", tau=20.0),)

            def on_post(w, x_pre, eta):
                return w + eta * x_pre
        """)
    )
    code, _, err = engram(
        "train", "--rule", f"{file}:Hebb", "--neurons", 10, "--examples", 50, "--label-examples", 100,
        "--test-examples", 20, "--set", "eta=0.02", "--out", tmp_path / "r", "--quiet", "--no-figures",
    )  # fmt: skip
    assert code == 0, err
    file.unlink()  # reading a model needs no rule
    facts = json.loads(engram("info", tmp_path / "r", "--json")[1])
    assert facts["rule"]["rule"] == "my_rule.py:Hebb"
    assert facts["rule"]["constants"]["eta"] == 0.02
    code, _, err = engram("evaluate", tmp_path / "r", "--test-examples", 20)
    assert code == 0, err


COMPARISON = ("compare", "--rules", "self_normalizing,triplet", "--neurons", 8, "--seeds", "0,1", "--examples", 50,
              "--label-examples", 100, "--test-examples", 30)  # fmt: skip


def test_comparison_writes_one_table_and_continues_where_it_was(engram, tmp_path):
    doubled = [*COMPARISON[:2], COMPARISON[2] + ",triplet", *COMPARISON[3:]]
    code, out, _ = engram(*doubled, "--out", tmp_path, "--json")
    records = json.loads(out)
    assert code == 0
    assert [(r["rule"], r["neurons"], r["seeds"]) for r in records] == [("self_normalizing", 8, 2), ("triplet", 8, 2)]
    assert {f"comparison.{s}" for s in ("md", "csv", "json", "png", "svg")} <= {p.name for p in tmp_path.iterdir()}
    table = (tmp_path / "comparison.md").read_text()
    shutil.rmtree(tmp_path / "triplet-8-seed1")
    untouched = (tmp_path / "triplet-8-seed0/summary.json").stat().st_mtime_ns
    code, out, _ = engram(*COMPARISON, "--out", tmp_path, "--quiet")
    assert code == 0
    assert (tmp_path / "triplet-8-seed0/summary.json").stat().st_mtime_ns == untouched
    without_time = [line.split("|")[:7] for line in table.splitlines()]
    assert [line.split("|")[:7] for line in out.splitlines()] == without_time


def test_comparison_refuses_a_folder_with_other_options(engram, tmp_path):
    engram(*COMPARISON, "--out", tmp_path, "--quiet")
    code, _, err = engram(*COMPARISON[:-1], 31, "--out", tmp_path)
    assert code == 2
    assert "holds a run with other options; choose another folder with --out" in err


def test_comparison_does_not_mix_runs_of_two_versions(engram, tmp_path):
    engram(*COMPARISON, "--out", tmp_path, "--quiet")
    summary = tmp_path / "triplet-8-seed0" / "summary.json"
    kept = summary.read_text().replace(f'"version": "{__version__}"', '"version": "0.1.0"')
    summary.write_text(kept)
    code, _, err = engram(*COMPARISON, "--out", tmp_path)
    assert code == 2
    assert f"holds a run of engram 0.1.0, this is {__version__}" in " ".join(err.split())
    assert summary.read_text() == kept


def test_comparison_of_a_plan_runs_every_value_of_its_lists(engram, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "examples = 25\nlabel_examples = 60\ntest_examples = 20\n[[runs]]\nneurons = [6, 7]\nseed = [0, 1]\n"
        "[[runs]]\nneurons = 6\nconstants = {eta = 0.3}\n"
    )
    options = ("--source", "ramp", "--set", "protocol.shown=100", "--set", "protocol.min_spikes=0")
    code, out, err = engram("compare", plan, *options, "--out", tmp_path / "runs", "--json")
    assert code == 0, err
    for file in (tmp_path / "runs").glob("*/config.toml"):
        config = TrainingConfig.from_toml(file)
        assert (config.source, config.protocol) == ("ramp", {"shown": 100, "min_spikes": 0})
    found = {(r["neurons"], r["options"]["eta"]): r["seeds"] for r in json.loads(out)}
    assert found == {(6, None): 2, (7, None): 2, (6, 0.3): 1}


def test_sweep_finds_constants_on_held_out_images_and_says_how_to_train_with_them(engram, tmp_path):
    sweep = ("sweep", "--vary", "eta=0.05,0.2", "--neurons", 6, "--examples", 25, "--validation-examples", 30,
             "--vary", "label_examples=60", "--set", "protocol.min_spikes=0")  # fmt: skip
    code, out, err = engram(*sweep, "--vary", "source=ramp,poisson", "--out", tmp_path / "s")
    assert code == 0, err
    assert out.startswith("| eta | source | seeds | mean |")
    assert f"engram train --config {tmp_path / 's'}/best.toml" in out
    train = ("train", "--config", tmp_path / "s/best.toml", "--no-evaluate", "--no-figures", "--json")
    assert json.loads(engram(*train, "--out", tmp_path / "r")[1])["examples"] == 25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "needs something to vary"),
        (("--vary", "eta"), "--vary wants NAME=VALUES"),
        (("--vary", "eta=0.1:0.2"), "is a range, which has no grid"),
        (("--vary", "eta=0.1:0.2:cubic", "--search", "tpe"), "wants LOW:HIGH or LOW:HIGH:log"),
        (("--vary", "eta=0.1", "--workers", 0), "workers must be a whole number of at least 1"),
        (("--vary", "eta=0.1", "--workers", 2, "--scheduler", "tcp://a:1"), "Give --scheduler ADDRESS, or --workers N"),
        (("--vary", "eta=0.1", "--trials", 5), "A grid tries every combination, so that trials are for a search of"),
        (
            ("--vary", "layers=together,inturn"),
            "--layers must be one of together, in-turn, got 'inturn' (did you mean in-turn?)",
        ),
        (("--vary", "eta=0.1", "--slurm-set", "mem_gb=2"), "give --slurm with it"),
    ],
)
def test_impossible_sweeps_are_told_in_one_sentence(engram, tmp_path, options, message):
    code, _, err = engram("sweep", *options, "--out", tmp_path / "s")
    assert code == 2
    assert message in " ".join(err.split())
