import pytest
from pydantic import ValidationError

from netwright.backends import Backend, hls, rtl
from netwright.backends.rtl.options import PARTS
from netwright.compress.plan import LARGEST_BITS, SMALLEST_WEIGHT_BITS
from netwright.flows.sections import (
    CompressSection,
    HlsSection,
    RtlSection,
    TablesSection,
    TaskSection,
)


def test_widths_are_those_that_the_layers_accept() -> None:
    budget = {"limit": 1.0}
    CompressSection(weight_bits=(SMALLEST_WEIGHT_BITS, LARGEST_BITS), budget=budget)
    for width in (SMALLEST_WEIGHT_BITS - 1, LARGEST_BITS + 1):
        with pytest.raises(ValidationError):
            CompressSection(weight_bits=(width,), budget=budget)


def test_sections_are_strict_and_frozen() -> None:
    with pytest.raises(ValidationError):
        TaskSection(rows="20")
    with pytest.raises(ValidationError):
        HlsSection(reuse_factor=True)
    with pytest.raises(ValidationError):
        TaskSection().rows = 3


def test_parts_are_those_of_the_backend() -> None:
    for part in PARTS:
        assert RtlSection(part=part, compare_parts=(part,)).part == part
    with pytest.raises(ValidationError, match='route must be false for part "xcup"'):
        RtlSection(part="xcup", route=True)
    with pytest.raises(ValidationError, match="ecp5-85k"):
        RtlSection(part="xc7z020")


def test_other_depths_are_routed_or_refused() -> None:
    assert RtlSection(route=True, depths=(1, 4)).depths == (1, 4)
    with pytest.raises(ValidationError, match="depths must be empty, or route true"):
        RtlSection(depths=(1, 4))


def test_tables_need_a_width_for_every_layer() -> None:
    assert TablesSection().rtl.route
    with pytest.raises(ValidationError, match="bits must hold 3 widths, one for the input"):
        TablesSection(hidden=(4, 4))


@pytest.mark.parametrize(
    ("section", "backend", "of_the_flow"),
    [
        (HlsSection(), hls(), set()),
        (RtlSection(), rtl(), {"compare_parts", "route", "speed_grade", "depths"}),
    ],
)
def test_names_and_defaults_are_those_of_the_backends(
    section: HlsSection | RtlSection, backend: Backend, of_the_flow: set[str]
) -> None:
    settings = section.model_dump()
    assert {name for name in settings if not hasattr(backend, name)} == of_the_flow
    for name in settings.keys() - of_the_flow:
        assert settings[name] == getattr(backend, name), name
