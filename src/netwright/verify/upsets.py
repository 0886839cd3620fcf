"""Upset campaigns: lists of upsets tried one by one, remembered piece by piece, and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.radiation import Hardened
from netwright.backends.rtl.radiation.compiled import CompiledUpsets, Effect
from netwright.backends.rtl.radiation.flips import Flips, caught, doubles, named, sampled, sites
from netwright.backends.rtl.radiation.ports import Words
from netwright.progress import Progress, silent
from netwright.records import Record, append_record, read_records

PIECE = 2048
"""Upsets that are tried between two lines of the log."""

EXAMPLES = 5
"""Upsets with wrong outputs that are named for each list."""

HELD = ("configuration", "state", "pointer")
"""Roles of registers that a wrong bit stays in, if nobody heals it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the upsets of one list did.

    Attributes:
        name: Name of the list.
        upsets: How many were tried.
        at_once: After how many an output was wrong in the clock of the upset.
        later: After how many an output was wrong in a later clock.
        unhealed: After how many a flip-flop was wrong one clock later.
        lasting: After how many a flip-flop was wrong after the last clock.
        examples: Some upsets after which an output was wrong later.
    """

    name: str
    upsets: int
    at_once: int
    later: int
    unhealed: int
    lasting: int
    examples: tuple[str, ...] = ()


def upset_lists(
    hardened: Hardened,
    *,
    samples: int = 1000,
    seed: int = 0,
    roles: Sequence[str] = HELD,
) -> dict[str, Flips]:
    """The upsets of a whole campaign.

    Every single upset of the registers with these roles, and samples: of single upsets of all other
    registers, of two copies of one bit, of all three (a transient in the voter or in the logic
    before it, at a clock edge), and of two bits at the same time.

    Args:
        hardened: The design.
        samples: Upsets in each sample.
        seed: Seed of the samples.
        roles: Roles of the registers that are tried one by one.
    """
    present = {flop.role for flop in hardened.flops}
    lists = {f"single, {role}": sites(hardened, (role,)) for role in roles if role in present}
    others = tuple(sorted(present - set(roles)))
    if others:
        lists[f"single, {' and '.join(others)}"] = sampled(
            hardened, samples, seed=seed, roles=others
        )
    held = [role for role in roles if role in present]
    if any(flop.voted for flop in hardened.flops):
        lists["double, same triplet"] = doubles(hardened, samples, seed=seed, same_triplet=True)
        lists["caught by all three copies"] = caught(hardened, samples, seed=seed)
    if sum(flop.bits for flop in hardened.flops if flop.role in held) > 1:
        lists["double, two bits"] = doubles(
            hardened, samples, seed=seed, same_triplet=False, roles=held
        )
    return lists


def campaign(
    moment: CompiledUpsets,
    rows: Words,
    lists: Mapping[str, Flips],
    *,
    log: str | Path | None = None,
    progress: Progress = silent,
) -> tuple[Tried, ...]:
    """Try lists of upsets at one moment of a design.

    A finished piece is a line of the log and is not tried again by the same call with the same
    design, moment and rows.

    Args:
        moment: The design at the moment of the upsets.
        rows: Words of its inputs from the clock of the upset on, (clocks, words).
        lists: Upsets by name of the list.
        log: JSON-lines file of finished pieces.
        progress: Told of every piece.

    Raises:
        DataError: The rows do not fit the design.
        RunError: The log cannot be read or written.
    """
    log = None if log is None else Path(log)
    done = read_records(log)
    total = sum(map(len, lists.values()))
    base = _base(moment, rows)
    tried, results = 0, []
    for name, upsets in lists.items():
        records = []
        for start in range(0, len(upsets), PIECE):
            piece = upsets[start : start + PIECE]
            key = hashlib.sha256(f"{base}{name}".encode() + piece.tobytes()).hexdigest()
            if key not in done:
                record = _try(moment, rows, piece)
                append_record(log, key, record)
                done[key] = record
            records.append(done[key])
            tried += len(piece)
            progress(tried, total, f"{name}: {done[key]['later']} wrong later")
        results.append(joined(name, [_piece(name, record) for record in records]))
    return tuple(results)


def _base(moment: CompiledUpsets, rows: Words) -> str:
    """What all pieces depend on: design, registers at the moment, what follows."""
    parts = digest_of(moment.hardened.sources), sorted(moment.state().items())
    return hashlib.sha256(repr(parts).encode() + rows.tobytes()).hexdigest()


def _try(moment: CompiledUpsets, rows: Words, piece: Flips) -> Record:
    effects = moment.run(rows, piece).effects
    wrong = np.flatnonzero(effects & Effect.OUTPUT_LATER)[:EXAMPLES]
    texts = (
        " and ".join(f"{site.bit}/{site.copy}" for site in named(moment.hardened, piece[number]))
        for number in wrong
    )

    def count(effect: Effect) -> int:
        return int(np.count_nonzero(effects & effect))

    return {
        "upsets": len(piece),
        "at_once": count(Effect.OUTPUT_AT_ONCE),
        "later": count(Effect.OUTPUT_LATER),
        "unhealed": count(Effect.REGISTER_NEXT),
        "lasting": count(Effect.REGISTER_LAST),
        "examples": "; ".join(texts),
    }


def joined(name: str, parts: Sequence[Tried]) -> Tried:
    """Several lists, or pieces of one, as one."""
    return Tried(
        name,
        sum(part.upsets for part in parts),
        sum(part.at_once for part in parts),
        sum(part.later for part in parts),
        sum(part.unhealed for part in parts),
        sum(part.lasting for part in parts),
        tuple(text for part in parts for text in part.examples)[:EXAMPLES],
    )


def _piece(name: str, record: Record) -> Tried:
    """A piece as it was remembered."""
    counts = (int(record[f]) for f in ("upsets", "at_once", "later", "unhealed", "lasting"))
    upsets, at_once, later, unhealed, lasting = counts
    examples = tuple(text for text in str(record["examples"]).split("; ") if text)
    return Tried(name, upsets, at_once, later, unhealed, lasting, examples)
