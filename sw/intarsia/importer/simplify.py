"""Operators merged into their neighbours: clamps into producers, padding into consumers."""

import dataclasses

from intarsia.graph import Network
from intarsia.graph.ops import AveragePool, Clamped, Conv, MaxPool, Op, Pad, Window
from intarsia.importer.windows import fitted, spans

__all__ = ["simplify"]

_POINT = Window(kernel=(1, 1))


def simplify(network: Network) -> Network:
    """The same function with fewer operators.

    - Operators that lead to no output are dropped.
    - A clamp (a 1x1 maximum) becomes that of the operator before it, if nothing else reads that.
    - Padding becomes that of the convolutions and pools after it, if all can take it.
    """
    for rule in (_without_dead, _merge_clamps, _merge_padding, _without_dead):
        network = rule(network)
    return network


def _without_dead(network: Network) -> Network:
    needed = {output.tensor for output in network.outputs}
    kept: list[Op] = []
    for op in reversed(network.ops):
        if op.output in needed:
            kept.append(op)
            needed.update(op.inputs)
    return _with_ops(network, kept[::-1])


def _merge_clamps(network: Network) -> Network:
    outputs = {output.tensor for output in network.outputs}
    ops = {op.output: op for op in network.ops}
    for clamp in network.ops:
        if not (isinstance(clamp, MaxPool) and clamp.window == _POINT):
            continue
        producer = ops.get(clamp.inputs[0])
        shared = sum(clamp.inputs[0] in op.inputs for op in ops.values()) > 1
        if not isinstance(producer, Clamped) or shared or producer.output in outputs:
            continue
        del ops[producer.output]
        ops[clamp.output] = dataclasses.replace(
            producer,
            output=clamp.output,
            low=min(max(producer.low, clamp.low), clamp.high),
            high=min(max(producer.high, clamp.low), clamp.high),
        )
    return _with_ops(network, list(ops.values()))


def _merge_padding(network: Network) -> Network:
    outputs = {output.tensor for output in network.outputs}
    ops = {op.output: op for op in network.ops}
    for name in list(ops):
        pad = ops[name]
        if not isinstance(pad, Pad) or name in outputs:
            continue
        readers = [op for op in ops.values() if name in op.inputs]
        merged = [op for op in (_padded(network, op, pad) for op in readers) if op is not None]
        if len(merged) == len(readers):
            ops.update((op.output, op) for op in merged)
    return _with_ops(network, list(ops.values()))


def _padded(network: Network, op: Op, pad: Pad) -> Op | None:
    """`op` with the padding of `pad` taken in; None where it would compute something else."""
    if isinstance(op, Pad):
        padding = _sum(op.padding, pad.padding)
        return dataclasses.replace(op, inputs=pad.inputs, padding=padding)
    if not isinstance(op, Conv | MaxPool | AveragePool):
        return None
    source = network.tensors[pad.inputs[0]]
    height, width, _ = source.shape
    window = dataclasses.replace(op.window, padding=_sum(op.window.padding, pad.padding))
    window, _ = fitted(window, height, width, op.name)
    top, left, bottom, right = window.padding
    rows, columns = spans(window)
    outside = max(top, bottom) >= rows or max(left, right) >= columns
    match op:
        case Conv():
            return dataclasses.replace(op, inputs=pad.inputs, window=window)
        case MaxPool() if source.zero_point == -128 and not outside:
            # Nothing is less than these zeros, and something else is in every position.
            return dataclasses.replace(op, inputs=pad.inputs, window=window)
        case AveragePool() if not outside and (op.count_padding or not any(op.window.padding)):
            return dataclasses.replace(op, inputs=pad.inputs, window=window, count_padding=True)
    return None


def _sum(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _with_ops(network: Network, ops: list[Op]) -> Network:
    used = {name for op in ops for name in (*op.inputs, op.output)}
    used |= {end.tensor for end in (*network.inputs, *network.outputs)}
    tensors = {name: tensor for name, tensor in network.tensors.items() if name in used}
    return dataclasses.replace(network, ops=tuple(ops), tensors=tensors)
