"""The network that a command is given, and what the user should know of it."""

from __future__ import annotations

from pathlib import Path

from engram.cli.console import err, plain, told_counts


def open_model(
    path: Path,
    *,
    source: str | None = None,
    network: str | None = None,
    rule: str | None = None,
    quiet: bool = False,
):
    """The model at a path; of a run that was interrupted, that of its last checkpoint, which is said.

    A source of spikes, a rule, or a file with parts of the network, that is the user's own is run only if its name is given.

    Raises
    ------
    RuleError
        If the rule that is named is not the model's.
    ConfigError
        If a file is named for a network that none describes.
    """
    from engram.model_file import load_model
    from engram.user_code import own_names

    parts = own_names(network, rule)
    model = load_model(path, source=source, parts=parts, rule=rule)
    _check_named(model, path, network, rule)
    if not quiet:
        _tell_unfinished(path, parts)
    return model


def _check_named(model, path: Path, network: str | None, rule: str | None) -> None:
    """Refuse what was named in vain: reading would go on without it, and look as if it had been used."""
    from engram.errors import ConfigError, RuleError
    from engram.networks import DiehlCook
    from engram.plasticity.records import rule_record
    from engram.user_code import is_own, kind_of

    if isinstance(model.network, DiehlCook):  # whose rule was compared when it was read
        if network is not None and is_own(network):
            raise ConfigError(f"{path} is Diehl and Cook's network, which no file describes; leave out {network}.")
        return
    made_with = sorted({rule_record(p.rule)["rule"] for p in model.network.plastic})
    if rule is not None and kind_of(rule) not in map(kind_of, made_with):
        raise RuleError(f"{path} was made with the rule {', '.join(made_with)}, not with {rule}; give that one.")


def open_diehl_cook(path: Path, *, source: str | None = None, quiet: bool = False):
    """The model at a path; another network than Diehl and Cook's is refused before parts of the user's own are missed."""
    from engram.errors import ConfigError
    from engram.exchange.frozen import ONLY_DIEHL_COOK
    from engram.model_file import describes_network, read_model_file

    if describes_network(read_model_file(path)[1]):
        raise ConfigError(ONLY_DIEHL_COOK)
    return open_model(path, source=source, quiet=quiet)


def labelled(model, path: Path, *, quiet: bool = False):
    """The model with labels for its neurons: its own, or new ones from the images that it was trained on.

    Raises
    ------
    ConfigError
        If it has none, and those images are not here.
    """
    from dataclasses import replace

    from engram.config import label_images
    from engram.errors import ConfigError, DataError
    from engram.evaluation import check_fits, label_neurons
    from engram.model_input import load_for

    if model.readout is not None:
        return model
    try:
        dataset = load_for(model)
    except DataError as error:
        raise ConfigError(f"{path} has no labels, and none can be made: {error}") from None
    check_fits(model, dataset)
    n_wanted = model.config.get("label_examples") or label_images(model.network.n_neurons)
    n_images = min(n_wanted, len(dataset.train_images))
    if not quiet:
        err.print(
            f"{plain(path)} has no labels yet; labelling its neurons from {n_images:,} training {model.noun}s first."
        )
    with told_counts(quiet=quiet) as tell:
        readout = label_neurons(model.simulator(), dataset, n_images, on_progress=tell)
    return replace(model, readout=readout)


def _tell_unfinished(path: Path, parts: list[str]) -> None:
    """Say of a run's folder that the run is not at its end, and how to bring it there."""
    from engram.config import own_options
    from engram.errors import EngramError
    from engram.run_folder import RunFolder

    folder = RunFolder(path)
    if not path.is_dir() or not folder.config_file.is_file():
        return
    running = folder.is_held  # before all else: it may come to its end meanwhile
    try:
        if folder.is_finished:
            return
        _, _, done, total = folder.read_unfinished(parts=parts)
    except EngramError:
        return  # whatever is wrong with it, the model was read
    again = f"engram train --resume {plain(path)}{plain(own_options(folder.read_options(), 'path/to/'))}"
    finish = "it is still running" if running else f"finish it with\n  {again}"
    err.print(f"{plain(path)} is not finished ({done:,} of {total:,} images); {finish}")
