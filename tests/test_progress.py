from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "netwright"


def test_one_signature_for_everything_that_is_told_how_far_work_is() -> None:
    others = ("on_epoch", "on_step", "on_trial", "on_probe", "on_done", "on_result")
    found = [
        f"{path.relative_to(SOURCE)}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for name in others
        if f"{name}:" in path.read_text(encoding="utf-8")
    ]
    assert found == []
