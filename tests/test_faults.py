import json
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from netwright.faults import closest, faults, plain_faults, shown
from netwright.settings import Settings


class Circle(Settings):
    kind: Literal["circle"]
    radius: Annotated[float, Field(gt=0)]


class Square(Settings):
    kind: Literal["square"] = "square"
    side: Annotated[int, Field(lt=100)] = 1
    corner: Literal["round", "sharp"] = "sharp"


class Drawing(Settings):
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Square()
    frame: Square | None = None
    sizes: Annotated[tuple[int, ...], Field(min_length=1, max_length=3)] = (1,)

    @model_validator(mode="after")
    def _check_sizes(self) -> "Drawing":
        if sum(self.sizes) > 9:
            raise ValueError("sizes must add up to at most 9")
        return self


def found(text: str) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate_json(text)
    return faults(caught.value, Drawing)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"shape": {"kind": "circel"}}',
            'shape.kind must be "circle" or "square", not "circel"; did you mean "circle"?',
        ),
        ('{"shape": {}}', 'shape.kind is missing; it must be "circle" or "square"'),
        ('{"shape": 3}', "shape must be a table, not 3"),
        ('{"shape": {"kind": "circle"}}', "shape.radius is missing; it must be a number"),
        ('{"shape": {"kind": "circle", "radius": 0}}', "shape.radius must be above 0, not 0"),
        ('{"shape": {"kind": "square", "side": 100}}', "shape.side must be below 100, not 100"),
        (
            '{"shape": {"kind": "square", "sied": 1}}',
            'shape.sied is not a setting of [shape]; did you mean "side"?',
        ),
        (
            '{"frame": {"corner": "rund"}}',
            'frame.corner must be "round" or "sharp", not "rund"; did you mean "round"?',
        ),
        ('{"frame": 3}', "frame must be a table, not 3"),
        ('{"sizes": []}', "sizes must hold at least 1 value, not 0"),
        ('{"sizes": [1, 2, 3, 4]}', "sizes must hold at most 3 values, not 4"),
        ('{"sizes": [5, 5]}', "sizes must add up to at most 9"),
        ("[]", "the file must be a table, not []"),
    ],
)
def test_sentence_names_place_accepted_and_given(text: str, sentence: str) -> None:
    assert found(text) == (sentence,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "a is missing"),
        ('{"a": [1, "x"]}', 'a.1 must be an integer, not "x"'),
        ('{"a": [], "b": 2}', "b is not known"),
        ("[]", "the file must be a table, not []"),
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
        (json.dumps({"a": ["x"] * 7}), "; ".join(
            f'a.{i} must be an integer, not "x"' for i in range(5)) + "; and 2 more"),
    ],
)  # fmt: skip
def test_faults_of_data_without_settings(text: str, sentence: str) -> None:
    class Record(BaseModel):
        model_config = ConfigDict(extra="forbid")
        a: list[int]

    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Record).validate_json(text)
    assert plain_faults(caught.value) == sentence


def test_closest_stays_silent_when_nothing_is_near() -> None:
    assert closest("zzz", ("alpha", "beta")) == ""


def test_long_values_are_cut() -> None:
    assert shown(list(range(100))) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..."


@dataclass(frozen=True)
class Pen:
    kinds: ClassVar[int] = 2

    width: int = 1
    color: str = "black"


class Picture(Settings):
    pen: Pen | None = None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"pen": {"widht": 2}}', 'pen.widht is not a setting of [pen]; did you mean "width"?'),
        ('{"pen": {"x": 2}}', "pen.x is not a setting of [pen]; accepted: width, color"),
        ('{"pen": 5}', "pen must be a table, not 5"),
        ('{"pen": {"width": "a"}}', 'pen.width must be an integer, not "a"'),
    ],
)
def test_options_that_are_a_dataclass_are_named_like_others(text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Picture.model_validate_json(text)
    assert faults(caught.value, Picture) == (sentence,)


def test_what_a_file_says_makes_no_lines_of_its_own():
    class Named(BaseModel):
        name: Literal["a"]

    with pytest.raises(ValidationError) as caught:
        Named.model_validate({"name": "b\nverdict: holds"})
    (fault,) = faults(caught.value, Named)
    assert "\n" not in fault
    assert "b\\nverdict" in fault
