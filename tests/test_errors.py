from __future__ import annotations

import errno
import inspect
import os
import pickle
import re
import shutil

import pytest

from netwright import errors
from netwright.errors import (
    BackendError,
    ConfigError,
    CorruptOutput,
    DataError,
    GraphError,
    Infeasible,
    MissingExtra,
    NetwrightError,
    NumericsError,
    StaleRun,
    ToolFailed,
    ToolMissing,
    UnsupportedOp,
    refusal,
    require,
)

LINE = re.compile(r"^    (?P<branch>[│ ]*[├└]─ )?(?P<name>\w+)(?:\((?P<fields>[\w, ]*)\))?")


def drawn() -> dict[str, tuple[str | None, list[str]]]:
    """Parent and fields of each error in the picture at the top of the module."""
    assert errors.__doc__ is not None
    picture = errors.__doc__.partition("::\n\n")[2].partition("\n\n")[0]
    tree: dict[str, tuple[str | None, list[str]]] = {}
    path: list[str] = []
    for line in picture.splitlines():
        found = LINE.match(line)
        assert found is not None, line
        depth = len(found["branch"] or "") // 3
        path = [*path[:depth], found["name"]]
        fields = [name.strip() for name in (found["fields"] or "").split(",") if name.strip()]
        tree[found["name"]] = (path[-2] if depth else None, fields)
    return tree


def test_picture_of_the_tree_is_the_tree():
    real = {
        name: value.__bases__[0].__name__
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    picture = {name: parent or "Exception" for name, (parent, _) in drawn().items()}
    assert picture == real


@pytest.mark.parametrize("name", sorted(drawn()))
def test_fields_in_the_picture_are_parameters(name):
    _, fields = drawn()[name]
    parameters = inspect.signature(getattr(errors, name).__init__).parameters
    assert [field for field in fields if field != "equivalence" and field not in parameters] == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NetwrightError("wrong"), "wrong"),
        (NetwrightError("wrong", hint="do this"), "wrong\nhint: do this"),
        (ConfigError("bad", path="a.toml", hint="h"), "a.toml: bad\nhint: h"),
        (DataError("short", source="t.csv"), "t.csv: short"),
        (GraphError("bad", node="fc1"), 'node "fc1": bad'),
        (
            UnsupportedOp("Erf", node="n", where="the interpreter"),
            'node "n": operator "Erf" is not supported by the interpreter',
        ),
        (NumericsError("wide", tensor="x"), 'tensor "x": wide'),
        (Infeasible("12 BOPs", smallest=20, hint="at least 20"), "12 BOPs\nhint: at least 20"),
        (
            ToolMissing("g++", hint="install it"),
            'external tool "g++" was not found\nhint: install it',
        ),
        (
            ToolFailed("g++", code=1, log_tail="x.cc:1"),
            "g++ ended with exit code 1; the end of its output was:\nx.cc:1",
        ),
        (
            ToolFailed("g++", code=None, log_tail=""),
            "g++ ran past its time limit; the end of its output was:\n",
        ),
        (CorruptOutput("a/b.npz"), "a/b.npz: missing or changed since it was written"),
        (StaleRun("schema 2", path="runs/a"), "runs/a: schema 2"),
    ],
)
def test_message_names_value_place_and_way_out(error, text):
    assert str(error) == text
    assert isinstance(error, NetwrightError)


def test_fields_are_kept():
    assert Infeasible("a", smallest=20.0).smallest == 20.0
    failed = ToolFailed("g++", code=3, log_tail="end")
    assert (failed.tool, failed.code, failed.log_tail) == ("g++", 3, "end")
    assert isinstance(failed, BackendError)


def test_require_returns_the_module():
    assert require("json.decoder", extra="plots", purpose="a test").__name__ == "json.decoder"


def test_what_is_imported_reports_nothing_unless_the_user_wants_that(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    for name in set(errors.NO_TELEMETRY) - {"RAY_USAGE_STATS_ENABLED"}:
        monkeypatch.delenv(name, raising=False)
    errors.require("json", extra="train", purpose="a test")
    assert {os.environ[name] for name in errors.NO_TELEMETRY} == {"1", "true"}
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_require_names_the_extra_of_a_missing_package():
    with pytest.raises(MissingExtra) as caught:
        require("no_such_package.part", extra="plots", purpose="a picture")
    assert str(caught.value) == (
        'a picture needs the package "no_such_package", which is not installed\n'
        "hint: pip install 'netwright[plots]'"
    )
    assert isinstance(caught.value, ImportError)
    assert caught.value.extra == "plots"


def test_require_does_not_hide_a_package_that_is_broken(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("broken_package", extra="plots", purpose="a test")
    assert not isinstance(caught.value, MissingExtra)
    assert caught.value.name == "no_such_dependency"


@pytest.mark.parametrize(
    "error",
    [
        errors.UnsupportedOp("Erf", node="n", where="passes", hint="accepted: Relu"),
        errors.Infeasible("too small", smallest=3.0),
        errors.ToolFailed("g++", code=1, log_tail="tail"),
        errors.MissingExtra("hls", package="hls4ml", purpose="HLS"),
    ],
)
def test_errors_pass_between_processes(error: errors.NetwrightError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left", "a.txt"), "a.txt: No space left", "free space"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files", "ulimit -n"),
        (OSError(errno.ENAMETOOLONG, "Too long", "x" * 300), f"{'x' * 300}: Too long", "shorter"),
        (BlockingIOError(errno.EAGAIN, "Try again"), "Try again", "ulimit -u"),
        (MemoryError(), "there is not enough memory", "fewer rows"),
        (RuntimeError("can't start new thread"), "can't start new thread", "NETWRIGHT_THREADS=1"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: 8 bytes\nmore"),
            "[enforce fail at alloc_cpu.cpp] can't allocate memory: 8 bytes",
            "more memory",
        ),
        (
            shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]),
            "No space left on device",
            "free space",
        ),
    ],
)
def test_what_the_machine_refuses_has_a_way_out(error: Exception, message: str, hint: str) -> None:
    refused = refusal(error)
    assert refused is not None
    assert refused.message == message
    assert hint in str(refused.hint)


def test_bytes_that_are_no_utf8_are_shown_with_what_is_around_them() -> None:
    text = "x" * 500 + "m\udcc3d.onnx" + "y" * 500
    with pytest.raises(UnicodeEncodeError) as caught:
        text.encode()
    refused = refusal(caught.value)
    assert refused is not None
    assert r"m\udcc3d.onnx" in refused.message
    assert len(refused.message) < 200


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "none"), RuntimeError("bug"), DataError("ours")]
)
def test_other_errors_are_no_refusals(error: Exception) -> None:
    assert refusal(error) is None


def test_an_error_can_say_where_it_happened() -> None:
    error = UnsupportedOp("Foo", where="bar", hint="leave it out").at('layer "a"')
    assert isinstance(error, UnsupportedOp)
    assert str(error) == 'layer "a": operator "Foo" is not supported by bar\nhint: leave it out'
    assert (error.op, error.message) == ("Foo", 'layer "a": operator "Foo" is not supported by bar')


def test_faults_of_an_option_stay_apart_whatever_their_words() -> None:
    error = ConfigError(["a is 1; b is 2", "c is 3"], path="f.toml")
    assert error.message == "f.toml: a is 1; b is 2; c is 3"
    assert error.faults == ("a is 1; b is 2", "c is 3")
    assert ConfigError("d; e").faults == ("d; e",)
    placed = pickle.loads(pickle.dumps(error)).at("here")  # noqa: S301
    assert placed.faults == ("here: a is 1; b is 2", "here: c is 3")
    assert placed.message == "here: f.toml: a is 1; b is 2; c is 3"
