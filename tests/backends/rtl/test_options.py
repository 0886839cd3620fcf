from dataclasses import replace
from typing import Any

import pytest

from netwright.backends import RtlBackend, SharedOptions, rtl
from netwright.errors import ConfigError


def test_every_faulty_option_is_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(part="xc7", clock_mhz=0.0, adders_per_stage=0, max_operations=0)
    assert str(caught.value) == (
        'part must be "ecp5-85k" or "ecp5-85k-dsp" or "xcup", not \'xc7\'; '
        "clock_mhz must be from 1 to 100000 megahertz, not 0.0; "
        "adders_per_stage must be 1 or more, or None, not 0; "
        "max_operations must be 1 or more, not 0"
    )


def test_registers_are_placed_by_delays_or_by_adders() -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(part="xcup", adders_per_stage=3, latency_cycles=-1, reuse_factor=2)
    assert str(caught.value) == (
        "latency_cycles must be from 0 to 1000, or None, not -1; "
        "latency_cycles belongs to unrolled networks without reuse_factor; "
        "adders_per_stage must be left out, not 3: latency_cycles places the registers; "
        'latency_cycles needs a part with known delays, "ecp5-85k" or "ecp5-85k-dsp", not "xcup"'
    )


def test_a_backend_of_changed_options_is_one_with_these_options() -> None:
    changed = RtlBackend.of(replace(rtl(part="xcup"), adders_per_stage=5))
    assert changed == rtl(part="xcup", adders_per_stage=5)


def test_the_record_holds_every_option() -> None:
    assert rtl(reuse_factor={"fc1": 4}, weights="loadable").record == {
        "part": "ecp5-85k",
        "clock_mhz": 200.0,
        "adders_per_stage": 2,
        "latency_cycles": None,
        "pack_inputs": True,
        "max_operations": rtl().max_operations,
        "reuse_factor": {"fc1": 4},
        "weights": "loadable",
        "weight_bits": None,
        "bias_bits": None,
        "chip": None,
        "shared": None,
    }


@pytest.mark.parametrize(
    "name", ["adders_per_stage", "latency_cycles", "max_operations", "weight_bits", "bias_bits"]
)
@pytest.mark.parametrize("value", [1.5, "2", float("nan"), True])
def test_numbers_that_are_not_whole_are_refused(name: str, value: object) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} must be .*, not {value!r}"):
        rtl(weights="loadable" if name.endswith("bits") else "fixed", **options)


@pytest.mark.parametrize("part", ["ecp5-85k", "xcup"])
def test_products_are_not_left_to_multipliers_that_the_part_is_mapped_without(part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(part=part, shared=SharedOptions(dsp=True))
    assert caught.value.message == (
        "shared.dsp needs a part that is mapped with multipliers of its own, "
        f'"ecp5-85k-dsp", not "{part}"'
    )
    assert rtl(part="ecp5-85k-dsp", shared=SharedOptions(dsp=True)).shared is not None
