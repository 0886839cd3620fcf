"""Functions that check the claims in ``pim-gpt.toml``, one for each id."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from netwright import arch
from netwright.studies import Context, Finding
from netwright.studies.pim_gpt_baseline import (  # noqa: F401  claims, too
    cpu_speedup,
    cpu_token,
    gpu_speedup,
)
from netwright.studies.pim_gpt_checks import (  # noqa: F401  claims, too
    channels_alike,
    closed_form,
    traces_legal,
)
from netwright.studies.pim_gpt_decoder import (  # noqa: F401  claims, too
    layout_exact,
    perplexity,
    series_bounded,
    unit_exact,
)
from netwright.studies.pim_gpt_tokens import (
    CHANNELS,
    CONTEXTS,
    HELD,
    LARGEST,
    MACHINE,
    RULES,
    SMALLEST,
    Setting,
    eight,
    modelled,
    simulated,
)
from netwright.workload import DECODERS


def bytes_bound(context: Context) -> Finding:
    """Time over that of the bytes alone."""
    bandwidth = arch.find(MACHINE).figures["banks.bandwidth"].value
    ratios = {n: t.seconds * bandwidth / t.bank_bytes for n, t in eight(context.profile)}
    return Finding(modelled(min(ratios.values()), "x"), _each(ratios, ".2f"))


def row_hits(context: Context) -> Finding:
    """Columns whose row was open."""
    hits = {name: 100 * token.row_hits for name, token in eight(context.profile)}
    return Finding(modelled(fmean(hits.values()), "%"), _each(hits, ".2f"))


def traffic_cut_least(context: Context) -> Finding:
    """Bytes at the units over bytes at the pins."""
    cuts = _cuts(context)
    return Finding(modelled(min(cuts.values()), "x"), _each(cuts, ".0f"))


def traffic_cut_most(context: Context) -> Finding:
    """The same, of the network with the largest."""
    cuts = _cuts(context)
    return Finding(modelled(max(cuts.values()), "x"), _each(cuts, ".0f"))


def other_work(context: Context) -> Finding:
    """Time of the host alone."""
    token = simulated(Setting(LARGEST))
    shares = {kind: 100 * spent / token.seconds for kind, spent in token.seconds_by.items()}
    held = simulated(Setting(LARGEST, rules=HELD))
    remark = (
        f"{_each(shares, '.2f')}, after {DECODERS[LARGEST].tokens} tokens; if the host held its "
        f"parameters: host {100 * held.seconds_by['host'] / held.seconds:.2f}"
    )
    return Finding(modelled(shares["host"], "%"), remark)


def slow_host(context: Context) -> Finding:
    """What a host of 100 MHz costs."""
    slower = {
        name: 100 * (simulated(Setting(name, host_mhz=100)).seconds / token.seconds - 1)
        for name, token in eight("full")
    }
    return Finding(modelled(max(slower.values()), "%"), _each(slower, ".0f"))


def channels(context: Context) -> Finding:
    """Speedup of most channels over one, as a share of their number."""
    times = {n: simulated(Setting(SMALLEST, channels=n)).seconds for n in CHANNELS}
    gained = {str(n): times[1] / own for n, own in times.items()}
    share = 100 * gained[str(CHANNELS[-1])] / CHANNELS[-1]
    return Finding(modelled(share, "%"), f"speedups {_each(gained, '.2f')}")


def context(context: Context) -> Finding:
    """Time after most tokens over that after fewest."""
    times = {str(n): 1e6 * simulated(Setting(LARGEST, n)).seconds for n in CONTEXTS}
    ratio = times[str(CONTEXTS[-1])] / times[str(CONTEXTS[0])]
    return Finding(modelled(ratio, "x"), f"us after tokens: {_each(times, '.0f')}")


def rules_pay(context: Context) -> Finding:
    """Time without a rule over that with all."""
    whole = simulated(Setting(SMALLEST)).seconds
    gains = {
        name: simulated(replace(Setting(SMALLEST), rules=rules)).seconds / whole
        for name, rules in RULES.items()
    }
    return Finding(modelled(min(gains.values()), "x"), f"without {_each(gains, '.3f')}, {SMALLEST}")


def _cuts(context: Context) -> dict[str, float]:
    return {name: token.bank_bytes / token.pin_bytes for name, token in eight(context.profile)}


def _each(values: dict[str, float], digits: str) -> str:
    return ", ".join(f"{name} {value:{digits}}" for name, value in values.items())
