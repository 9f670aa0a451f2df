"""Operators merge into neighbours exactly where the function stays the same."""

import numpy as np
import pytest

from intarsia.graph import (
    Add,
    AveragePool,
    Conv,
    MaxPool,
    Network,
    NetworkInput,
    NetworkOutput,
    Pad,
    Tensor,
)
from intarsia.graph.ops import Window
from intarsia.importer.simplify import simplify

PAD = Pad(name="pad", inputs=("x",), output="p", padding=(1, 1, 1, 1))


def network(*ops, outputs, zero=3, shapes=None):
    """Operators on input x (4x4x2); tensors that `shapes` leaves out are like it."""
    names = {"x", *(op.output for op in ops)}
    shapes = {"p": (6, 6, 2)} | (shapes or {})
    tensors = {
        name: Tensor(name, shapes.get(name, (4, 4, 2)), np.float32(0.1), zero) for name in names
    }
    ends = tuple(NetworkOutput(name, (32,), None, np.dtype(np.int8)) for name in outputs)
    return Network(
        "test", tensors, ops, (NetworkInput("x", (4, 4, 2), None, np.dtype(np.int8)),), ends
    )


def clamp(source, output, low=-128, high=127):
    return MaxPool(
        name=output,
        inputs=(source,),
        output=output,
        window=Window(kernel=(1, 1)),
        low=low,
        high=high,
    )


def add(output, *inputs, low=-128, high=127):
    return Add(name=output, inputs=inputs, output=output, low=low, high=high)


def conv(source, output, **window):
    return Conv(
        name=output,
        inputs=(source,),
        output=output,
        window=Window(kernel=(3, 3), **window),
        weights=np.zeros((2, 3, 3, 2), np.int8),
        weight_scales=np.ones(2, np.float32),
        bias=np.zeros(2, np.int32),
    )


def max_pool(source, output, **window):
    window = Window(kernel=(3, 3), **window)
    return MaxPool(name=output, inputs=(source,), output=output, window=window)


def average(source, output, *, count_padding=False, **window):
    window = Window(kernel=(3, 3), **window)
    return AveragePool(
        name=output, inputs=(source,), output=output, window=window, count_padding=count_padding
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((-20, 30), (-10, 40), (-10, 30)),
        ((-10, 30), (-20, 20), (-10, 20)),
        ((10, 30), (-20, 0), (0, 0)),
        ((-30, -10), (0, 20), (0, 0)),
    ],
)
def test_clamps_compose(first, second, expected):
    ops = (
        add("a", "x", "x", low=first[0], high=first[1]),
        clamp("a", "b", *second),
    )
    [op] = simplify(network(*ops, outputs=["b"])).ops
    assert isinstance(op, Add)
    assert (op.name, op.output, op.low, op.high) == ("a", "b", *expected)


def test_a_chain_of_clamps_merges():
    ops = (add("a", "x", "x"), clamp("a", "b", -9, 50), clamp("b", "c", -99, 40))
    [op] = simplify(network(*ops, outputs=["c"])).ops
    assert (op.output, op.low, op.high) == ("c", -9, 40)


@pytest.mark.parametrize("outputs", [["a", "b"], ["b", "c"]])
def test_a_clamp_stays_where_its_input_is_read_elsewhere(outputs):
    ops = (add("a", "x", "x"), clamp("a", "b", 0, 9), add("c", "a", "x"))
    simple = simplify(network(*ops, outputs=outputs))
    assert "b" in [op.name for op in simple.ops if isinstance(op, MaxPool)]


def test_a_clamp_of_the_input_stays():
    assert len(simplify(network(clamp("x", "b", 0, 9), outputs=["b"])).ops) == 1


@pytest.mark.parametrize(
    ("reader", "zero", "merged"),
    [
        (conv("p", "y"), 3, True),
        (max_pool("p", "y"), 3, False),
        (max_pool("p", "y"), -128, True),
        (max_pool("p", "y", padding=(2, 0, 0, 0)), -128, False),
        (average("p", "y"), 3, True),
        (average("p", "y", padding=(1, 1, 1, 1)), 3, False),
        (average("p", "y", padding=(1, 1, 1, 1), count_padding=True), 3, True),
        (add("y", "p", "p"), 3, False),
    ],
)
def test_padding(reader, zero, merged):
    simple = simplify(network(PAD, reader, outputs=["y"], zero=zero))
    assert (len(simple.ops) == 1) == merged
    assert ("p" in simple.tensors) != merged
    if merged and isinstance(reader, Conv | MaxPool | AveragePool):
        [op] = simple.ops
        assert isinstance(op, type(reader))
        expected = tuple(1 + amount for amount in reader.window.padding)
        assert op.window.padding == expected
        assert op.inputs == ("x",)
        if isinstance(op, AveragePool):
            assert op.count_padding


def test_padding_stays_whole_where_one_reader_cannot_take_it():
    simple = simplify(network(PAD, conv("p", "y"), max_pool("p", "z"), outputs=["y", "z"]))
    assert [op.inputs for op in simple.ops] == [("x",), ("p",), ("p",)]


def test_padding_of_padding_adds_up():
    more = Pad(name="more", inputs=("p",), output="q", padding=(1, 0, 0, 2))
    simple = simplify(network(PAD, more, conv("q", "y"), outputs=["y"], shapes={"q": (7, 8, 2)}))
    [op] = simple.ops
    assert isinstance(op, Conv)
    assert op.window.padding == (2, 1, 1, 3)


def test_padding_that_no_position_reaches_is_left_out():
    [op] = simplify(network(PAD, conv("p", "y", stride=(2, 2)), outputs=["y"])).ops
    assert isinstance(op, Conv)
    assert op.window.padding == (1, 1, 0, 0)


def test_what_no_output_needs_is_dropped():
    simple = simplify(network(add("a", "x", "x"), add("b", "a", "x"), outputs=["a"]))
    assert [op.name for op in simple.ops] == ["a"]
    assert set(simple.tensors) == {"x", "a"}
