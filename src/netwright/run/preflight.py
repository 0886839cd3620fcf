"""A look at everything that stages need, before the first of them starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netwright.backends.tools import TOOLS, find
from netwright.errors import ConfigError, NotInstalled, ToolMissing
from netwright.extras import EXTRAS
from netwright.run import machine
from netwright.run.stage import AnyStage


def require_installed(stages: Sequence[AnyStage]) -> None:
    """Check that what the stages require is there.

    Raises:
        NotInstalled: Something is missing; all of it is named, with the stages that need it.
        ConfigError: A stage requires something that is neither an extra nor a program known here.
    """
    wanted: dict[str, list[str]] = {}
    for stage in stages:
        for name in stage.requires:
            wanted.setdefault(name, []).append(stage.name)
    _require(
        {
            name: f"{'stage' if len(stages) == 1 else 'stages'} {', '.join(stages)}"
            for name, stages in wanted.items()
        }
    )


def require_for(purpose: str, names: Sequence[str]) -> None:
    """Check that what a command is going to need is there, before it does anything.

    Args:
        purpose: What needs it, such as ``"--backend rtl"``.
        names: Extras and programs; ``"g++ or iverilog"`` stands for either.

    Raises:
        NotInstalled: Something is missing; all of it is named.
    """
    _require(dict.fromkeys(names, purpose))


def _require(wanted: Mapping[str, str]) -> None:
    """Check that all names are there; beside each stands who needs it.

    Raises:
        NotInstalled: Something is missing.
        ConfigError: A name is neither an extra nor a program known here.
    """
    missing = {name: who for name, who in wanted.items() if not _found(name)}
    if missing:
        raise NotInstalled(
            [_sentence(name, who) for name, who in missing.items()], hint=_hint(tuple(missing))
        )


def _found(name: str) -> bool:
    return any(_is_there(choice) for choice in name.split(" or "))


def _is_there(name: str) -> bool:
    packages = _packages(name)
    if packages is not None:
        return all(machine.installed(package) for package in packages)
    for tool in TOOLS:
        if tool.name == name:
            try:
                find(tool)
            except ToolMissing:
                return False
            return True
    raise ConfigError(f'"{name}" is required, which is neither an extra nor a known program')


def _packages(name: str) -> tuple[str, ...] | None:
    """The packages of an extra; ``None`` for what is no extra."""
    return next((extra.packages for extra in EXTRAS if extra.name == name), None)


def _sentence(name: str, who: str) -> str:
    packages = _packages(name)
    if packages is None:
        return f"{who}: {name} was not found"
    absent = ", ".join(package for package in packages if not machine.installed(package))
    return f"{who}: {absent} (extra {name}) is not installed"


def _hint(missing: Sequence[str]) -> str:
    extras = [name for name in missing if _packages(name) is not None]
    lines = [f"pip install 'netwright[{','.join(extras)}]'"] if extras else []
    choices = {choice for name in missing for choice in name.split(" or ")}
    lines += [tool.install_hint for tool in TOOLS if tool.name in choices]
    return "; ".join(lines)
