import json
from pathlib import Path

from netwright.flows.certificate import read_certificate, write_certificate
from netwright.run.manifest import read_manifest, write_manifest
from tests.cli.conftest import Netwright
from tests.flows.test_audit import forge


def test_verify_prints_the_certificate(netwright: Netwright, tiny_run: Path) -> None:
    code, out, err = netwright("verify", tiny_run)
    assert (code, err) == (0, "")
    assert out.count("100 %") == len(read_certificate(tiny_run / "stages/08-verify"))
    assert out.splitlines()[-1].startswith("verdict: verified: 10 stages")


def test_run_is_found_by_its_name(netwright: Netwright, tiny_run: Path) -> None:
    code, out, _ = netwright("verify", "tiny-jets", "--runs", tiny_run.parent, "--json")
    assert code == 0
    assert json.loads(out)["faults"] == []
    assert json.loads(out)["verdict"].startswith("verdict: verified")


def test_run_that_could_not_be_made_again_is_incomplete(
    netwright: Netwright, own_run: Path
) -> None:
    manifest = read_manifest(own_run)
    write_manifest(manifest.model_copy(update={"commit": "0" * 40}), own_run)
    code, out, err = netwright("verify", own_run)
    assert (code, err) == (5, "")
    assert out.splitlines()[-1].startswith("verdict: INCOMPLETE, settings and report not computed")


def test_changed_file_fails(netwright: Netwright, own_run: Path) -> None:
    (own_run / "stages/06-trace/graph.npz").write_bytes(b"")
    code, out, err = netwright("verify", own_run)
    assert (code, out) == (1, "verdict: FAILED, 1 fault\n")
    assert err == ("error: stages/06-trace/graph.npz: missing or changed since it was written\n")


def test_difference_fails(netwright: Netwright, own_run: Path) -> None:
    folder = own_run / "stages/08-verify"
    rows = read_certificate(folder)
    bad = rows[0].model_copy(update={"num_identical": 1, "difference": "here"})
    write_certificate((bad, *rows[1:]), folder)
    forge(own_run, "verify")
    code, out, err = netwright("verify", own_run)
    assert code == 1
    assert "error: stages/10-report: was made from other outputs of the stage verify\n" in err
    assert out.splitlines()[-1] == "verdict: FAILED, 1 fault"


def test_edited_page_fails(netwright: Netwright, own_run: Path) -> None:
    page = own_run / "report.html"
    page.write_text(page.read_text().replace("Accuracy", "Precision"))
    code, out, err = netwright("verify", own_run)
    assert code == 1
    assert err == "error: report.html: is not the page of report.json\n"
    assert out.splitlines()[-1] == "verdict: FAILED, 1 fault"


def test_unverified_run_fails(netwright: Netwright, toy_flow: Path) -> None:
    netwright("run", toy_flow)
    code, _, err = netwright("verify", "toy")
    assert code == 1
    assert err == "error: runs/toy: the flow of this run verifies nothing\n"


def test_other_folder_is_refused(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("verify", tmp_path, "--runs", tmp_path)
    assert code == 1
    assert err == f'error: "{tmp_path}" is not a run folder\nhint: {tmp_path} holds no run yet\n'
