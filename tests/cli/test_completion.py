from __future__ import annotations

import pytest

from netwright.cli import main


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("netwright convert net.onnx --backend ", {"cpu", "hls", "rtl", "soc"}),
        ("netwright convert net.onnx --backend r", {"rtl"}),
        ("netwright explore run space.toml --proposer g", {"gp", "grid"}),
        ("netwright convert net.onnx --part ecp5", {"ecp5-85k", "ecp5-85k-dsp"}),
    ],
)
def test_a_shell_completes_names(monkeypatch, capsys, words, offered):
    monkeypatch.setenv("_NETWRIGHT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    main([])
    assert offered <= set(capsys.readouterr().out.split())
