from typing import Annotated

import pytest
from pydantic import PlainValidator, ValidationError

from netwright.backends import Backend, hls, rtl
from netwright.backends.rtl import part_names
from netwright.compress.compressors import BudgetOptions
from netwright.compress.plan import LARGEST_BITS, SMALLEST_WEIGHT_BITS
from netwright.errors import ConfigError
from netwright.flows.choice import Choice, reader
from netwright.flows.sections import (
    CompressSection,
    HlsSection,
    RtlSection,
    SocSection,
    TablesSection,
    TaskSection,
)
from netwright.settings import Settings, check


def refused(section: type[Choice], **settings: object) -> str:
    class File(Settings):
        part: Annotated[Choice, PlainValidator(reader(section))]

    with pytest.raises(ConfigError) as caught:
        check({"part": settings}, File, source="flow")
    return caught.value.message.removeprefix("flow: ")


def test_widths_are_those_that_the_layers_accept() -> None:
    budget = BudgetOptions(limit=1.0)
    widths = (SMALLEST_WEIGHT_BITS, LARGEST_BITS)
    assert CompressSection.of("hawq", weight_bits=widths, budget=budget).options["weight_bits"]
    for width in (SMALLEST_WEIGHT_BITS - 1, LARGEST_BITS + 1):
        said = refused(CompressSection, weight_bits=[width], budget={"limit": 1.0})
        assert said.startswith("part.weight_bits[0] must be at ")


def test_sections_are_strict_and_frozen() -> None:
    assert refused(TaskSection, rows="20") == 'part.rows must be an integer, not "20"'
    assert "part.reuse_factor" in refused(HlsSection, reuse_factor=True)
    with pytest.raises(ValidationError):
        TaskSection.of("jets").rows = 3


def test_parts_are_those_of_the_backend() -> None:
    for part in part_names():
        made = RtlSection.of("rtl", part=part, compare_parts=(part,))
        assert made.options["part"] == part
    assert refused(RtlSection, part="xcup", route=True) == (
        'part.route must be false for part "xcup": no open tool places and routes it; '
        "parts that can be routed: ecp5-85k, ecp5-85k-dsp"
    )
    assert refused(RtlSection, part="xc7z020") == (
        'part.part must be "ecp5-85k" or "ecp5-85k-dsp" or "xcup", not \'xc7z020\''
    )
    assert refused(RtlSection, compare_parts=["xc7"]) == (
        'part.compare_parts must name ecp5-85k or ecp5-85k-dsp or xcup, not "xc7"'
    )


def test_other_depths_are_routed_or_refused() -> None:
    assert RtlSection.of("rtl", route=True, depths=(1, 4)).depths == (1, 4)
    assert refused(RtlSection, depths=[1, 4]) == (
        "part.depths must be empty, or route true: every depth is routed"
    )
    assert refused(RtlSection, route=True, depths=[1], shared={"lanes": 2}) == (
        "part.depths must be empty: a shared accelerator has registers of its own"
    )


def test_what_a_chip_refuses_begins_with_the_name_of_a_setting() -> None:
    both = {"shared": {"dsp": True}, "reuse_factor": 3, "adders_per_stage": 3}
    assert refused(SocSection, network=both).splitlines() == [
        "3 settings are not accepted",
        "  part.network.reuse_factor must be left out: a shared accelerator has none",
        "  part.network.adders_per_stage must be left out, not 3: a shared accelerator has "
        "registers of its own",
        "  part.network.shared.dsp needs a part that is mapped with multipliers of its own, "
        '"ecp5-85k-dsp", not "ecp5-85k"',
    ]


def test_parts_for_which_registers_cannot_be_placed_are_refused() -> None:
    given = {"part": "ecp5-85k", "latency_cycles": 2, "table_sums": "auto"}
    assert refused(RtlSection, **given) == (
        'part.compare_parts must leave out "xcup", of which no delays are known: table_sums "auto" '
        "makes other Verilog for it, and latency_cycles needs them"
    )
    made = RtlSection.of("rtl", **given, compare_parts=("ecp5-85k-dsp",))
    assert made.options.items() >= given.items()


def test_tables_need_a_width_for_every_layer() -> None:
    assert TablesSection().rtl.route
    with pytest.raises(ValidationError, match="bits must hold 3 widths, one for the input"):
        TablesSection(hidden=(4, 4))


def test_tables_have_shares_or_a_budget_and_wider_inputs() -> None:
    assert TablesSection(luts=900.0, input_bits=7).luts == 900.0
    with pytest.raises(ValidationError, match="luts says what stays: leave out edges and fine"):
        TablesSection(luts=900.0, edges=0.5)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        TablesSection(lut_price=1.5)
    with pytest.raises(ValidationError, match="input_bits must be more than the 6 bits"):
        TablesSection(input_bits=6)


@pytest.mark.parametrize(
    ("section", "backend"), [(HlsSection.of("hls"), hls()), (RtlSection.of("rtl"), rtl())]
)
def test_names_and_defaults_are_those_of_the_backends(
    section: HlsSection | RtlSection, backend: Backend
) -> None:
    assert section.make("", {}) == backend
    assert section.options == {name: getattr(backend, name) for name in section.options}
