"""Overhead of a trial beside Optuna's storages, proposers beside each other, Ray beside the pool.

Usage: ``python -m benchmarks.explore [--trials 400] [--seeds 3] [--only storage|proposers|ray]``

What is compared runs in turns within one process, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from netwright.errors import MissingExtra
from netwright.explore import (
    Choice,
    Constraint,
    Function,
    Goal,
    Here,
    Job,
    Limits,
    Pool,
    Proposer,
    Random,
    Search,
    Space,
    Whole,
    Work,
    result_digest,
)
from netwright.explore.proposers.evolution import Evolution
from netwright.explore.proposers.policy import Policy

DECISIONS = 20


def toy_space() -> Space:
    """Twenty decisions: two networks of seven, two arrays of three (as in NASAIC's space)."""
    parameters: list[Choice | Whole] = []
    for net in "ab":
        parameters += [Choice(name=f"{net}{i}", values=(8, 16, 32, 64), ordered=True)
                       for i in range(4)]  # fmt: skip
        parameters += [Whole(name=f"{net}skip{i}", low=0, high=2) for i in range(3)]
    for array in "xy":
        parameters += [
            Choice(name=f"{array}flow", values=("weight", "output", "row")),
            Whole(name=f"{array}pes", low=64, high=2048, step=64),
            Whole(name=f"{array}band", low=8, high=64, step=8),
        ]
    return Space(
        parameters=tuple(parameters),
        goals=(Goal(value="accuracy", direction="maximize"),),
        constraints=tuple(
            Constraint(rule=rule)
            for rule in ("xpes + ypes <= 2560", "latency <= 0.5", "energy <= 0.6", "area <= 0.55")
        ),
    )


FITS: Mapping[tuple[str, str], float] = {
    ("a", "weight"): 1.0, ("a", "output"): 1.6, ("a", "row"): 1.3,
    ("b", "weight"): 1.7, ("b", "output"): 1.0, ("b", "row"): 1.2,
}  # fmt: skip


def toy(settings: Mapping[str, Any]) -> dict[str, float]:
    """Analytic stand-in: larger networks are better and cost more, arrays suit one network each."""
    accuracy = latency = energy = 0.0
    for net, array in (("a", "x"), ("b", "y")):
        width = [settings[f"{net}{i}"] for i in range(4)]
        skips = [settings[f"{net}skip{i}"] for i in range(3)]
        macs = sum(w * w * (1 + s) for w, s in zip(width[:3], skips, strict=True)) + width[3] ** 2
        gain = sum(np.log2(w / 4) for w in width) / 16 + 0.03 * sum(skips)
        accuracy += 0.5 * (1 - np.exp(-2.2 * gain))
        fit = FITS[net, settings[f"{array}flow"]]
        compute = macs * fit / settings[f"{array}pes"] / 8
        latency = max(latency, compute, macs / settings[f"{array}band"] / 512)
        energy += macs * fit / 32768 + settings[f"{array}pes"] / 16384
    area = (settings["xpes"] + settings["ypes"]) / 4096 + (
        settings["xband"] + settings["yband"]
    ) / 512
    return {"accuracy": accuracy, "latency": latency, "energy": energy, "area": area}


def storage(trials: int, folder: Path) -> None:
    """Seconds a trial for the same random trials, on this disk, in turns."""
    import optuna
    from sqlalchemy import event

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = toy_space()
    search = Search(space, Function(toy), Random(), batch=8)
    with_nothing = time.perf_counter()
    search.run(trials=trials)
    bare = (time.perf_counter() - with_nothing) / trials

    few = max(3, trials // 20)

    def ours(place: Path) -> float:
        return _seconds(lambda: search.run(trials=trials, folder=place)) / trials

    def theirs(place: Path, *, journal: bool) -> float:
        stored = optuna.storages.RDBStorage(f"sqlite:///{place}.db")
        if journal:
            event.listen(stored.engine, "connect", _write_ahead)
            stored.engine.dispose()
        study = optuna.create_study(storage=stored, sampler=optuna.samplers.RandomSampler(seed=0))
        return _seconds(lambda: study.optimize(partial(_suggested, space), n_trials=few)) / few

    timed: dict[str, list[float]] = {"ours": [], "fsync": [], "sqlite": [], "wal": []}
    for turn in range(3):
        timed["ours"].append(ours(folder / f"ours{turn}"))
        timed["fsync"].append(_fsyncs(folder / f"fsync{turn}", trials))
        timed["sqlite"].append(theirs(folder / f"default{turn}", journal=False))
        timed["wal"].append(theirs(folder / f"wal{turn}", journal=True))
    ms = {name: 1e3 * statistics.median(values) for name, values in timed.items()}
    print(f"a trial of {DECISIONS} decisions, random sampler, durable; median of 3 turns; "
          f"load {os.getloadavg()[0]:.0f}")  # fmt: skip
    print(f"  ours                      {ms['ours']:9.2f} ms")
    print(f"  one write and fsync       {ms['fsync']:9.2f} ms; ours beyond it "
          f"{ms['ours'] - ms['fsync']:.2f} ms (asked: at most 5), {1e3 * bare:.2f} ms of that "
          "without a disk")  # fmt: skip
    for name, key in (("SQLite default", "sqlite"), ("write-ahead log", "wal")):
        print(f"  Optuna, {name:15}   {ms[key]:9.2f} ms, {ms[key] / ms['ours']:.0f} times ours")


def _write_ahead(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _suggested(space: Space, trial: Any) -> float:
    settings = {
        p.name: trial.suggest_categorical(p.name, list(p.values)) if isinstance(p, Choice)
        else trial.suggest_int(p.name, p.low, p.high, step=p.step)
        for p in space.parameters
    }  # fmt: skip
    return -toy(settings)["accuracy"]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _fsyncs(path: Path, count: int) -> float:
    """Seconds to append a line of 700 bytes and bring it to the disk."""
    with path.open("ab", buffering=0) as stream:
        started = time.perf_counter()
        for _ in range(count):
            stream.write(b"x" * 700 + b"\n")
            os.fsync(stream.fileno())
        return (time.perf_counter() - started) / count


def proposers(trials: int, seeds: int, picture: Path | None) -> None:
    """The best feasible accuracy of every proposer after equal numbers of evaluations."""
    from netwright.report.search_curves import curves, curves_picture

    space = toy_space()
    contestants: dict[str, Proposer] = {
        "random": Random(), "evolution": Evolution(), "policy": Policy(), **_optional(),
    }  # fmt: skip
    print(f"\nbest feasible accuracy, mean ± deviation over {seeds} seeds, after equal evaluations")
    marks = [mark for mark in (50, 100, 200, 400, 800) if mark <= trials]
    print(f"  {'':12}" + "".join(f"{mark:>19}" for mark in marks) + "   feasible   ms/proposal")
    drawn = {}
    for name, proposer in contestants.items():
        studies, seconds = [], 0.0
        for seed in range(seeds):
            search = Search(space, Function(toy), proposer, batch=8, seed=seed)
            started = time.process_time()
            studies.append(search.run(trials=trials))
            seconds += time.process_time() - started
        found = curves(studies)
        drawn[name] = found
        cells = []
        for mark in marks:
            known = [c[mark - 1] for c in found if np.isfinite(c[mark - 1])]
            text = "none" if not known else f"{np.mean(known):.4f} ± {np.std(known):.4f}"
            cells.append(text + ("" if len(known) == seeds else f" ({len(known)}/{seeds})"))
        share = np.mean([t.is_feasible for study in studies for t in study.trials])
        cost = 1e3 * seconds / (trials * seeds)
        print(f"  {name:12}" + "".join(f"{c:>19}" for c in cells) + f"   {share:8.1%} {cost:10.1f}")
    if picture is not None:
        curves_picture(picture, drawn, title="Best feasible accuracy", unit="accuracy")


def _optional() -> dict[str, Proposer]:
    found: dict[str, Proposer] = {}
    try:
        from netwright.explore.proposers.controller import Controller
        from netwright.explore.proposers.sampled import Nsga2, Tpe

        found = {"controller": Controller(), "nsga2": Nsga2(), "tpe": Tpe()}
    except (MissingExtra, ModuleNotFoundError):
        pass
    return found


def busy(settings: Mapping[str, Any]) -> dict[str, float]:
    """Fifty milliseconds of work."""
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    return toy(settings)


def cluster(trials: int) -> None:
    """Evaluations a second of a pool and of a Ray cluster with two workers, started before."""
    from netwright.explore.executors.cluster import Ray

    space = toy_space()
    search = Search(space, Function(busy), Random(), batch=16)
    digests = {}
    rates: dict[str, list[float]] = {"pool": [], "ray": []}
    work = Work(search.objective, space, Limits())
    jobs = [Job(n, p) for n, p in enumerate(Random().propose([], space, trials, 0))]
    with Pool(2).open(work) as pool, Ray(2).open(work) as ray:
        for session in (pool, ray):
            list(session.run(jobs[:4]))
        for _ in range(3):
            for name, session in (("pool", pool), ("ray", ray)):
                seconds = _seconds(lambda session=session: list(session.run(jobs)))
                rates[name].append(trials / seconds)
    for name, executor in (("here", Here()), ("pool", Pool(2)), ("ray", Ray(2))):
        few = replace(search, objective=Function(toy))
        digests[name] = result_digest(few.run(trials=32, executor=executor).trials)
    ratio = statistics.median(rates["ray"]) / statistics.median(rates["pool"])
    print(f"\nevaluations of 50 ms, 2 workers, median of 3 turns; load {os.getloadavg()[0]:.0f}")
    for name, values in rates.items():
        print(f"  {name:5} {statistics.median(values):8.1f} a second")
    print(f"  Ray / pool: {ratio:.2f} (asked: at least 0.9); trials equal: "
          f"{len(set(digests.values())) == 1}")  # fmt: skip


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("storage", "proposers", "ray"))
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.only in (None, "storage"):
        with tempfile.TemporaryDirectory(dir=".") as name:
            storage(min(given.trials, 200), Path(name))
    if given.only in (None, "proposers"):
        proposers(given.trials, given.seeds, given.picture)
    if given.only in (None, "ray"):
        cluster(min(given.trials, 60))


if __name__ == "__main__":
    main()
