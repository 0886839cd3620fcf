from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from netwright import studies
from netwright.errors import ToolMissing
from netwright.quantities import Quantity
from netwright.run import Silent
from netwright.studies import Claim, Context, Finding, NotAttempted, Study, run_claims

STUDY = Study(
    schema_version=1,
    name="sample",
    title="A sample",
    paper="Author 2024",
    claims=(
        Claim(id="fast", text="Fast.", kind="exact", published=2, source="t", profile="smoke"),
        Claim(id="slow", text="Slow.", kind="trend", at_least=1, source="t"),
    ),
)


@dataclass
class Counted:
    """A claim's function that counts its calls."""

    value: float
    calls: list[Context] = field(default_factory=list)

    def function(self):
        def check(context: Context) -> Finding:
            self.calls.append(context)
            return Finding(Quantity(self.value, "", "test", "measured"), "a remark")

        return check


class Recorder(Silent):
    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def begin(self, stage, position, count):
        self.told.append(("begin", stage, f"{position}/{count}"))

    def end(self, stage, position, count, *, status, seconds):
        self.told.append(("end", stage, status))


def test_finished_claims_are_kept(tmp_path):
    fast, slow = Counted(2), Counted(3)
    functions = {"fast": fast.function(), "slow": slow.function()}
    first = run_claims(STUDY, functions, profile="full", folder=tmp_path)
    recorder = Recorder()
    second = run_claims(STUDY, functions, profile="full", folder=tmp_path, reporter=recorder)
    assert (len(fast.calls), len(slow.calls)) == (1, 1)
    assert [outcome.cached for outcome in second.outcomes] == [True, True]
    assert [outcome.why for outcome in second.outcomes] == [o.why for o in first.outcomes]
    assert recorder.told == [
        ("begin", "fast", "1/2"),
        ("end", "fast", "cached"),
        ("begin", "slow", "2/2"),
        ("end", "slow", "cached"),
    ]


def test_interrupted_study_goes_on(tmp_path):
    fast = Counted(2)

    def interrupted(context: Context) -> Finding:
        raise KeyboardInterrupt

    functions = {"fast": fast.function(), "slow": interrupted}
    with pytest.raises(KeyboardInterrupt):
        run_claims(STUDY, functions, profile="full", folder=tmp_path)
    functions["slow"] = Counted(1).function()
    result = run_claims(STUDY, functions, profile="full", folder=tmp_path)
    assert len(fast.calls) == 1
    assert [outcome.verdict for outcome in result.outcomes] == ["reproduced", "trend"]


def test_changed_claim_is_judged_again(tmp_path):
    fast = Counted(2)
    run_claims(STUDY, {"fast": fast.function()}, profile="smoke", folder=tmp_path)
    changed = STUDY.claims[0].model_copy(update={"published": 3.0})
    study = STUDY.model_copy(update={"claims": (changed,)})
    result = run_claims(study, {"fast": fast.function()}, profile="smoke", folder=tmp_path)
    assert len(fast.calls) == 2
    assert [outcome.verdict for outcome in result.outcomes] == ["differs"]
    assert not result.holds


def test_broken_result_on_disk_is_computed_again(tmp_path, caplog):
    fast = Counted(2)
    functions = {"fast": fast.function()}
    run_claims(STUDY, functions, profile="smoke", folder=tmp_path)
    path = tmp_path / "studies/sample/smoke/fast.json"
    path.write_text(path.read_text()[:20])
    run_claims(STUDY, functions, profile="smoke", folder=tmp_path)
    assert len(fast.calls) == 2
    assert "the claim is checked again" in caplog.text


def test_smoke_leaves_full_claims_out(tmp_path):
    slow = Counted(1)
    functions = {"fast": Counted(2).function(), "slow": slow.function()}
    result = run_claims(STUDY, functions, profile="smoke", folder=tmp_path)
    assert slow.calls == []
    assert result.outcomes[1].verdict == "not-attempted"
    assert result.outcomes[1].why == 'checked by the profile "full" only'
    assert result.holds
    assert result.verdict == "verdict: holds: 1 reproduced, 1 left to the profile full"


def test_study_in_which_nothing_is_asked_does_not_hold(tmp_path):
    study = STUDY.model_copy(update={"claims": STUDY.claims[1:]})
    result = run_claims(study, {}, profile="smoke", folder=tmp_path)
    assert not result.holds
    assert result.verdict == "verdict: FAILED: 1 left to the profile full"


def test_failed_claim_is_not_attempted_and_tried_again(tmp_path):
    attempts = []

    def needs_a_tool(context: Context) -> Finding:
        attempts.append(1)
        raise ToolMissing("g++", hint="apt-get install g++")

    for _ in range(2):
        result = run_claims(STUDY, {"fast": needs_a_tool}, profile="smoke", folder=tmp_path)
    assert len(attempts) == 2
    assert result.outcomes[0].verdict == "not-attempted"
    assert result.outcomes[0].why == (
        'external tool "g++" was not found; hint: apt-get install g++'
    )
    assert not result.holds
    assert result.verdict == ("verdict: FAILED: 1 not-attempted, 1 left to the profile full")


def test_declined_claim_is_not_stored(tmp_path):
    def decline(context: Context) -> NotAttempted:
        return NotAttempted("no data")

    run_claims(STUDY, {"fast": decline}, profile="smoke", folder=tmp_path)
    assert not (tmp_path / "studies/sample/smoke/fast.json").exists()


def test_defect_in_a_function_ends_the_study(tmp_path):
    def defect(context: Context) -> Finding:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_claims(STUDY, {"fast": defect}, profile="smoke", folder=tmp_path)


def test_functions_share_a_folder_that_lasts(tmp_path):
    fast, slow = Counted(2), Counted(1)
    functions = {"fast": fast.function(), "slow": slow.function()}
    run_claims(STUDY, functions, profile="full", folder=tmp_path)
    folder = fast.calls[0].folder
    assert folder == slow.calls[0].folder
    assert folder.is_dir()


def test_outcomes_become_a_table_and_a_report(tmp_path):
    result = run_claims(STUDY, {"fast": Counted(2).function()}, profile="smoke", folder=tmp_path)
    assert "reproduced" in str(result)
    assert "the study has no function slow" not in str(result)
    document = result.to_document()
    assert (document.name, len(document.claims)) == ("sample-smoke", 2)


def test_hawq_smoke_profile_runs(tmp_path):
    result = studies.run_study("hawq", profile="smoke", folder=tmp_path)
    verdicts = {outcome.claim.id: outcome.verdict for outcome in result.outcomes}
    assert verdicts["bops-uniform-6"] == "reproduced"
    assert result.holds


def test_full_profile_draws_the_pictures_of_a_study(tmp_path, monkeypatch):
    drawn = []

    def draw(folder):
        drawn.append(folder)
        return (folder / "a.svg",)

    monkeypatch.setattr("netwright.studies.runner.find_study", lambda name: STUDY)
    monkeypatch.setattr("netwright.studies.runner.functions_of", lambda study: {})
    monkeypatch.setattr("netwright.studies.runner.pictures_of", lambda name: draw)
    folder = tmp_path / "studies" / "sample" / "pictures"
    assert studies.run_study("sample", profile="smoke", folder=tmp_path).pictures == ()
    found = studies.run_study("sample", profile="full", folder=tmp_path)
    assert found.pictures == (folder / "a.svg",)
    assert drawn == [folder]


def test_pictures_are_looked_for_beside_the_study():
    from netwright.studies.study import pictures_of

    assert pictures_of("cosma") is None
    assert pictures_of("fusemax") is not None


def test_pictures_of_attention_show_every_point(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    from netwright.studies import fusemax_pictures

    panels = fusemax_pictures._utilization()
    assert [panel.title for panel in panels] == ["square array", "row"]
    assert all(len(values) == 6 for panel in panels for values in panel.series.values())
    (kept,) = fusemax_pictures._buffer()
    three, one = kept.series.values()
    assert len(set(one)) == 1
    assert list(three) == sorted(three)
    assert three[-1] > 900 * three[0]
