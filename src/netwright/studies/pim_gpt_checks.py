"""Claims of ``pim-gpt.toml`` about the simulator itself."""

from __future__ import annotations

from netwright import arch
from netwright.cost import events
from netwright.mapping import place
from netwright.studies import Context, Finding
from netwright.studies.pim_gpt_tokens import (
    MACHINE,
    SMALLEST,
    SMOKE_TOKENS,
    modelled,
    settings,
    simulated,
)
from netwright.workload import Builder, decoder

SHAPES = ((16, 1), (64, 128), (100, 300), (768, 3072), (1024, 1024), (1024, 4096))


def closed_form(context: Context) -> Finding:
    """Shapes whose product does not take what the formula says."""
    machine = arch.find(MACHINE)
    dram, differing = machine.memories[0].dram, 0
    assert dram is not None
    for inputs, outputs in SHAPES:
        b = Builder("product", bits=16)
        workload = b.finish(b.linear(b.input((1, 1, inputs)), outputs))
        done = events.execute(workload, machine, place(workload, machine), refresh=False)
        columns, vectors = -(-inputs // 16), -(-outputs // (dram.channels * dram.banks))
        differing += done.outcome.cycles != events.product_cycles(
            dram, columns=columns, vectors=vectors
        )
    return Finding(modelled(differing, "shapes"), f"{len(SHAPES)} shapes")


def channels_alike(context: Context) -> Finding:
    """Stages of a token that differ where all channels are simulated."""
    machine, workload = arch.find(MACHINE), decoder(SMALLEST, tokens=SMOKE_TOKENS)
    mapping = place(workload, machine)
    few = events.execute(workload, machine, mapping)
    every = events.execute(workload, machine, mapping, trace=True)
    pairs = zip(few.counts, every.counts, strict=True)
    differing = sum(ours != theirs for ours, theirs in pairs)
    return Finding(modelled(differing, "stages"), f"{len(few.counts)} stages, {SMALLEST}")


def traces_legal(context: Context) -> Finding:
    """Violations in the commands of every token."""
    found = [simulated(setting) for setting in settings(context.profile)]
    wrong = [text for token in found for text in token.violations]
    commands = sum(token.commands for token in found)
    remark = f"{commands} commands of {len(found)} tokens, one channel of each kind"
    return Finding(modelled(len(wrong), "violations"), "; ".join([remark, *wrong[:1]]))
