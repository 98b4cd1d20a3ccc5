"""``engram train``."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.callbacks import ProgressBar
from engram.cli.console import accuracies, err, out, plain, print_json, told_warnings
from engram.wording import plural

_Config = "What is computed"
_Keeping = "The run folder"
_Showing = "Output"


def train(
    dataset: Annotated[Optional[str], typer.Option(help="digits, mnist, fashion-mnist, kmnist, or a folder or file of pictures, events or rows.", rich_help_panel=_Config, show_default="digits")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Learning rule: a name, or my_rule.py:MyRule.", rich_help_panel=_Config, show_default="self_normalizing")] = None,
    source: Annotated[Optional[str], typer.Option(help="What makes spikes of what is shown: poisson, latency, ramp, regular, events (of recordings), or my_source.py:MySource.", rich_help_panel=_Config, show_default="poisson")] = None,
    preset: Annotated[Optional[str], typer.Option(help="Constants of network, protocol and rule: sharp, at which every rule reads best, paper, or events for recordings shown by --source events.", rich_help_panel=_Config, show_default="sharp; paper with another --network")] = None,
    network: Annotated[Optional[str], typer.Option(help="diehl-cook, two-layers, conv, conv-prototypes, or a function of your own that describes one, my_network.py:describe.", rich_help_panel=_Config, show_default="diehl-cook")] = None,
    layers: Annotated[Optional[str], typer.Option(help="Whether the layers of a network learn together or in-turn.", rich_help_panel=_Config, show_default="what suits the network")] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A constant of the rule, or network.NAME, protocol.NAME, source.NAME, data.NAME or layer_examples.NAME; repeatable.", rich_help_panel=_Config)] = None,
    weight_bits: Annotated[Optional[int], typer.Option(metavar="BITS", help="Let weights learn in fixed point of so many bits, 1 to 24.", rich_help_panel=_Config, show_default="floating point")] = None,
    state_bits: Annotated[Optional[int], typer.Option(metavar="BITS", help="The same for the rule's traces and state.", rich_help_panel=_Config, show_default="floating point")] = None,
    rounding: Annotated[Optional[str], typer.Option(help="How fixed point rounds: nearest, or stochastic, by which small changes are not lost.", rich_help_panel=_Config, show_default="nearest")] = None,
    neurons: Annotated[Optional[int], typer.Option(help="Excitatory neurons.", rich_help_panel=_Config, show_default="400")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Passes over the training images.", rich_help_panel=_Config, show_default="as many as show 10,000 images, at most 10")] = None,
    examples: Annotated[Optional[int], typer.Option(help="Training images, instead of whole passes.", rich_help_panel=_Config)] = None,
    order: Annotated[Optional[str], typer.Option(help="shuffled or file.", rich_help_panel=_Config, show_default="shuffled")] = None,
    dt: Annotated[Optional[float], typer.Option(metavar="MS", help="Time step.", rich_help_panel=_Config, show_default="0.5")] = None,
    integrator: Annotated[Optional[str], typer.Option(help="exponential_euler or euler.", rich_help_panel=_Config, show_default="exponential_euler")] = None,
    dtype: Annotated[Optional[str], typer.Option(help="float32 or float64.", rich_help_panel=_Config, show_default="float32")] = None,
    input_gain: Annotated[Optional[str], typer.Option(help="Factor on pixel values, or auto.", rich_help_panel=_Config, show_default="auto")] = None,
    label_examples: Annotated[Optional[int], typer.Option(help="Training images that label the neurons.", rich_help_panel=_Config, show_default="as many as they need")] = None,
    test_examples: Annotated[Optional[int], typer.Option(help="Test images.", rich_help_panel=_Config, show_default="all")] = None,
    validation_examples: Annotated[Optional[int], typer.Option(help="Hold out this many training images and test on them instead of the test images.", rich_help_panel=_Config)] = None,
    seed: Annotated[Optional[int], typer.Option(help="Everything random is drawn from it.", rich_help_panel=_Config, show_default="0")] = None,
    config: Annotated[Optional[Path], typer.Option(help="TOML file with any of these options; options given here win.", rich_help_panel=_Config)] = None,
    from_: Annotated[Optional[Path], typer.Option("--from", metavar="RUN|MODEL", help="Go on learning from this network, with its options but for those given here.", rich_help_panel=_Config)] = None,
    out_: Annotated[Optional[Path], typer.Option("--out", help="Run folder.", rich_help_panel=_Keeping, show_default="runs/DATASET-N")] = None,
    resume: Annotated[Optional[Path], typer.Option(metavar="RUN", help="Finish an interrupted run; with --rule, --network or --source again where they are files of your own.", rich_help_panel=_Keeping)] = None,
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
    given = {
        "dataset": dataset, "rule": rule, "source": source, "preset": preset, "neurons": neurons, "epochs": epochs, "examples": examples, "order": order,
        "dt": dt, "integrator": integrator, "dtype": dtype, "label_examples": label_examples, "network": network, "layers": layers_option(layers),
        "test_examples": test_examples, "validation_examples": validation_examples, "seed": seed,
        "input_gain": _gain(input_gain),
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    _check_options(given, checkpoint_seconds, {"checkpoint-examples": checkpoint_examples, "threads": threads})
    if err.is_terminal and not (quiet or json):
        _tell_beginning(dataset, config, from_, resume)  # before anything is imported that takes time

    from engram.config import own_options
    from engram.errors import ConfigError
    from engram.run_folder import RunFolder
    from engram.runs import RunOptions, resume_run

    load = partial(_load_told, quiet=quiet or json)
    held = {"weight_bits": weight_bits, "state_bits": state_bits, "rounding": rounding}
    set_ = [*(set_ or []), *(f"{name}={value}" for name, value in held.items() if value is not None)]
    if checkpoint is not None and resume is None:
        raise ConfigError("--checkpoint is for resuming; give --resume RUN with it.")
    if resume is not None:
        _check_options_are_kept(given, config, set_, overwrite, out_, from_)
        folder = RunFolder(resume)
        if folder.is_finished:
            _tell_finished(folder, quiet=quiet, as_json=json)
            return
        training = resume_run(folder, load=load, rule=rule, network=network, source=source, checkpoint=checkpoint, threads=threads)  # fmt: skip
    else:
        folder, training = _begin(
            given, config, from_, set_, out_, overwrite=overwrite, threads=threads, load=load, evaluate=not no_evaluate
        )
    options = RunOptions(
        checkpoint_seconds=checkpoint_seconds, checkpoint_examples=checkpoint_examples, evaluate=not no_evaluate,
        figures=not no_figures, threads=threads, strict=strict,
    )  # fmt: skip
    display = Display(quiet=quiet or json, evaluate=not no_evaluate)
    summary = _trained(folder, training, options, display, f"engram train --resume {folder.path}{own_options(given)}")
    if json:
        print_json({"out": str(folder.path), **summary})
    elif not quiet:
        _print_summary(folder, summary, display)


def _check_numbers(seconds: float, counts: dict) -> None:
    """Raise ConfigError where options that are numbers cannot be."""
    from engram.validation import check_count, check_positive

    check_positive("checkpoint-seconds", seconds, "s", or_zero=True)
    for name, value in counts.items():
        if value is not None:
            check_count(name, value)


def _check_options(given: dict, seconds: float, counts: dict) -> None:
    """Raise ConfigError where an option cannot have its value, whatever the others are."""
    from engram.validation import PARAMETERS, settled

    _check_numbers(seconds, counts)
    for name, value in given.items():
        if name in PARAMETERS and value != "auto":
            settled(name, value)


def _check_options_are_kept(given: dict, *others) -> None:
    """Raise ConfigError where a run is to be resumed with other options than it has."""
    from engram.errors import ConfigError

    if set(given) - {"rule", "network", "source"} or any(others):
        raise ConfigError(
            "A resumed run keeps its own options; give --resume RUN without others, or --from RUN to go on learning"
            " with others."
        )


def _trained(folder, training, options, display: Display, again: str) -> dict:
    """The summary of a run that was brought to its end; where it is stopped, what is saved and how it goes on is said."""
    from engram.errors import HealthError, Interrupted
    from engram.runs import run_training

    try:
        return run_training(folder, training, options, [display])[1]
    except Interrupted:
        stopped = f"Stopped after {training.examples:,} of {plural(training.total, 'image')}; everything is saved."
        if training.done:
            stopped = "Stopped after training, before all was labelled, tested and drawn; everything learned is saved."
        raise Interrupted(f"{stopped} Continue with\n  {again}") from None
    except HealthError as error:
        raise HealthError(
            f"Stopped after {training.examples:,} of {plural(training.total, 'image')}: {error}. Everything is saved; to go on"
            f" all the same:\n  {again}"
        ) from None
    finally:
        folder.release()


def _tell_beginning(dataset: str | None, config: Path | None, model: Path | None, resume: Path | None) -> None:
    """Say at once what was asked for."""
    source = resume or config or model
    err.print(f"getting {plain(dataset or source or 'digits')} ready …")


def _begin(given: dict, file: Path | None, model: Path | None, settings: list[str], out_: Path | None, *, overwrite: bool, threads, load, evaluate: bool):  # fmt: skip
    """A new run's folder, held, and its training; from a configuration file or a model, with options that win."""
    from engram.config import TrainingConfig, renamed_network
    from engram.errors import ConfigError, StepWarning
    from engram.evaluation import check_label_images
    from engram.files import check_may_be_folder
    from engram.model_file import load_model
    from engram.run_folder import RunFolder
    from engram.runs import RUNS, check_place, next_folder, start_run
    from engram.training import Training
    from engram.user_code import own_names

    if file is not None and model is not None:
        raise ConfigError("Give --config FILE or --from RUN|MODEL, not both; a model brings its options with it.")
    if model is not None:
        start = load_model(model, parts=own_names(given.get("network"), given.get("rule")))
        _check_code_is_given(start, given, model)
        changes = {name: value for name, value in given.items() if name != "dataset"} | {"start": str(model)}
        if "network" in given:
            changes["network"] = renamed_network(start.config.get("network", {}), given["network"])
        changes["dataset"] = given.get("dataset", _dataset_of(start, model))
        chosen = TrainingConfig.from_model(start, **with_settings(changes, settings))
    else:
        named = {what: given.get(what) for what in ("rule", "network", "source")}
        options = {} if file is None else TrainingConfig.from_toml(file, **named).named_options()
        if "network" in given:
            given = {**given, "network": renamed_network(options.get("network", {}), given["network"])}
        options = _with_given(options, given)
        chosen = TrainingConfig.from_dict(with_settings(options, settings))
        start = None if chosen.start is None else load_model(chosen.start, parts=chosen.own_files())
    chosen.make_rule(), chosen.make_source()  # what is wrong with them is told before anything is loaded
    if out_ is None:
        check_may_be_folder(RUNS, "--out")
    else:
        check_place(RunFolder(out_), overwrite=overwrite)
    dataset = load(chosen)
    with told_warnings(StepWarning):
        training = Training(chosen, dataset, start=start, threads=threads)
    if evaluate:
        check_label_images(training)
    folder = RunFolder(out_ or next_folder(chosen.dataset))
    try:
        start_run(folder, chosen, overwrite=overwrite, start=start)
    except BaseException:
        if out_ is None:
            _remove_empty(folder.path)
        raise
    return folder, training


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _load_told(chosen, *, quiet: bool):
    """A run's images; what was done with them is said."""
    from engram.cli.data import told_load

    return told_load(chosen.load_data, quiet=quiet)


def _check_code_is_given(start, given: dict, model: Path) -> None:
    """Raise ConfigError where a model goes on by a rule, network or source of the user's own that was not named again."""
    from engram.errors import ConfigError

    for what, name in (
        ("rule", start.rule_record["rule"]),
        ("network", start.config.get("network", {}).get("kind", "")),
        ("source", start.source_record["source"]),
    ):
        if ":" in name and what not in given:
            file = name if os.sep in name else f"path/to/{name}"
            raise ConfigError(f"{model} has the {what} {name}; name its file again, --{what} {file}.")


def _dataset_of(start, model: Path) -> str:
    """What a model was trained on, which it goes on with."""
    from engram.errors import ConfigError

    name = start.config.get("dataset", start.dataset)
    if name == "arrays":
        raise ConfigError(f"{model} was trained on arrays, which are not here; give images to learn from, --dataset.")
    return name


def _tell_finished(folder, *, quiet: bool, as_json: bool) -> None:
    """Say that nothing is left to do."""
    from engram.config import own_options, read_options

    summary = folder.read_summary()
    if as_json:
        print_json({"out": str(folder.path), **summary})
    elif not quiet:
        own = own_options(read_options(folder.path / "config.toml"), "path/to/")
        out.print(
            f"{plain(folder.path)} is finished: {summary.get('examples', 0):,} examples learned from; nothing was changed."
            f" To go on learning from it:\n  engram train --from {plain(folder.path)}{plain(own)}"
        )


def _what_learns(training) -> str:
    """How many neurons, and in which layers."""
    described = training.simulator.described
    layers = [(layer, described.size_of(layer)) for layer in described.layers]
    if len(layers) == 1:
        return plural(layers[0][1], "neuron")
    named = ", ".join(f"{plain(layer)} {n:,}" for layer, n in layers)
    return f"{sum(n for _, n in layers):,} neurons in {len(layers)} layers ({named}; {'in turn' if training.layers else 'together'})"


def _classes_without_labels(training) -> str:
    """What to say where the images that the labels come from lack a class."""
    import numpy as np

    from engram.evaluation import images_to_label_from

    labels, config = training.dataset.train_labels, training.config
    chosen = images_to_label_from(config.seed, len(labels), config.label_examples)
    lacking = [training.dataset.class_name(label) for label in np.setdiff1d(labels, labels[chosen])]
    if not lacking:
        return ""
    return (
        f"the {len(chosen):,} training {training.dataset.noun}s that label the neurons have none of class {plain(', '.join(lacking))},"
        " which will never be answered; give more with --label-examples."
    )


def _passes(training) -> str:
    """How long a run is that nobody gave a length."""
    config, n_train = training.config, len(training.dataset.train_images)
    if config.epochs is not None or config.examples is not None:
        return ""
    passes = config.total_examples(n_train) // n_train
    return f" ({passes} {'pass' if passes == 1 else 'passes'} over {n_train:,}; --epochs makes it shorter or longer)"


class Display(ProgressBar):
    """Shows a run's progress, where a person is looking."""

    def __init__(self, *, quiet: bool, evaluate: bool = True):
        super().__init__(err, quiet=quiet)
        self.silent, self.evaluate = quiet, evaluate
        self.figures: list[Path] = []
        self.noun = "image"

    def on_start(self, training) -> None:
        """Say what is trained, and open the bar."""
        network, rule = training.simulator.network, training.rule
        self.noun = training.dataset.noun
        if not self.silent:
            done = f", {training.examples:,} of them done" if training.examples else ""
            err.print(
                f"Training {_what_learns(training)} on {plural(training.total, training.dataset.noun)} of"
                f" {plain(training.dataset.name)}{_passes(training)}{done}, rule {plain(rule.name)}{_held(rule)},"
                f" dt {network.dt:g} ms"
            )
            missing = _classes_without_labels(training) if self.evaluate else ""
            if missing:
                err.print(f"[yellow]Warning:[/] {missing}")
        super().on_start(training)

    def on_figure(self, paths: list[Path]) -> None:
        """Remember what was drawn."""
        self.figures = paths


def _held(rule) -> str:
    """In what the rule holds its numbers, where that is not floating point."""
    from engram.plasticity.fixed_point import described

    return f" ({described(rule)})" if described(rule) else ""


def _print_summary(folder, summary: dict, display: Display) -> None:
    from engram.presets import scheme_of
    from engram.readout import origin_of_labels

    norm = summary["l1_norm"]
    out.print(
        f"trained on {plural(summary['examples'], display.noun)} in {summary['seconds']:.1f} s"
        f" ({summary['ms_per_example']:.2f} ms each), L1 norm {norm['mean']:.1f} ± {norm['sd']:.1f},"
        f" {summary['silent_images']} silent"
    )
    if "evaluation" in summary:
        evaluation = summary["evaluation"]
        out.print(
            f"[bold]test accuracy[/] on {evaluation['n_test']:,} held-out {display.noun}s:"
            f" [bold]{accuracies(summary['accuracy'], scheme_of(folder.read_options()))}"
        )
        out.print(
            f"labels {origin_of_labels(evaluation['n_label'], display.noun)},"
            f" {plural(evaluation['unassigned_neurons'], 'neuron')} without one"
        )
        if evaluation["unanswered_images"]:
            out.print(
                f"{plural(evaluation['unanswered_images'], f'test {display.noun}')} drew no answer, counted as wrong"
            )
    if summary["euler_overshot"]:
        err.print(
            "[yellow]Warning:[/] forward Euler passed the bound beyond which it overshoots; use --integrator"
            " exponential_euler or a smaller --dt."
        )
    for finding in summary["health"]:
        err.print(
            f"[yellow]Warning:[/] {plain(finding['what'])} (first after {plural(finding['first'], display.noun)});"
            f" {plain(finding['advice'])}."
        )
    for path in display.figures:
        if path.suffix == ".png":
            out.print(f"figure {plain(path)}")
    out.print(f"model  {plain(folder.model_file)}")


def _gain(text: str | None):
    from engram.errors import ConfigError

    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"input_gain must be a number or auto, got {text!r}.") from None


def _with_given(options: dict, given: dict) -> dict:
    """A configuration file's options with those of the command line, which replaces a run length as a whole."""
    from engram.config import with_source

    if "source" in given:
        options = with_source(options, given["source"])
    if "epochs" in given or "examples" in given:
        options = {name: value for name, value in options.items() if name not in ("epochs", "examples")}
    return {**options, **given}


_TABLES = ("network", "protocol", "source", "data", "layer_examples")


def with_settings(options: dict, settings: list[str]) -> dict:
    """Options with ``--set`` applied: constants of the rule or source, or fields of the network, protocol and data."""
    from engram.config import merged
    from engram.errors import ConfigError
    from engram.validation import did_you_mean

    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set wants NAME=VALUE, got {setting!r}.")
        table, *inner = name.split(".") if "." in name else ("constants", name)
        if table not in ("constants", *_TABLES):
            near = did_you_mean(table, _TABLES)
            raise ConfigError(
                "--set knows network.NAME, protocol.NAME, source.NAME, data.NAME and layer_examples.NAME, got"
                f" {name!r}{near}."
            )
        table = {"source": "source_constants"}.get(table, table)
        value = {inner[-1]: option_value(text)}
        for field in reversed(inner[:-1]):
            value = {field: value}
        before = options.get(table, {})
        options[table] = merged({"kind": before} if isinstance(before, str) else before, value)
    return options


def layers_option(text: str | None) -> str | None:
    """What ``--layers`` says, as a configuration has it; the command line spells it with a hyphen, as all its words."""
    from engram.validation import check_choice

    if text is not None:
        check_choice("--layers", text.replace("_", "-"), ("together", "in-turn"))
    return text and text.replace("-", "_")


def option_value(text: str) -> int | float | str:
    """A value as it was typed: a whole number, a number, or a text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
