import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from netwright.run.toml import dump
from netwright.settings import Settings

number = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)


class Inner(Settings):
    text: str = ""
    numbers: tuple[int | float, ...] = ()
    flags: dict[str, bool] = Field(default_factory=dict)
    missing: int | None = None


class Outer(Settings):
    title: str = "t"
    inner: Inner = Inner()
    rows: tuple[Inner, ...] = ()
    path: Path = Path("a")


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    numbers=st.lists(number),
    flags=st.dictionaries(st.text("ab .é\"'"), st.booleans()),
)
def test_dump_is_read_back_as_equal(
    text: str, numbers: list[int | float], flags: dict[str, bool]
) -> None:
    inner = Inner(text=text, numbers=tuple(numbers), flags=flags)
    settings = Outer(title=text, inner=inner, rows=(inner, inner))
    expected = settings.model_dump(mode="json", exclude_none=True)
    assert tomllib.loads(dump(settings)) == expected


def test_dump_layout() -> None:
    assert dump(Outer(inner=Inner(numbers=(1, 2)))) == (
        'title = "t"\nrows = []\npath = "a"\n\n[inner]\ntext = ""\nnumbers = [1, 2]\n\n'
        "[inner.flags]\n"
    )
