"""Plant faults in generated files, one at a time: ``make planted``, or ``SHARE=0.05 make planted``.

All faults of nine tiny designs take about 1.5 hours of one core; a share of each design's is drawn
with the seed and said in the table. What became of a fault is kept in ``--log`` at once, so that
the same command goes on where it was ended; a fault of a file whose text is another one by now is
planted again. The exit code is 1 if a fault that changes an output was not noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
OUTCOMES = ("proof", "stimuli", "refused", "equivalent", "MISSED")


def known(log: Path) -> dict[str, str]:
    """Outcomes of earlier calls; a line that was not written whole is left out."""
    found = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
            found[entry["key"]] = entry["outcome"]
        except (json.JSONDecodeError, KeyError, TypeError):
            continue
    return found


def chosen(count: int, share: float, seed: int, name: str) -> list[int]:
    """The faults of a design that are planted: a share of them, drawn by chance, at least one."""
    wanted = min(count, max(1, math.ceil(count * share)))
    return sorted(Random(f"{seed}/{name}").sample(range(count), wanted))


def campaign(name: str, folder: Path, share: float, seed: int, log: Path) -> Counter[str]:
    """Plant the chosen faults of one design, those of the log excepted."""
    from tests.backends.planted import outcome, planted
    from tests.backends.planted_designs import DESIGNS

    design = DESIGNS[name](folder)
    found, done = planted(design), known(log)
    counts = Counter({"faults": len(found)})
    for number in chosen(len(found), share, seed, name):
        fault = found[number]
        text = (design.root / fault.file).read_bytes()
        key = f"{name}: {fault} in {hashlib.sha256(text).hexdigest()[:16]}"
        if key not in done:
            done[key] = outcome(design, fault)
            with log.open("a", encoding="utf-8") as lines:
                lines.write("\n" + json.dumps({"key": key, "outcome": done[key]}))
        counts[done[key]] += 1
        if done[key] == "MISSED":
            sys.stdout.write(f"MISSED {key}\n")
    return counts


def main() -> int:
    """Run the campaign and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of every design's faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="designs, separated by commas")
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "planted.jsonl")
    options = parser.parse_args()
    if not 0 < options.share <= 1:
        parser.error(f"--share must be above 0 and at most 1, not {options.share}")
    sys.path.insert(0, str(ROOT))
    from tests.backends.planted_designs import DESIGNS

    names = options.only.split(",") if options.only else list(DESIGNS)
    strange = sorted(set(names) - DESIGNS.keys())
    if strange:
        parser.error(f"--only must be of {', '.join(DESIGNS)}, not {', '.join(strange)}")
    options.log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{'design':18}{'faults':>8}{'planted':>9}{'share':>8}")
    sys.stdout.write("".join(f"{title:>12}" for title in OUTCOMES) + "\n")
    missed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            counts = campaign(name, Path(folder) / "out", options.share, options.seed, options.log)
        tried = sum(counts[title] for title in OUTCOMES)
        share = tried / counts["faults"]
        sys.stdout.write(f"{name:18}{counts['faults']:8}{tried:9}{share:8.1%}")
        sys.stdout.write("".join(f"{counts[title]:12}" for title in OUTCOMES) + "\n")
        sys.stdout.flush()
        missed += counts["MISSED"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
