"""Python files of the user's own that a configuration names: ``"my_net.py:Net"``.

Such a file is run, with all rights of whoever runs it. It stands alone: it may import what is
installed, but no file beside it, so that its digest says all that it can do.
"""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from netwright.errors import ConfigError, NetwrightError
from netwright.reading import read_bytes

MAX_BYTES = 1_000_000
"""Most bytes of a file; a larger one is not written by hand."""

_NAME = re.compile(r"(?P<path>[^:\0]+\.py):(?P<attribute>[^:]*)")
_ALONE = "such a file stands alone: put all into one file, or install what it imports"
_loaded: dict[str, Path] = {}


@dataclass(frozen=True, slots=True)
class PythonName:
    """Something in a Python file.

    Attributes:
        path: The file.
        attribute: Name of a class, function or value in it.
    """

    path: Path
    attribute: str

    def __str__(self) -> str:
        return f"{self.path}:{self.attribute}"


def is_python_name(text: str) -> bool:
    """Whether a name is one of something in a Python file."""
    return _NAME.fullmatch(text) is not None


def parse(text: str, *, folder: Path | None = None) -> PythonName:
    """The file and the attribute that a name says; nothing is read.

    Args:
        text: ``"FILE.py:NAME"``.
        folder: Where relative paths start, and which the file must lie in; the working directory,
            and any place, if not given.

    Raises:
        ConfigError: The name is not of this form, or the file is not inside the folder.
    """
    match = _NAME.fullmatch(text)
    if match is None or not match["attribute"].isidentifier():
        raise ConfigError(f'must be "FILE.py:NAME" with a name of Python behind it, not "{text}"')
    path = Path(match["path"])
    if folder is not None:
        inside = (folder / path).resolve()
        if path.is_absolute() or not inside.is_relative_to(folder.resolve()):
            raise ConfigError(
                f'"{path}" must lie in the folder of the file that names it, {folder}',
                hint="copy it there",
            )
        path = inside
    return PythonName(path, match["attribute"])


def lookup(name: PythonName) -> object:
    """What a name stands for; its file is run, unless that was done in this process.

    Raises:
        ConfigError: The file cannot be read or run, or holds no such name.
    """
    module = load(name.path)
    if not hasattr(module, name.attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        own = [key for key in public if _is_own(module, key)]
        raise ConfigError(
            f'has no "{name.attribute}"',
            path=str(name.path),
            hint=f"it defines {', '.join(own)}" if own else "it defines nothing",
        )
    found: object = getattr(module, name.attribute)
    return found


def load(path: Path) -> ModuleType:
    """Run a file, unless that was done in this process, and return it as a module.

    Raises:
        ConfigError: It cannot be read, or raises an error.
    """
    path = path.resolve()
    source = read_bytes(path, most=MAX_BYTES, kind=ConfigError)
    name = f"{path.stem}_{hashlib.sha256(source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    linecache.checkcache(str(path))
    before = {*sys.modules, name}
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
        _check_alone(path, before)
    except NetwrightError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _fault(path, error) from error
    _loaded[name] = path
    return module


def loaded() -> tuple[Path, ...]:
    """Files that were run in this process; another one must run them to know their classes."""
    return tuple(_loaded.values())


def line_of_user(error: BaseException) -> str:
    """Where in a file of the user's own an error was raised, ``" (my_net.py:7)"``; else nothing."""
    found, step = "", error.__traceback__
    own = {str(path) for path in _loaded.values()}
    while step is not None:
        if step.tb_frame.f_code.co_filename in own:
            found = f" ({Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno})"
        step = step.tb_next
    return found


def _is_own(module: ModuleType, key: str) -> bool:
    """Whether a name of a module is not imported."""
    value = vars(module)[key]
    return not isinstance(value, ModuleType) and getattr(value, "__module__", "") in (
        module.__name__,
        "",
    )


def _check_alone(path: Path, before: set[str]) -> None:
    """Refuse what a file imported from its own folder."""
    for name in sorted(sys.modules.keys() - before):
        place = getattr(sys.modules[name], "__file__", None)
        if place and name not in _loaded and Path(place).resolve().parent == path.parent:
            raise ConfigError(
                f'imports the file beside it "{Path(place).name}"', path=str(path), hint=_ALONE
            )


def _fault(path: Path, error: BaseException) -> ConfigError:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        said = f"line {error.lineno}: {error.msg}"
    else:
        line = error.__traceback__
        numbers = []
        while line is not None:
            if line.tb_frame.f_code.co_filename == str(path):
                numbers.append(line.tb_lineno)
            line = line.tb_next
        if numbers:
            said = f"line {numbers[-1]}: {said}"
    hint = _ALONE if isinstance(error, ModuleNotFoundError) else None
    return ConfigError(f"cannot be run: {said}", path=str(path), hint=hint)
