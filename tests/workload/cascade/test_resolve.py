from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import ConfigError
from netwright.workload.cascade import load, parse
from tests.workload.cascade.random_cascades import random_text

HEAD = "rank m = 4, p = 2\ninput X[m, p]\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Y[m] = Z[m]", '3:8: no tensor is called "Z"\nhint: tensors are X, Y'),
        ("Y[q] = add(m p: X[m, p])", '3:3: no rank is called "q"\nhint: ranks are m, p'),
        ("Y[m] = X[m]", '3:8: "X" must have 2 indices, not 1'),
        (
            "Y[m, p] = X[m, p] + X[0, 0]",
            '3:21: the first element of "X" cannot be read alone\nhint: another index can, or a '
            "tensor of its own for this element",
        ),
        ("Y[p] = max(m: X[p, p] + X[m, p])", '3:17: rank "p" has extent 2, this axis of "X" has 4'),
        ("Y[m, p] = X[m + 1, p]", '3:13: this axis of "X" has indices 0 to 3, not 1 to 4'),
        ("Y[m] = X[m, p]", '3:13: rank "p" is neither an index of "Y" nor reduced\n'
         "hint: for instance: add(p: ...)"),
        ("Y[m] = sub(p: X[m, p])", '3:8: "sub" reduces no ranks: it must be associative\n'
         "hint: accepted are add, max, min"),
        ("Y[m] = subtract(p: X[m, p])", "it must be associative"),
        ("Y[m, p] = eval(X[m, p])", '3:11: no function is called "eval"'),
        ("Y[m, p] = X[m, p] * X[m, p] + 1", '3:29: the statement ends before "+"\nhint: an Einsum'),
        ("Y[m, p] = X[m, p] + Y[m, p]", '3:21: "Y" is read in a cycle: no rank of the cycle is'),
        ("Y[m + 1, p] = Y[m, p] + X[m, p]", '3:1: "Y" must have a value at the first index'),
        ("initial Y = 0\nY[m + 1, p] = Y[m + 1, p] + X[m, p]",
         '4:15: "Y" is read in a cycle: it'),
        ("X[m, p] = 2 * X[m, p]", 'line 3, column 1: tensor "X" is made twice'),
        ("Y[m, m] = X[m, p]", '"m" is written twice'),
        ("rank n = 99999999999999999999999", "must have at most 18 digits"),
        ("rank n = 0\nY[n] = X[n, n]", "must be from 1 to 4611686018427387904"),
        ("input Z[900000000000000000 * 900000000000000000]\nY[m] = add(p: X[m, p])", "elements"),
        ("Y[m, p] = __import__('os')", "3:22: \"'\" has no meaning"),
        ("Y[m, p] = " + "exp(" * 30 + "X[m, p]" + ")" * 30, "more than 20 functions"),
        ("Y = 1 / 2", "an Einsum must read a tensor"),
        ("input = X[m, p]", '"input" is a word of the language and names no tensor'),
        ("output Q", 'no Einsum makes "Q"'),
        ("Y[m, p] = X[m, p", '4:1: here must be "]", not the end of the line'),
        ("A[m, p] = X[m, p]\nA: B[m, p] = X[m, p]", 'two Einsums are called "A"'),
        ("rank: A[m, p] = X[m, p]", '3:1: "rank" is a word of the language'),
        ("Y[last] = add(m p: X[m, p])", "3:3: an index that is written must be 0 or contain"),
        (f"input Z[{' * '.join(['9' * 18] * 300)}]\nY[m] = add(p: X[m, p])", '3:7: "Z" must have'),
        ("Y[m + p] = X[m, p]", '3:3: several points fall on one element of "Y"\nhint: combine'),
        ("Y[2 * m + 3 * p] = X[m, p]", '3:3: several points fall on one element of "Y"'),
        ("initial Y = 5\nY[p] = add(m: X[m, p])", '3:9: "Y" has no first value'),
        ("initial Y = 5\ninitial Y = 6\nY[m + 1, p] = Y[m, p] + X[m, p]", "two first values"),
        ("bits 4\nbits 5\nY[m, p] = -X[m, p]", "4:6: the width of elements is given, 4"),
        ("cascade a\ncascade b\nY[m, p] = -X[m, p]", '4:9: the cascade has a name, "a"'),
        ("Y[m, p] = X[m, p] * 1e400", '3:21: "1e400" is larger than any number of 64 bits'),
        ("Y = add(X[m, p])", "3:5: ranks that are added stand before a colon\nhint: as in: add(m:"),
    ],
)  # fmt: skip
def test_faults_name_line_column_and_what_is_accepted(line, message):
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + line + "\n", name="f.einsum")
    assert message in str(caught.value)
    assert str(caught.value).startswith("f.einsum:")


def test_elements_next_to_each_other_may_be_written_and_read_at_a_step():
    made = parse(HEAD + "Y[2 * m + p] = X[m, p]\nZ[m] = Y[2 * m]\nT[m + p] = add(: X[m, p])\n")
    assert [made.by_name[name].shape for name in "YZT"] == [(8,), (4,), (5,)]


def test_long_text_is_refused_in_linear_time():
    with pytest.raises(ConfigError, match="no function"):
        parse(HEAD + "Y[m, p] = f(" + "a " * 100_000)


def test_a_byte_order_mark_is_no_word(tmp_path):
    path = tmp_path / "marked.einsum"
    path.write_text(HEAD + "Y[m, p] = -X[m, p]\n", encoding="utf-8-sig")
    assert load(path).outputs == ("Y",)


def test_all_faults_are_listed():
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + "Y[m] = Z[m]\nW[m, p] = sine(X[m, p])\n???\n")
    assert str(caught.value) == (
        "cascade: 2 faults\n"
        '  line 4, column 11: no function is called "sine"; accepted are '
        "exp, log, sqrt, reciprocal, square, negate, absolute, erf, tanh, sigmoid, relu, gelu, "
        "silu, softplus, hard_sigmoid, hard_swish, sin, cos, sign, round, floor, ceil\n"
        "  line 5, column 1: '?' has no meaning; names are letters, digits, _"
    )


def test_cycle_through_a_tensor_without_the_iterative_rank():
    text = HEAD + "initial A = 0\nA[m + 1, p] = A[m, p] + S[p]\nS[p] = add(m: A[m, p])\n"
    with pytest.raises(ConfigError, match='"S" is read in a cycle: it is not indexed by iterative'):
        parse(text)


def test_statements_may_come_in_any_order():
    forward = parse(HEAD + "B[m, p] = A[m, p] + 1\nA[m, p] = X[m, p] * 2\n")
    assert [einsum.name for einsum in forward.einsums] == ["A", "B"]


def test_numbers_before_tensors_turn_into_functions():
    (first, second) = parse(HEAD + "A[m, p] = 1 - X[m, p]\nB[m, p] = 2 / A[m, p]\n").einsums
    assert (first.map_op, first.constants, first.unary) == ("subtract", (1.0,), ("negate",))
    assert (second.map_op, second.constants, second.unary) == ("divide", (2.0,), ("reciprocal",))


def test_extents_can_be_replaced_and_used_as_numbers():
    text = HEAD + "S[p] = add(m: X[m, p])\nMEAN[p] = S[p] / size(m)\n"
    workload = parse(text, extents={"m": 1 << 20})
    assert workload.by_name["X"].shape == (1 << 20, 2)
    assert workload.einsums[1].constants == (1 << 20,)
    with pytest.raises(ConfigError, match='no rank is called "q"'):
        parse(text, extents={"q": 3})


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.einsum")
    (tmp_path / "zip.einsum").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ConfigError, match="is no text"):
        load(tmp_path / "zip.einsum")
    (tmp_path / "long.einsum").write_bytes(b"#" * (1 << 20) + b"###")
    with pytest.raises(ConfigError, match="characters"):
        load(tmp_path / "long.einsum")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.data())
def test_changed_text_is_read_or_refused_with_a_place(seed, data):
    text = random_text(seed)
    place = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    extra = data.draw(
        st.sampled_from(["", "[", ")", "m", "max(", " = ", "9", "\n", "é", "output "])
    )
    try:
        parse(text[:place] + extra + text[place + cut :])
        message = "cascade:"
    except ConfigError as error:
        message = str(error)
    assert message.startswith("cascade:")


@pytest.mark.parametrize(
    ("part", "times"), [("?\n", 500_000), ("(", 270_000), ("a = ", 30_000), ("x\n", 30_000)]
)
def test_nonsense_of_any_length_is_refused_at_once(part, times):
    with pytest.raises(ConfigError, match=r"cascade:( \d+ faults|\d+:\d+)"):
        parse(part * times)
