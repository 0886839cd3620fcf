"""Sections of which a name decides the settings: ``kind = "mlp"``, ``kind = "my_net.py:Net"``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, ValidationError, ValidationInfo, create_model
from pydantic_core import PydanticCustomError

from netwright.errors import ConfigError, MissingExtra
from netwright.faults import NESTED, closest, faults, refused_values
from netwright.options import file_options, make, options_of
from netwright.python_file import is_python_name, load, lookup, parse
from netwright.registry import entries
from netwright.settings import FOLDER, Settings


class Choice(Settings):
    """A section whose settings are those of the name that it chooses, besides its own.

    A class of sections says of which kind the name is; what is read from a file is an instance of a
    subclass that has the options of the name, too.

    Attributes:
        kind: A name, or ``"FILE.py:NAME"`` for something in a Python file beside the flow.
    """

    model_config = ConfigDict(protected_namespaces=())

    OF: ClassVar[str]
    """Kind of the name."""
    GIVEN: ClassVar[tuple[str, ...]] = ()
    """Parameters of what is chosen that are no settings."""

    kind: str

    @classmethod
    def of(cls, kind: str, **settings: object) -> Self:
        """A section with the default of every setting that is not given."""
        return cls._variant(kind)(kind=kind, **settings)

    @classmethod
    def read(cls, given: object, info: ValidationInfo, *, at: str = "") -> Self:
        """A section as a file has it: a table, or only the name.

        Args:
            given: What the file has.
            info: Of the field.
            at: Where it stands, for messages; the name of the field if not given.

        Raises:
            PydanticCustomError: It is neither, there is no such name, or settings are not accepted.
        """
        if isinstance(given, cls):
            return given
        at = at or info.field_name or ""
        table = {"kind": given} if isinstance(given, str) else given
        if not isinstance(table, Mapping):
            raise _refused(at, f"must be a table or a name, not {json.dumps(given)}")
        kind = table.get("kind", cls.default())
        if not isinstance(kind, str):
            said = "is missing" if kind is None else f"must be text, not {json.dumps(kind)}"
            raise _refused(f"{at}.kind", f"{said}; it must be {cls._accepted()}")
        try:
            variant = cls._variant(kind, (info.context or {}).get(FOLDER))
        except ConfigError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise _refused(f"{at}.kind", f"{error.message}{hint}") from error
        try:
            text = json.dumps({**table, "kind": kind}, default=str)
            return variant.model_validate_json(text, context=info.context)
        except ValidationError as error:
            found = faults(error, variant, at=at)
        except ConfigError as error:  # a dataclass of options refuses its values
            found = refused_values(variant, table, at=at) or (f"{at}: {error.message}",)
        raise PydanticCustomError(NESTED, "{faults}", {"faults": found})

    @classmethod
    def default(cls) -> str | None:
        """The name that is chosen where none is given."""
        field = cls.model_fields["kind"]
        return None if field.is_required() else str(field.default)

    @property
    def options(self) -> dict[str, Any]:
        """The settings that are options of the name."""
        own = self.section().model_fields
        return {name: getattr(self, name) for name in type(self).model_fields if name not in own}

    @classmethod
    def section(cls) -> type[Choice]:
        """The class of sections, without options of a name."""
        return next(base for base in cls.__mro__ if "OF" in vars(base))

    def files(self, label: str, folder: Path) -> dict[str, Path]:
        """Files and folders whose contents count, by a name that begins with the label."""
        found = {}
        if is_python_name(self.kind):
            found[label] = parse(self.kind, folder=folder).path
        for option in self._paths():
            found[f"{label}.{option}"] = (folder / getattr(self, option)).resolve()
        return found

    def placed(self, folder: Path) -> Self:
        """The section with absolute paths of its data, as a run keeps it."""
        return self.model_copy(
            update={name: (folder / getattr(self, name)).resolve() for name in self._paths()}
        )

    def portable(self) -> Self:
        """The section as far as results depend on it: of files their names, not their places."""
        return self.model_copy(
            update={name: Path(getattr(self, name).name) for name in self._paths()}
        )

    def make(self, label: str, inputs: Mapping[str, Path], **given: object) -> object:
        """What the name makes with the options.

        Args:
            label: As for :meth:`files`.
            inputs: The files, by name.
            **given: Values of the parameters that are no settings.

        Raises:
            ConfigError: Something of the user's own cannot be made.
        """
        options = self.options
        options |= {name: inputs[f"{label}.{name}"] for name in self._paths()}
        name = self.kind
        if label in inputs:
            name = f"{inputs[label]}:{parse(self.kind).attribute}"
        try:
            return make(self.OF, name, options, **given)
        except (TypeError, ValueError, RuntimeError, AttributeError, LookupError) as error:
            if label not in inputs:
                raise
            raise ConfigError(
                f'{label} "{self.kind}" cannot be made: {type(error).__name__}: {error}'
            ) from error

    def require_made(self) -> Self:
        """Return self if the name makes something of these options, which need no file.

        Raises:
            PydanticCustomError: It does not; every sentence begins with the name of an option.
        """
        try:
            self.make("", {})
        except ConfigError as error:
            found = error.faults
            raise PydanticCustomError(NESTED, "{faults}", {"faults": found}) from error
        return self

    def _paths(self) -> tuple[str, ...]:
        names = set(file_options(type(self)))
        return tuple(name for name in self.options if name in names and getattr(self, name))

    @classmethod
    def _accepted(cls) -> str:
        names = ", ".join(f'"{name}"' for name in entries(cls.OF))
        return f'{names} or "FILE.py:NAME"'

    @classmethod
    def _variant(cls, kind: str, folder: Path | None = None) -> type[Self]:
        """The class with the options of a name.

        Raises:
            ConfigError: There is no such name, or its file cannot be run.
        """
        if is_python_name(kind) or ".py" in kind:
            found = parse(kind, folder=folder)
            return _combined(cls, str(found), load(found.path).__name__)
        if kind not in entries(cls.OF):
            near = closest(kind, tuple(entries(cls.OF)))
            raise ConfigError(f'must be {cls._accepted()}, not "{kind}"{near}')
        return _combined(cls, kind, "")


@cache
def _combined(section: type[Any], name: str, content: str) -> type[Any]:
    """A class of sections with the options of a name; another content is another class."""
    try:
        options = options_of(section.OF, name, given=section.GIVEN)
    except ModuleNotFoundError as error:
        package = str(error.name)
        raise MissingExtra("train", package=package, purpose=f'"{name}"') from error
    if "kind" in options.model_fields:
        raise ConfigError(f'"{name}" must not have a parameter "kind"')
    return create_model(section.__name__, __base__=(section, options), __module__=__name__)


def _refused(at: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError(NESTED, "{faults}", {"faults": (f"{at} {sentence}",)})


def name_of(kind: str) -> Callable[[str | None, ValidationInfo], str | None]:
    """What checks a setting that is a name of a kind, or ``"FILE.py:NAME"``."""

    def check(name: str | None, info: ValidationInfo) -> str | None:
        if name is None:
            return name
        try:
            if is_python_name(name):
                lookup(parse(name, folder=(info.context or {}).get(FOLDER)))
            elif name not in entries(kind):
                known = tuple(entries(kind))
                accepted = ", ".join(f'"{one}"' for one in known)
                raise ValueError(
                    f'must be {accepted} or "FILE.py:NAME", not "{name}"{closest(name, known)}'
                )
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return name

    return check


def reader(section: type[Choice]) -> Callable[[object, ValidationInfo], object]:
    """What checks a field that holds such a section."""

    def read(given: object, info: ValidationInfo) -> object:
        return section.read(given, info)

    return read


def reader_of_several(section: type[Choice]) -> Callable[[object, ValidationInfo], object]:
    """What checks a field that holds an array of such sections."""

    def read(given: object, info: ValidationInfo) -> object:
        at = info.field_name or ""
        if not isinstance(given, list | tuple):
            raise _refused(at, f"must be an array of tables or names, not {json.dumps(given)}")
        return tuple(
            section.read(item, info, at=f"{at}[{place}]") for place, item in enumerate(given)
        )

    return read
