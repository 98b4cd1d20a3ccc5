"""What the README shows is what happens."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_python_examples_run_in_order(capsys):
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    scope = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), scope)
    assert len(examples) == 4
    printed = capsys.readouterr().out.splitlines()
    assert float(printed[0]) > 0.75
    assert re.fullmatch(r"\d+ spikes, \(1000, 2\) potentials recorded", printed[1])
    assert re.fullmatch(r"[1-9]\d* spikes, \(1000, 20\) potentials recorded", printed[2])
    assert scope["counts"].shape == (1, 400)


def test_every_command_shown_exists(capsys):
    from engram.cli.main import app

    shown = set(re.findall(r"^engram (\w+)", README, re.MULTILINE))
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert shown <= known
    assert len(shown) >= 10


def test_first_command_s_output_names_what_a_run_holds():
    for name in ("receptive_fields", "learning_curve", "weights_and_theta", "network", "raster", "input", "confusion"):
        assert f"figures/{name}.png" in README
    assert "test accuracy on 500 held-out images" in README
