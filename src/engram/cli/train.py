"""``engram train``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.callbacks import ProgressBar
from engram.cli.console import err, out, print_json

_Config = "What is computed"
_Keeping = "The run folder"
_Showing = "Output"


def train(
    dataset: Annotated[Optional[str], typer.Option(help="digits, mnist, fashion-mnist, or a folder or file of pictures, events or rows.", rich_help_panel=_Config, show_default="digits")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Learning rule: a name, or my_rule.py:MyRule.", rich_help_panel=_Config, show_default="self_normalizing")] = None,
    preset: Annotated[Optional[str], typer.Option(help="Constants of network, protocol and rule: paper, or sharp for more accuracy.", rich_help_panel=_Config, show_default="paper")] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A constant of the rule, or network.NAME, protocol.NAME or data.NAME; repeatable.", rich_help_panel=_Config)] = None,
    neurons: Annotated[Optional[int], typer.Option(help="Excitatory neurons.", rich_help_panel=_Config, show_default="400")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Passes over the training images.", rich_help_panel=_Config, show_default="as many as show 10,000 images")] = None,
    examples: Annotated[Optional[int], typer.Option(help="Training images, instead of whole passes.", rich_help_panel=_Config)] = None,
    order: Annotated[Optional[str], typer.Option(help="shuffled or file.", rich_help_panel=_Config, show_default="shuffled")] = None,
    dt: Annotated[Optional[float], typer.Option(metavar="MS", help="Time step.", rich_help_panel=_Config, show_default="0.5")] = None,
    integrator: Annotated[Optional[str], typer.Option(help="exponential_euler or euler.", rich_help_panel=_Config, show_default="exponential_euler")] = None,
    dtype: Annotated[Optional[str], typer.Option(help="float32 or float64.", rich_help_panel=_Config, show_default="float32")] = None,
    input_gain: Annotated[Optional[str], typer.Option(help="Factor on pixel values, or auto.", rich_help_panel=_Config, show_default="auto")] = None,
    label_examples: Annotated[Optional[int], typer.Option(help="Training images that label the neurons.", rich_help_panel=_Config, show_default="10000")] = None,
    test_examples: Annotated[Optional[int], typer.Option(help="Test images.", rich_help_panel=_Config, show_default="all")] = None,
    seed: Annotated[Optional[int], typer.Option(help="Everything random is drawn from it.", rich_help_panel=_Config, show_default="0")] = None,
    config: Annotated[Optional[Path], typer.Option(help="TOML file with any of these options; options given here win.", rich_help_panel=_Config)] = None,
    out_: Annotated[Optional[Path], typer.Option("--out", help="Run folder.", rich_help_panel=_Keeping, show_default="runs/DATASET-N")] = None,
    resume: Annotated[Optional[Path], typer.Option(metavar="RUN", help="Continue an interrupted run.", rich_help_panel=_Keeping)] = None,
    checkpoint: Annotated[Optional[Path], typer.Option(help="Resume from this checkpoint instead of the newest.", rich_help_panel=_Keeping)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that the folder holds.", rich_help_panel=_Keeping)] = False,
    checkpoint_seconds: Annotated[float, typer.Option(help="Write a checkpoint at least this often.", rich_help_panel=_Keeping)] = 30.0,
    checkpoint_examples: Annotated[Optional[int], typer.Option(help="Also after each this many images.", rich_help_panel=_Keeping)] = None,
    no_evaluate: Annotated[bool, typer.Option("--no-evaluate", help="Do not label and test at the end.", rich_help_panel=_Keeping)] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Do not draw figures at the end.", rich_help_panel=_Keeping)] = False,
    threads: Annotated[Optional[int], typer.Option(help="Threads.", rich_help_panel=_Keeping, show_default="all processors")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop, with the state saved, as soon as the network runs away, falls silent or saturates.", rich_help_panel=_Keeping)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.", rich_help_panel=_Showing)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", rich_help_panel=_Showing)] = False,
) -> None:  # fmt: skip
    """Train a network, label its neurons, test it, and draw what it learned."""
    from engram.cli.data import told_load
    from engram.config import TrainingConfig
    from engram.errors import ConfigError, HealthError, Interrupted
    from engram.run_folder import RunFolder
    from engram.runs import RunOptions, run_training, start_run
    from engram.training import Training
    from engram.validation import check_count, check_positive

    check_positive("checkpoint-seconds", checkpoint_seconds, "s", or_zero=True)
    for name, value in (("checkpoint-examples", checkpoint_examples), ("threads", threads)):
        if value is not None:
            check_count(name, value)
    given = {
        "dataset": dataset, "rule": rule, "preset": preset, "neurons": neurons, "epochs": epochs, "examples": examples, "order": order,
        "dt": dt, "integrator": integrator, "dtype": dtype, "label_examples": label_examples,
        "test_examples": test_examples, "seed": seed, "input_gain": _gain(input_gain),
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if checkpoint is not None and resume is None:
        raise ConfigError("--checkpoint is for resuming; give --resume RUN with it.")
    if resume is not None:
        if given or config is not None or set_ or overwrite or out_ is not None:
            raise ConfigError("A resumed run keeps its own options; give --resume RUN without others.")
        folder = RunFolder(resume)
        chosen = folder.read_config()
    else:
        chosen = TrainingConfig() if config is None else TrainingConfig.from_toml(config)
        chosen = TrainingConfig.from_dict(with_settings({**_without_length(chosen, given), **given}, set_ or []))
        folder = RunFolder(out_ or _next_folder(chosen.dataset))

    data = told_load(chosen.load_data, quiet=quiet or json)
    training = Training(chosen, data, threads=threads)
    if resume is not None:
        folder.acquire()
        try:
            training.restore(*folder.read_checkpoint(checkpoint), name=str(checkpoint or folder.path))
        except BaseException:
            folder.release()
            raise
    else:
        start_run(folder, chosen, overwrite=overwrite)
    options = RunOptions(
        checkpoint_seconds=checkpoint_seconds,
        checkpoint_examples=checkpoint_examples,
        evaluate=not no_evaluate,
        figures=not no_figures,
        threads=threads,
        strict=strict,
    )
    display = Display(quiet=quiet or json)
    try:
        _, summary = run_training(folder, training, options, [display])
    except Interrupted:
        raise Interrupted(
            f"Stopped after {training.examples:,} of {training.total:,} images; everything is saved. Continue with"
            f"\n  engram train --resume {folder.path}"
        ) from None
    except HealthError as error:
        raise HealthError(
            f"Stopped after {training.examples:,} of {training.total:,} images: {error}. Everything is saved; to go on"
            f" all the same:\n  engram train --resume {folder.path}"
        ) from None
    finally:
        folder.release()
    if json:
        print_json({"out": str(folder.path), **summary})
    elif not quiet:
        _print_summary(folder, summary, display)


class Display(ProgressBar):
    """Shows a run's progress, where a person is looking."""

    def __init__(self, *, quiet: bool):
        super().__init__(err, quiet=quiet or not err.is_terminal)
        self.silent = quiet
        self.figures: list[Path] = []

    def on_start(self, training) -> None:
        """Say what is trained, and open the bar."""
        network, rule = training.simulator.network, training.simulator.rule
        if not self.silent:
            done = f", {training.examples:,} of them done" if training.examples else ""
            err.print(
                f"Training {network.n_neurons:,} neurons on {training.total:,} images of {training.dataset.name}{done},"
                f" rule {rule.name}, dt {network.dt:g} ms",
                markup=False,
            )
        super().on_start(training)

    def on_figure(self, paths: list[Path]) -> None:
        """Remember what was drawn."""
        self.figures = paths


def _print_summary(folder, summary: dict, display: Display) -> None:
    norm = summary["l1_norm"]
    out.print(
        f"trained on {summary['examples']:,} images in {summary['seconds']:.1f} s"
        f" ({summary['ms_per_example']:.2f} ms each), L1 norm {norm['mean']:.1f} ± {norm['sd']:.1f},"
        f" {summary['silent_images']} silent"
    )
    if "evaluation" in summary:
        evaluation = summary["evaluation"]
        parts = ", ".join(f"{100 * value:.2f} % ({scheme})" for scheme, value in summary["accuracy"].items())
        out.print(f"[bold]test accuracy[/] on {evaluation['n_test']:,} held-out images: [bold]{parts}[/]")
        out.print(
            f"labels from {evaluation['n_label']:,} training images,"
            f" {evaluation['unassigned_neurons']} neurons without one"
        )
    if summary["euler_overshot"]:
        err.print(
            "[yellow]Warning:[/] forward Euler passed the bound beyond which it overshoots; use --integrator"
            " exponential_euler or a smaller --dt."
        )
    for finding in summary["health"]:
        err.print(
            f"[yellow]Warning:[/] {finding['what']} (first after {finding['first']:,} images); {finding['advice']}."
        )
    for path in display.figures:
        if path.suffix == ".png":
            out.print(f"figure {path}")
    out.print(f"model  {folder.model_file}")


def _gain(text: str | None):
    from engram.errors import ConfigError

    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"input_gain must be a number or auto, got {text!r}.") from None


def _without_length(config, given: dict) -> dict:
    """A configuration file's options, but for a run length that the command line replaces."""
    options = config.to_dict()
    if "epochs" in given or "examples" in given:
        options = {name: value for name, value in options.items() if name not in ("epochs", "examples")}
    return options


def with_settings(options: dict, settings: list[str]) -> dict:
    """Options with ``--set`` applied: constants of the rule, or fields of the network and protocol."""
    from engram.errors import ConfigError

    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set wants NAME=VALUE, got {setting!r}.")
        table, dot, field = name.partition(".")
        if not dot:
            table, field = "constants", name
        if table not in ("constants", "network", "protocol", "data"):
            raise ConfigError(f"--set knows network.NAME, protocol.NAME and data.NAME, got {name!r}.")
        options[table] = {**options.get(table, {}), field: _value(text)}
    return options


def _value(text: str):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _next_folder(dataset: str) -> Path:
    """The next unused folder for a dataset under runs/."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(dataset).name or "run")
    number = 1
    while (Path("runs") / f"{name}-{number}").exists():
        number += 1
    return Path("runs") / f"{name}-{number}"
