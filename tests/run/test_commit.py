from pathlib import Path

import pytest

import netwright
from netwright.run.commit import Revision, revision


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree that the package seems to run from."""
    monkeypatch.setattr(netwright, "__file__", str(tmp_path / "src" / "netwright" / "__init__.py"))
    return tmp_path


def test_installed_package_has_no_revision(tree: Path) -> None:
    assert revision() is None


def test_revision_follows_the_branch(tree: Path) -> None:
    (tree / ".git" / "refs" / "heads").mkdir(parents=True)
    (tree / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert revision() is None
    (tree / ".git" / "refs" / "heads" / "main").write_text("abc123\n")
    assert revision() == Revision("abc123", None)


def test_revision_of_a_detached_head(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "HEAD").write_text("abc123\n")
    assert revision() == Revision("abc123", None)


def test_revision_of_a_packed_branch(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tree / ".git" / "packed-refs").write_text(
        "# pack-refs with: peeled\n111 refs/heads/other\nabc123 refs/heads/main\n^222\n"
    )
    assert revision() == Revision("abc123", None)


def test_revision_of_a_further_working_tree(tree: Path) -> None:
    own = tree / "main" / ".git" / "worktrees" / "second"
    own.mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text("ref: refs/heads/second\n")
    (own / "commondir").write_text("../..\n")
    (tree / "main" / ".git" / "refs" / "heads").mkdir(parents=True)
    (tree / "main" / ".git" / "refs" / "heads" / "second").write_text("abc123\n")
    assert revision() == Revision("abc123", None)
