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
        ("netwright convert net.onnx --quantizer m", {"mse", "mx"}),
        ("netwright list qu", {"quantizers"}),
        ("netwright study run fu", {"fusemax"}),
        ("netwright arch show t", {"tpu"}),
        ("netwright map --arch e", {"eyeriss"}),
        ("netwright estimate resnet", {"resnet18", "resnet50"}),
        ("netwright new mine --flow jets-", {"jets-nm", "jets-small"}),
    ],
)
def test_a_shell_completes_names(monkeypatch, capsys, words, offered):
    monkeypatch.setenv("_NETWRIGHT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    main([])
    assert offered <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", ["verify", "report", "export", "compare", "compare mine"])
def test_a_shell_completes_the_names_of_runs(monkeypatch, capsys, tmp_path, command):
    for name in ("mine", "my-other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "manifest.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    words = f"netwright {command} m"
    monkeypatch.setenv("_NETWRIGHT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    main([])
    assert capsys.readouterr().out.split() == ["mine"]


@pytest.mark.parametrize("home", ["there's no place like it", "two\nlines"])
def test_completion_is_not_installed_where_a_folder_would_be_code(
    monkeypatch, tmp_path, capsys, home
):
    folder = tmp_path / home
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    assert main(["--install-completion"]) == 2
    assert "take for code" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_completion_that_cannot_be_installed_is_an_error_with_a_way_out(monkeypatch, capsys):
    monkeypatch.setattr("typer.completion.install", _refused)
    assert main(["--install-completion"]) == 2
    error = capsys.readouterr().err
    assert "No space left" in error
    assert "--show-completion" in error


def test_completion_is_installed_for_the_shell_at_work_alone(capsys):
    assert main(["--install-completion", "zsh"]) == 2
    assert 'without "zsh"' in capsys.readouterr().err


def _refused(**options):
    raise OSError(28, "No space left on device")
