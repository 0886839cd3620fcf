from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright import arch
from netwright.errors import ConfigError, GraphError, MappingError
from netwright.ir import Graph, HostArithmetic, Node, TensorType, check, interpret
from netwright.mapping import BankRun, Banks, bank_arithmetic, with_caches
from netwright.passes import BankArithmetic

MACHINE = arch.find("gddr6-aim")
RANDOM = np.random.default_rng(0)
TOKENS, HEADS, GROUPS, WIDTH = 9, 4, 2, 8


def network(hidden: int = 24, tokens: int = TOKENS) -> Graph:
    """Attention with grouped heads over products with weights, and a product behind it."""
    features = HEADS * WIDTH
    types = {"x": TensorType((1, tokens, features))}
    constants, nodes = {}, []

    def emit(name: str, op: str, inputs: tuple[str, ...], made: tuple[int, ...], /, **attrs):
        nodes.append(Node(name, op, inputs, f"{name}_out", attrs))
        types[f"{name}_out"] = TensorType(made)
        return f"{name}_out"

    def product(name: str, source: str, outputs: int) -> str:
        inputs = types[source].shape[-1]
        constants[f"{name}_w"] = RANDOM.normal(size=(inputs, outputs)) / inputs**0.5
        types[f"{name}_w"] = TensorType((inputs, outputs))
        return emit(name, "MatMul", (source, f"{name}_w"), (1, tokens, outputs))

    def heads(name: str, number: int) -> str:
        made, split = product(name, "x", number * WIDTH), (1, tokens, number, WIDTH)
        made = emit(f"{name}_split", "Reshape", (made,), split, shape=split)
        shape = (1, number, tokens, WIDTH)
        return emit(f"{name}_heads", "Transpose", (made,), shape, order=(0, 2, 1, 3))

    parts = (heads("q", HEADS), heads("k", GROUPS), heads("v", GROUPS))
    shape = (1, HEADS, tokens, WIDTH)
    made = emit("a", "Attention", parts, shape, scale=(WIDTH**-0.5,), causal=1, mask="add")
    order, flat = (0, 2, 1, 3), (1, tokens, features)
    made = emit("back", "Transpose", (made,), (1, tokens, HEADS, WIDTH), order=order)
    made = emit("flat", "Reshape", (made,), flat, shape=flat)
    made = emit("act", "Function", (product("up", made, hidden),), (1, tokens, hidden), name="silu")
    made = product("down", made, 6)
    return check(Graph("net", ("x",), (made,), tuple(nodes), types, constants))


def same(graph: Graph, run: BankRun, tokens: int = TOKENS) -> None:
    x = RANDOM.normal(size=(2, tokens, HEADS * WIDTH)).astype(np.float32)
    wanted, found = interpret(graph, x, keep=["a_out"]), run.run(x, keep=["a_out"])
    assert wanted.keys() == found.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    "rules", [Banks(), Banks(balanced=False), Banks(packed=False), Banks(tokens=40)]
)
def test_what_is_read_from_the_banks_gives_every_bit_of_the_interpreter(rules: Banks) -> None:
    graph = bank_arithmetic(MACHINE, sum_bits=16)(network())
    same(graph, BankRun.of(graph, MACHINE, rules=rules, num_threads=2))


def test_vectors_that_are_longer_than_the_buffer_are_added_up_in_pieces() -> None:
    graph = bank_arithmetic(MACHINE)(network(hidden=1100, tokens=2))
    run = BankRun.of(graph, MACHINE)
    same(graph, run, tokens=2)
    layout, product = run.places["down_w"]
    assert (layout.piece, product.length) == (1024, 1100)
    other = replace(graph.node("down"), attrs={**graph.node("down").attrs, "piece": 2048})
    with pytest.raises(MappingError, match='"down_w": 1024 elements fill the buffer, "down" says'):
        BankRun.of(graph.with_node(other), MACHINE)


def test_a_word_that_is_changed_in_its_bank_changes_the_result() -> None:
    graph = bank_arithmetic(MACHINE)(network())
    run = BankRun.of(graph, MACHINE)
    x = RANDOM.normal(size=(1, TOKENS, HEADS * WIDTH))
    layout, product = run.places["up_w"]
    words = run.memory.read(layout, product)
    words[0, 3, 5] ^= 0x4000
    run.memory.write(layout, product, words)
    (found,), (wanted,) = run.run(x).values(), interpret(graph, x).values()
    assert not np.array_equal(found, wanted)


def test_a_layout_with_another_order_of_sums_is_refused() -> None:
    graph = bank_arithmetic(MACHINE)(network())
    with pytest.raises(MappingError, match=r'"a\.keys": units take 1 elements in a step, "a" says'):
        BankRun.of(graph, MACHINE, rules=Banks(key_rows=False))


def test_keys_and_values_come_from_a_cache() -> None:
    graph = bank_arithmetic(MACHINE, host=HostArithmetic(exp_terms=4))(network())
    cached = check(with_caches(graph))
    assert cached.inputs == ("x", "a.keys", "a.values")
    assert cached.outputs == ("down_out", "k_heads_out", "v_heads_out")


def test_machines_without_units_beside_banks_are_refused() -> None:
    graph, other = bank_arithmetic(MACHINE)(network()), arch.find("eyeriss")
    for action in (lambda: bank_arithmetic(other), lambda: BankRun.of(graph, other)):
        with pytest.raises(ConfigError, match='architecture "eyeriss" has no unit beside its'):
            action()


def test_graph_without_products_in_banks_is_refused() -> None:
    with pytest.raises(GraphError, match='graph "net" has no product of units beside banks'):
        BankRun.of(network(), MACHINE)


def test_no_rows_give_no_rows() -> None:
    graph = bank_arithmetic(MACHINE)(network())
    found = BankRun.of(graph, MACHINE).run(np.zeros((0, TOKENS, HEADS * WIDTH)))
    assert [made.shape for made in found.values()] == [(0, TOKENS, 6)]


def test_options_come_before_what_the_machine_says() -> None:
    assert bank_arithmetic(MACHINE).piece == 1024
    assert bank_arithmetic(MACHINE, piece=64, lanes=4) == BankArithmetic(piece=64, lanes=4)
