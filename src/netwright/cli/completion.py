"""What a shell offers behind words whose values have names, and how a shell is taught to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from netwright.errors import ConfigError, NetwrightError

INSTALL = "--install-completion"
SHOW = "--show-completion"


def names_of(kind: str) -> Callable[[str], list[str]]:
    """Completes the names of a kind of the registry, those of other packages included.

    Args:
        kind: Kind of the names, such as ``"backends"``.
    """

    def names() -> Iterable[str]:
        from netwright.registry import entries

        return entries(kind)

    return among(names)


def among(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completes names that are looked up when a shell asks; none where they cannot be read.

    Args:
        names: Gives all of them.
    """

    def complete(incomplete: str) -> list[str]:
        try:
            return [name for name in sorted(names()) if name.startswith(incomplete)]
        except NetwrightError:
            return []

    return complete


def kinds() -> Iterable[str]:
    """The kinds of names of the registry."""
    from netwright.registry import kinds

    return kinds()


def machines() -> Iterable[str]:
    """The machines that this package brings."""
    from netwright import arch

    return arch.names()


def networks() -> Iterable[str]:
    """The networks that ship as shapes."""
    from netwright.workload import NETWORKS

    return NETWORKS


def templates() -> Iterable[str]:
    """The flows that can be copied."""
    from netwright.flows.templates import templates

    return templates()


def studies() -> Iterable[str]:
    """The studies that can be run."""
    from netwright.studies import list_studies

    return [study.name for study in list_studies()]


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Completes names of runs in the folder of all runs; a path of a run is left to the shell."""
    from netwright.run import run_names

    folder = context.params.get("runs") or "runs"
    return [name for name in run_names(folder) if name.startswith(incomplete)]


@contextmanager
def installing(words: Sequence[str]) -> Iterator[None]:
    """Let completion be installed only where that does what was asked and nothing else.

    Args:
        words: The command line.

    Raises:
        ConfigError: Words stand beside the option, the home folder cannot be written, or a shell
            would take part of its name for code.
    """
    option = next((word for word in words if word in (INSTALL, SHOW)), None)
    if option is None:
        yield
        return
    others = [word for word in words if word != option]
    if others:
        raise ConfigError(
            f'{option} stands alone, without "{others[0]}"',
            hint="it is for the shell that it is typed in",
        )
    home = Path("~").expanduser()
    if option == INSTALL and ("'" in str(home) or not str(home).isprintable()):
        raise ConfigError(
            f'the home folder "{home}" has a name that shells would take for code',
            hint=f"{SHOW} prints what your shell must read",
        )
    try:
        yield
    except (OSError, RuntimeError, UnicodeError) as error:
        raise ConfigError(
            f"completion cannot be installed in {home}: {error}",
            hint=f"{SHOW} prints what your shell must read",
        ) from error
