"""Settings written back as TOML, so that a run folder holds what was really used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from netwright.escape import toml_key, toml_string


def dump(settings: BaseModel) -> str:
    """`settings` as TOML text with all defaults filled in; those that are ``None`` are left out.

    Example:
        >>> from netwright.settings import Settings
        >>> class Train(Settings):
        ...     epochs: int = 20
        >>> print(dump(Train()), end="")
        epochs = 20
    """
    return "\n".join(_table(settings.model_dump(mode="json"), ())).lstrip("\n") + "\n"


def _table(table: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    plain = {k: v for k, v in table.items() if v is not None and not isinstance(v, dict)}
    inner = {k: v for k, v in table.items() if isinstance(v, dict)}
    if path and (plain or not inner):
        yield f"\n[{'.'.join(map(toml_key, path))}]"
    for name, value in plain.items():
        yield f"{toml_key(name)} = {_value(value)}"
    for name, value in inner.items():
        yield from _table(value, (*path, name))


def _value(value: object) -> str:
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        body = ", ".join(f"{toml_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {body} }}"
    return repr(value)
