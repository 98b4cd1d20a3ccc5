"""The entry point: the commands, and what any of them does with an error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from engram._version import __version__
from engram.cli import (
    certify,
    compare,
    completion,
    data,
    evaluate,
    exchange,
    inspect,
    models,
    predict,
    read,
    rules,
    studio,
    sweep,
    train,
    warmup,
)
from engram.cli.console import err, fail, flush_results, spell_what_the_terminal_lacks
from engram.cli.help import name_values
from engram.cli.usage import UsageError, shown_help, usage_sentence
from engram.compiling_bar import CompilingBar
from engram.errors import ConfigError
from engram.kernels.progress import watch_compiling

app = typer.Typer(
    name="engram",
    help="Unsupervised learning in spiking neural networks by local plasticity.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("read")(read.read)
app.command("figures")(inspect.figures)
app.command("info")(inspect.info)
app.command("models")(models.models)
app.command("certify")(certify.certify)
app.command("export")(exchange.export)
app.command("import")(exchange.import_)
app.command("studio")(studio.studio)
app.command("warmup")(warmup.warmup)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.add_typer(rules.app, name="rules")
app.add_typer(data.app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"engram {__version__}")
        raise typer.Exit


@app.callback()
def engram(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Unsupervised learning in spiking neural networks by local plasticity."""


def _watcher(arguments: list[str]):
    """Who shows what is compiled; where output is for machines or not wanted, only the log is told."""
    return None if {"--quiet", "-q", "--json"} & set(arguments) else CompilingBar(err)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    spell_what_the_terminal_lacks()
    os.environ.pop("MPLBACKEND", None)  # a notebook's, which matplotlib refuses elsewhere; engram opens no window
    watch_compiling(_watcher(arguments))
    try:
        command = typer.main.get_command(app)
        completion.attach(command)
        name_values(command)
        read = [argument for argument in arguments if argument != "--debug"]
        try:
            code = command(args=read, prog_name="engram", standalone_mode=False)
        finally:
            flush_results()
        sys.exit(code or 0)
    except typer.Abort:
        sys.exit(fail(KeyboardInterrupt(), as_json="--json" in arguments))
    except UsageError as error:
        if shown_help(error):
            sys.exit(2)
        sys.exit(fail(ConfigError(usage_sentence(error, read)), as_json="--json" in arguments))
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        sys.exit(fail(error, as_json="--json" in arguments))
    finally:
        watch_compiling(None)
