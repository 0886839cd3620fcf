"""A backend with the options that were typed, whichever the registry names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from netwright.errors import ConfigError
from netwright.faults import closest

if TYPE_CHECKING:
    from netwright.backends import Backend


def make_backend(
    name: str,
    typed: Mapping[str, object],
    *,
    file: Path | None = None,
    assignments: Sequence[str] = (),
) -> Backend:
    """The backend of a name; every option that is not given has the backend's own default.

    Args:
        name: A name of the registry, or ``"FILE.py:NAME"``.
        typed: Options of the command line, ``None`` for those that were not typed.
        file: A TOML file with further options.
        assignments: Further options as ``name=value``.

    Raises:
        ConfigError: There is no such backend, it has no such option, or a value is not accepted.
    """
    from netwright.options import make, make_from, options_of
    from netwright.reading import read_toml
    from netwright.run.config import override
    from netwright.settings import check

    model = options_of("backends", name)
    given = {key: value for key, value in typed.items() if value is not None}
    for key in given:
        if key not in model.model_fields:
            raise ConfigError(
                f"--{key.replace('_', '-')} is no option of --backend {name}",
                hint=f"options of {name}: {', '.join(model.model_fields)}",
            )
    read = {} if file is None else read_toml(file)
    data = override({**read, **given}, assignments)
    unknown = [key for key in data if key not in model.model_fields]
    if assignments and unknown:
        near = closest(unknown[0], tuple(model.model_fields))
        raise ConfigError(
            f'--set: backend "{name}" has no option "{unknown[0]}"{near}',
            hint=f"options of {name}: {', '.join(model.model_fields)}",
        )
    if file is not None:
        return cast("Backend", make_from("backends", name, data, source=str(file)))
    settings = check(data, model, source=f"--backend {name}")
    chosen = {key: getattr(settings, key) for key in settings.model_fields_set}
    return cast("Backend", make("backends", name, chosen))
