"""Claims of ``pim-gpt.toml`` about other processors: one is measured, the others are not here."""

from __future__ import annotations

import os
import time
import warnings

from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted
from netwright.studies.pim_gpt_tokens import (
    MACHINE,
    MEASURED_TOKENS,
    SMALLEST,
    Setting,
    simulated,
)

ROUNDS = 7


def cpu_token(context: Context) -> Finding:
    """Milliseconds of this processor."""
    own, wall = measured_seconds()
    ours = 1e6 * simulated(Setting(SMALLEST, MEASURED_TOKENS)).seconds
    load = os.getloadavg()[0]
    remark = (
        f"1 thread, wall {1e3 * wall:.0f} ms at a load of {load:.1f}; simulated on {MACHINE}, for "
        f"comparison: {ours:.0f} us"
    )
    return Finding(Quantity(1e3 * own, "ms", "processor time of torch", "measured"), remark)


def gpu_speedup(context: Context) -> NotAttempted:
    """No such processor is here."""
    return NotAttempted("needs an NVIDIA T4")


def cpu_speedup(context: Context) -> NotAttempted:
    """No such processor is here."""
    return NotAttempted("needs a Xeon Gold 6154; cpu-token measures the processor that is here")


def measured_seconds() -> tuple[float, float]:
    """Processor time and wall time of a token of the smallest network, the least of some rounds."""
    import torch

    from netwright.models import published

    module, inputs = published.build("gpt2_decode")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the package that defines the network
            for _ in range(ROUNDS):
                wall, own = time.perf_counter(), time.thread_time()
                module(*inputs)
                times.append((time.thread_time() - own, time.perf_counter() - wall))
    finally:
        torch.set_num_threads(threads)
    return min(own for own, _ in times), min(wall for _, wall in times)
