import sys

import pytest

from netwright.cli import console
from netwright.cli.console import Bars, Lines, columns, emit_json, paced, reporter


def test_columns_are_aligned_without_trailing_space() -> None:
    assert columns([("a", "bb"), ("cc", "")]) == "a   bb\ncc"


def test_columns_wrap_in_a_narrow_terminal() -> None:
    rows = [("name", "what it is for"), ("torch", "training, quantization and compression of it")]
    assert columns(rows, width=30).splitlines() == [
        "name   what it is for",
        "torch  training, quantization",
        "       and compression of it",
    ]
    assert max(map(len, columns(rows, width=5).splitlines())) == 7 + console.NARROWEST_COLUMN


def test_any_column_wraps_and_words_stay_whole_while_there_is_room() -> None:
    rows = [("kernels", "native: avx512-vnni of scalar, avx2, avx512-vnni", "integer products")]
    assert columns(rows, width=40).splitlines() == [
        "kernels  native:          integer",
        "         avx512-vnni of   products",
        "         scalar, avx2,",
        "         avx512-vnni",
    ]
    assert max(map(len, columns(rows, width=20).splitlines())) == 27
    assert max(map(len, columns(rows, width=27).splitlines())) <= 27


def test_json_keeps_letters(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"name": "Bézier"})
    assert capsys.readouterr() == ('{\n  "name": "Bézier"\n}\n', "")


def test_lines_tell_progress_only_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 11.0, 12.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    lines = Lines()
    lines.begin("train", 1, 2)
    lines.update(1, 8, "epoch 1")
    lines.update(2, 8, "epoch 2")
    lines.update(3, 8, "epoch 3")
    lines.say("remark")
    lines.end("train", 1, 2, status="done", seconds=12.0)
    lines.end("next", 2, 2, status="cached", seconds=0.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "[1/2] train ...",
        "      train: 25 % epoch 2",
        "      remark",
        "[1/2] train: done after 12.0 s",
        "[2/2] next: cached",
    ]


def test_lines_of_paced_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.0, 13.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    tell = paced("operations, next", interval_s=10.0)
    for done, name in enumerate(("conv1", "conv2", "fc")):
        tell(done, 3, name)
    assert capsys.readouterr().err == "      1 of 3 operations, next conv2\n"
    paced("s:", interval_s=10.0, at_once=True)(0.0, 60.0, "12 KiB")
    assert capsys.readouterr().err == "      0 of 60 s: 12 KiB\n"


def test_bars_leave_a_line_behind(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    bars.update(1, 2, "")
    bars.begin("train", 1, 2)
    bars.update(1, 2, "half [bold]")
    bars.end("train", 1, 2, status="done", seconds=0.5)
    assert capsys.readouterr().err.splitlines()[-1] == "[1/2] train: done after 0.5 s"


def test_reporter_follows_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(reporter()) is Lines
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert type(reporter()) is Bars
