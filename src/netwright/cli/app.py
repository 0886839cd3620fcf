"""All commands on one screen, and what becomes of an error."""

from __future__ import annotations

import traceback
from typing import Annotated

import typer
from typer.core import TyperGroup

from netwright import __version__
from netwright.cli.arch import app as arch_app
from netwright.cli.console import emit, note
from netwright.cli.convert import convert
from netwright.cli.data import app as data_app
from netwright.cli.doctor import EXTRAS, doctor
from netwright.cli.estimate import estimate
from netwright.cli.export import export
from netwright.cli.listing import list_names
from netwright.cli.map import map_network
from netwright.cli.networks import app as networks_app
from netwright.cli.new import new
from netwright.cli.report import report
from netwright.cli.run import run
from netwright.cli.study import app as study_app
from netwright.cli.verify import verify
from netwright.errors import (
    BackendError,
    ConfigError,
    MissingExtra,
    NetwrightError,
    ToolMissing,
)

OK, FAILED, USAGE, MISSING, TOOL_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes; see docs/cli.md."""


def exit_code(error: NetwrightError) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, MissingExtra | ToolMissing):
        return MISSING
    if isinstance(error, BackendError):
        return TOOL_FAILED
    return FAILED


def extra_of(error: ModuleNotFoundError) -> MissingExtra | None:
    """What to install for a package that an import did not find; ``None`` if no extra brings it."""
    package = (error.name or "").partition(".")[0]
    for extra in EXTRAS:
        if package in extra.packages:
            return MissingExtra(extra.name, package=package, purpose="this command")
    return None


class Commands(TyperGroup):
    """The group of all commands; it turns errors into messages and exit codes."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the chosen command."""
        debug = bool(ctx.params.get("debug"))
        try:
            return super().invoke(ctx)
        except NetwrightError as error:
            if debug:
                note(traceback.format_exc())
            note(f"error: {error}")
            raise typer.Exit(exit_code(error)) from None
        except ModuleNotFoundError as error:
            missing = extra_of(error)
            if missing is None:
                raise
            if debug:
                note(traceback.format_exc())
            note(f"error: {missing}")
            raise typer.Exit(MISSING) from None
        except KeyboardInterrupt:
            note("interrupted; the same command goes on from here")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="netwright",
    cls=Commands,
    help="From a trained network to hardware that is proven equal to it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run)
app.command("verify")(verify)
app.command("report")(report)
app.command("export")(export)
app.command("convert")(convert)
app.add_typer(study_app, name="study")
app.add_typer(data_app, name="data")
app.command("map")(map_network)
app.add_typer(networks_app, name="networks")
app.command("estimate")(estimate)
app.add_typer(arch_app, name="arch")
app.command("list")(list_names)
app.command("new")(new)
app.command("doctor")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"netwright {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """From a trained network to hardware that is proven equal to it."""
