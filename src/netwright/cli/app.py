"""All commands on one screen, and what becomes of an error."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, cast

import typer
from typer.core import TyperGroup

from netwright import __version__
from netwright.cli import signals
from netwright.cli.arch import app as arch_app
from netwright.cli.compare import compare
from netwright.cli.completion import installing
from netwright.cli.console import color_wanted, complain, emit, note, verbosity
from netwright.cli.convert import convert
from netwright.cli.data import app as data_app
from netwright.cli.doctor import doctor
from netwright.cli.estimate import estimate
from netwright.cli.exit_codes import PIPE_CLOSED, USAGE, exit_code
from netwright.cli.explore import app as explore_app
from netwright.cli.export import export
from netwright.cli.listing import list_names
from netwright.cli.map import map_network
from netwright.cli.measure import measure
from netwright.cli.networks import app as networks_app
from netwright.cli.new import new
from netwright.cli.passes import passes
from netwright.cli.report import report
from netwright.cli.run import run
from netwright.cli.soc import soc_app
from netwright.cli.study import app as study_app
from netwright.cli.upsets import upsets
from netwright.cli.verify import verify
from netwright.errors import ConfigError, MissingExtra, NetwrightError
from netwright.escape import visible
from netwright.extras import EXTRAS

USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What is raised for a command line that is not accepted; typer calls it by no name of its own."""

_NEAR = re.compile(r"\.? (Did you mean .+)$|\.? \((Possible options: .+)\)$", re.DOTALL)


def _tell_usage(error: BaseException) -> None:
    """Say what is wrong with a command line as our own errors do: with what would be accepted.

    Args:
        error: The error of the library that reads command lines.
    """
    said: str = error.format_message()  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":  # what it says is the help itself
        note(said)
        return
    context: typer.Context | None = getattr(error, "ctx", None)
    near = _NEAR.search(said)
    text = (said[: near.start()] if near else said).replace("Value error, ", "", 1).rstrip(".")
    ways = [f"{context.command_path if context else 'netwright'} -h tells what is accepted"]
    if near:
        more = near[1] or near[2]
        ways.insert(0, f"{more[0].lower()}{more[1:]}")
    complain(f"{text[:1].lower()}{text[1:]}\nhint: {'; '.join(ways)}")


def extra_of(error: ModuleNotFoundError) -> MissingExtra | None:
    """What to install for a package that an import did not find; ``None`` if no extra brings it."""
    package = (error.name or "").partition(".")[0]
    for extra in EXTRAS:
        if package in extra.packages:
            return MissingExtra(extra.name, package=package, purpose="this command")
    return None


def _check_printable(words: Sequence[str]) -> None:
    """Refuse what would pass for lines of ours wherever the name of a file is printed."""
    for word in words:
        if visible(word) != word:
            raise ConfigError(
                f'"{visible(word)}" holds a character that is not printed',
                hint="rename the file or folder; in a text of --set, TOML writes it as \\n or \\u",
            )


@contextmanager
def told(*, debug: bool) -> Iterator[None]:
    """Turn an error of the work inside into a message and an exit code.

    Args:
        debug: Whether to show where it arose.
    """
    try:
        yield
    except (NetwrightError, ModuleNotFoundError) as error:
        known = error if isinstance(error, NetwrightError) else extra_of(error)
        if known is None:
            raise
        if debug:
            note(traceback.format_exc())
        complain(str(known))
        raise typer.Exit(exit_code(known)) from None
    except USAGE_ERROR as error:
        _tell_usage(error)
        raise typer.Exit(USAGE) from None
    except KeyboardInterrupt as stopped:
        note("interrupted; the same command goes on from here")
        raise typer.Exit(signals.exit_code(stopped)) from None
    except BrokenPipeError:  # whoever read the output has seen enough
        raise typer.Exit(PIPE_CLOSED) from None


class Commands(TyperGroup):
    """The group of all commands; it turns errors into messages and exit codes."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the command line; completion is installed while it is read."""
        with told(debug="--debug" in args), installing(args):
            _check_printable(args)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the chosen command."""
        quiet = bool(ctx.params.get("quiet"))
        with told(debug=bool(ctx.params.get("debug"))), verbosity(quiet=quiet):
            return super().invoke(ctx)


app = typer.Typer(
    name="netwright",
    cls=Commands,
    help="From a trained network to hardware that is proven equal to it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run)
app.command("verify", short_help="Check a run and print its certificate.")(verify)
app.command("report")(report)
app.command("compare")(compare)
app.command("export")(export)
app.command("convert", short_help="Turn a file into hardware that is shown equal to it.")(convert)
app.command("measure", short_help="Count what Verilog of any generator needs.")(measure)
app.command("upsets", short_help="Flip the registers of a chip and count what goes wrong.")(upsets)
app.add_typer(explore_app, name="explore")
app.add_typer(soc_app, name="soc")
app.add_typer(study_app, name="study")
app.add_typer(data_app, name="data")
app.command("map", short_help="Choose what stays in a scratchpad, and where.")(map_network)
app.add_typer(networks_app, name="networks")
app.command("estimate", short_help="Print what a network costs on a machine.")(estimate)
app.command("passes", short_help="Print how often a cascade must go over its ranks.")(passes)
app.add_typer(arch_app, name="arch")
app.command("list", short_help="List the names that flows and commands know.")(list_names)
app.command("new", short_help="Copy a flow, or write one for data of your own.")(new)
app.command("doctor")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"netwright {__version__}")
        raise typer.Exit


def _log(level: int) -> None:
    """Send what the package's own loggers say to standard error."""
    logger = logging.getLogger("netwright")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(level)


@app.callback()
def options(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors only.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Say more; -vv for all details."
        ),
    ] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """From a trained network to hardware that is proven equal to it."""
    context.color = color_wanted()
    if verbose and quiet:
        raise ConfigError("--quiet and --verbose exclude each other")
    if verbose:
        _log(logging.INFO if verbose == 1 else logging.DEBUG)
