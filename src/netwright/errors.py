"""Every error that netwright raises on purpose.

::

    NetwrightError(message, hint)
    ├─ ConfigError(path)                  a flow, claim or option file, or an option value
    ├─ DataError(source)                  a data file or table
    ├─ GraphError(node)                   a graph that breaks the rules of the IR
    │  └─ UnsupportedOp(op)               an operator that this step does not know
    ├─ NumericsError(tensor)              a value or width that cannot be represented exactly
    ├─ Infeasible(smallest)               a budget that no choice satisfies
    ├─ MappingError(faults)               a mapping that cannot be executed
    ├─ BackendError
    │  ├─ DoesNotFit(resource, needed, available)
    │  ├─ ToolMissing(tool)
    │  └─ ToolFailed(tool, code, log_tail)
    ├─ VerificationError(equivalence)
    │  └─ NotExecutable                   a file that another tool cannot run
    ├─ RunError                           a run directory that cannot be written or continued
    │  ├─ CorruptOutput(path)
    │  └─ StaleRun(path)
    ├─ NotInstalled(missing)              what a whole flow needs and does not find
    └─ MissingExtra(extra)                also an ImportError

A message says what is wrong with which value and where; the hint says what would be accepted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from errno import errorcode
from importlib import import_module
from types import ModuleType
from typing import cast


class NetwrightError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What is wrong with which value, and where.
        hint: What would be accepted, or what to do next.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\nhint: {hint}")

    def at(self, place: str) -> NetwrightError:
        """The same error, which says besides where: `place` stands in front of its message."""
        message = f"{place}: {self.message}"
        text = message if self.hint is None else f"{message}\nhint: {self.hint}"
        return _rebuilt(type(self), (text,), {**self.__dict__, "message": message})

    def hinted(self, more: str) -> NetwrightError:
        """The same error, with something more that can be done."""
        hint = f"{self.hint}; {more}" if self.hint else more
        text = f"{self.message}\nhint: {hint}"
        return _rebuilt(type(self), (text,), {**self.__dict__, "hint": hint})

    def __reduce__(self) -> tuple[object, ...]:
        """Let an error pass between processes, whatever arguments its class takes."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(
    kind: type[NetwrightError], args: tuple[object, ...], state: dict[str, object]
) -> NetwrightError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigError(NetwrightError):
    """A configuration file or option holds something that is not accepted.

    Args:
        message: What is wrong, or a sentence for each fault (:attr:`faults` keeps them apart).
        path: The file.
        hint: What would be accepted.
    """

    def __init__(
        self, message: str | Sequence[str], *, path: str | None = None, hint: str | None = None
    ) -> None:
        self.path = path
        self.faults = (message,) if isinstance(message, str) else tuple(message)
        text = "; ".join(self.faults)
        super().__init__(f"{path}: {text}" if path else text, hint=hint)

    def at(self, place: str) -> ConfigError:
        """The same error, which says besides where each of its faults is."""
        found = cast(ConfigError, super().at(place))
        found.faults = tuple(f"{place}: {fault}" for fault in self.faults)
        return found


class DataError(NetwrightError):
    """A data file is missing, truncated, or holds values that cannot be used."""

    def __init__(self, message: str, *, source: str | None = None, hint: str | None = None) -> None:
        self.source = source
        super().__init__(f"{source}: {message}" if source else message, hint=hint)


class GraphError(NetwrightError):
    """A graph breaks a rule of the intermediate representation."""

    def __init__(self, message: str, *, node: str | None = None, hint: str | None = None) -> None:
        self.node = node
        super().__init__(message if node is None else f'node "{node}": {message}', hint=hint)


class UnsupportedOp(GraphError):
    """An operator is not known to the step that met it."""

    def __init__(
        self, op: str, *, node: str | None = None, where: str, hint: str | None = None
    ) -> None:
        self.op = op
        super().__init__(f'operator "{op}" is not supported by {where}', node=node, hint=hint)


class NumericsError(NetwrightError):
    """A value, scale or width cannot be represented exactly."""

    def __init__(self, message: str, *, tensor: str | None = None, hint: str | None = None) -> None:
        self.tensor = tensor
        super().__init__(message if tensor is None else f'tensor "{tensor}": {message}', hint=hint)


class Infeasible(NetwrightError):
    """No choice satisfies a constraint.

    Args:
        message: The constraint, with its value.
        smallest: The smallest limit for which a choice exists, in the constraint's own unit.
        hint: What would be accepted.
    """

    def __init__(self, message: str, *, smallest: float, hint: str | None = None) -> None:
        self.smallest = smallest
        super().__init__(message, hint=hint)


class MappingError(NetwrightError):
    """A mapping breaks a rule; all faults are listed.

    Args:
        faults: What is wrong, one sentence each.
    """

    def __init__(self, faults: Sequence[str], *, hint: str | None = None) -> None:
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            super().__init__(f"the mapping is not legal: {self.faults[0]}", hint=hint)
        else:
            lines = "".join(f"\n  {fault}" for fault in self.faults)
            super().__init__(f"the mapping has {len(self.faults)} faults{lines}", hint=hint)


class BackendError(NetwrightError):
    """A backend could not generate, build or run a design."""


class DoesNotFit(BackendError):
    """A design needs more of a resource than its part has.

    Args:
        design: Name of the design.
        part: Name of the part.
        resource: The first resource that is exceeded, in the words of the tool.
        needed: How many the design needs.
        available: How many the part has.
        hint: What would help.
    """

    def __init__(
        self, design: str, *, part: str, resource: str, needed: int, available: int, hint: str
    ) -> None:
        self.resource = resource
        self.needed = needed
        self.available = available
        super().__init__(
            f'design "{design}" does not fit {part}: it needs {needed:,} {resource}, and there are '
            f"{available:,}",
            hint=hint,
        )


class ToolMissing(BackendError):
    """An external program is not installed."""

    def __init__(self, tool: str, *, hint: str) -> None:
        self.tool = tool
        super().__init__(f'external tool "{tool}" was not found', hint=hint)


class ToolFailed(BackendError):
    """An external program ended with an error; the end of its output is kept."""

    def __init__(
        self, tool: str, *, code: int | None, log_tail: str, hint: str | None = None
    ) -> None:
        self.tool = tool
        self.code = code
        self.log_tail = log_tail
        ending = "ran past its time limit" if code is None else f"ended with exit code {code}"
        super().__init__(f"{tool} {ending}; the end of its output was:\n{log_tail}", hint=hint)


class VerificationError(NetwrightError):
    """Two stages that must agree on every integer do not."""


class NotExecutable(VerificationError):
    """Another tool cannot execute a file, so there is nothing to compare with."""


class RunError(NetwrightError):
    """A run directory cannot be written or continued."""


_WRITE = "choose a folder that exists, is writable and has free space"
_MEMORY = "use fewer rows, a smaller network or a machine with more memory"
_HANDLES = "close other programs, or raise the limit (ulimit -n)"
_THREADS = "use fewer threads (NETWRIGHT_THREADS=1), or raise the limits (ulimit -u, ulimit -v)"

_REFUSALS = {
    "ENOSPC": _WRITE,
    "EDQUOT": _WRITE,
    "EFBIG": _WRITE,
    "EROFS": _WRITE,
    "EACCES": _WRITE,
    "ENOTDIR": _WRITE,
    "EPERM": _WRITE,
    "EIO": "the disk is broken, or the network to it",
    "ENAMETOOLONG": "use shorter names and folders",
    "ELOOP": "a link leads to itself",
    "EMFILE": _HANDLES,
    "ENFILE": _HANDLES,
    "ENOMEM": _MEMORY,
    "EAGAIN": _THREADS,
}
"""What to do about what an operating system refuses, by the name of its error."""

_SAID = {
    "can't start new thread": _THREADS,
    "Resource temporarily unavailable": _THREADS,
    "failed to map segment from shared object": _MEMORY,
    "can't allocate memory": _MEMORY,
    "not enough memory": _MEMORY,
    "std::bad_alloc": _MEMORY,
    "No space left on device": _WRITE,
    "Disk quota exceeded": _WRITE,
    "file write failed": _WRITE,
}
"""The same by what libraries say of it in errors of their own."""


def reason(error: OSError) -> str:
    """Why the operating system has refused something, in its own few words.

    >>> reason(OSError(28, "No space left on device", "out/a.txt"))
    'No space left on device'
    """
    if error.strerror:
        return error.strerror
    faults = error.args[0] if error.args else None
    if isinstance(faults, list) and faults:  # of shutil: (source, target, text) for every file
        text = str(faults[0][-1] if isinstance(faults[0], tuple) else faults[0])
        return text.partition("] ")[2].partition(": ")[0] or text
    return str(error)


def refusal(error: BaseException) -> RunError | None:
    """What a machine that is too small, full or locked has refused; ``None`` for other errors.

    >>> print(refusal(OSError(28, "No space left on device", "out/a.txt")))
    out/a.txt: No space left on device
    hint: choose a folder that exists, is writable and has free space
    """
    if isinstance(error, NetwrightError):
        return None
    if isinstance(error, MemoryError):
        return RunError("there is not enough memory", hint=_MEMORY)
    if isinstance(error, OSError) and (hint := _REFUSALS.get(errorcode.get(error.errno or 0, ""))):
        place = f"{error.filename}: " if error.filename else ""
        return RunError(f"{place}{reason(error)}", hint=hint)
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        around = error.object[max(error.start - 60, 0) : error.start + 60]
        return RunError(
            f"a name or path holds bytes that are no UTF-8: {around!a}",
            hint="rename it, or set the locale to one of UTF-8 (LC_ALL=C.UTF-8)",
        )
    text = str(error)
    for said, hint in _SAID.items():
        if isinstance(error, RuntimeError | OSError | ImportError) and said in text:
            why = reason(error) if isinstance(error, OSError) else text.splitlines()[0]
            return RunError(why, hint=hint)
    return None


class CorruptOutput(RunError):
    """A file of a finished stage is missing or no longer has its recorded digest."""

    def __init__(self, path: str, *, hint: str | None = None) -> None:
        self.path = path
        super().__init__(f"{path}: missing or changed since it was written", hint=hint)


class StaleRun(RunError):
    """A run directory was written by another version of its schema."""

    def __init__(self, message: str, *, path: str, hint: str | None = None) -> None:
        self.path = path
        super().__init__(f"{path}: {message}", hint=hint)


class NotInstalled(NetwrightError):
    """Things that steps need are not installed; all are listed.

    Args:
        missing: What is missing and what for, one sentence each.
        hint: The lines that install it.
    """

    def __init__(self, missing: Sequence[str], *, hint: str) -> None:
        self.missing = tuple(missing)
        super().__init__("; ".join(self.missing), hint=hint)


class MissingExtra(NetwrightError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, extra: str, *, package: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(
            f'{purpose} needs the package "{package}", which is not installed',
            hint=f"pip install 'netwright[{extra}]'",
        )


NO_TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""What keeps ONNX Runtime, Ray, MLflow and Hugging Face from telling their makers that they are
used, unless the user's environment says otherwise."""


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Those that would report their use are told not to.

    Args:
        module: Dotted name of the module to import.
        extra: The extra of this package that installs it.
        purpose: What it is needed for, as the subject of a sentence.

    Raises:
        MissingExtra: The module's top-level package is not installed.
    """
    package = module.partition(".")[0]
    for name, value in NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtra(extra, package=package, purpose=purpose) from error
