"""What the policy of the study ``tbsac`` is in few bits and in Verilog."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from netwright import backends
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, percent
from netwright.studies.tbsac_policies import MACHINES, plants, policies, quantize, run, simulated
from netwright.verify import InLoop

BITS = (8, 6, 4)
REUSE = {"front_narrow": 12, "front_middle": 24, "front_wide": 36, "body_0": 432, "body_2": 512,
         "head": 128}  # fmt: skip
SOURCE = f"{MACHINES} machines of the affine plant"


def quantized(context: Context) -> Finding:
    """The policy of the first seed."""
    chosen = policies(context, "policy")[0]
    found, told = {}, []
    for bits in BITS:
        graph = quantize(context, chosen, bits)
        episodes = [run(InLoop(graph), plant) for plant in plants()]
        found[bits] = fmean(e.share_below(1.0) for e in episodes)
        steps = fmean(e.mean_steps for e in episodes)
        told.append(f"{bits} bits {100 * found[bits]:.1f} % in {steps:.2f} steps")
    return Finding(simulated(percent([min(found.values())], SOURCE)), ", ".join(told))


def in_the_loop(context: Context) -> Finding:
    """Six bits, products spread over clocks, simulated."""
    return _decided(context, backends.rtl(reuse_factor=REUSE), "simulated Verilog")


def in_the_chip(context: Context) -> Finding:
    """The same network beside a RISC-V core; observations come over SPI, actions leave by UART."""
    chips = backends.soc(spi_lanes=4, network=backends.rtl(reuse_factor=REUSE))
    return _decided(context, chips, "simulated chip")


def _decided(
    context: Context, backend: backends.RtlBackend | backends.SocBackend, source: str
) -> Finding:
    """What hardware of six bits decides on all machines, each decision compared."""
    graph = quantize(context, policies(context, "policy")[0], 6)
    with TemporaryDirectory() as folder:
        decide = InLoop(graph, backend.generate(graph, Path(folder) / "policy"))
        episodes = [run(decide, plant) for plant in plants()]
    different = decide.rows - decide.identical
    below = fmean(e.share_below(1.0) for e in episodes)
    told = f"{decide.rows} decisions on {MACHINES} machines, {100 * below:.1f} % below 1 mm"
    return Finding(Quantity(different, "", source, "simulated"), told)
