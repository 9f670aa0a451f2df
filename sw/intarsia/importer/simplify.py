"""Operators merged into their neighbours: clamps into producers, padding into consumers."""

import dataclasses

from intarsia.graph import Network
from intarsia.graph.ops import AveragePool, Clamped, Conv, MaxPool, Op, Pad, Reshape, Window

__all__ = ["simplify"]

_POINT = Window(kernel=(1, 1))


def simplify(network: Network) -> Network:
    """The same function with fewer operators.

    - Operators that lead to no output are dropped.
    - A clamp (a 1x1 maximum) becomes that of the operator before it, if nothing else reads that.
    - Padding becomes that of the convolutions and pools after it, if all can take it.
    - Of a reshape of a reshape, the first is skipped; one that changes nothing is dropped.
    """
    for rule in (_without_dead, _merge_reshapes, _merge_clamps, _merge_padding, _without_dead):
        network = rule(network)
    return network


def _without_dead(network: Network) -> Network:
    """Only what the outputs need. Inputs stay, read or not."""
    needed = {output.tensor for output in network.outputs}
    kept: list[Op] = []
    for op in reversed(network.ops):
        if op.output in needed:
            kept.append(op)
            needed.update(op.inputs)
    return _with_ops(network, kept[::-1])


def _merge_clamps(network: Network) -> Network:
    ops = list(network.ops)
    outputs = {output.tensor for output in network.outputs}
    for op in network.ops:
        if not (isinstance(op, MaxPool) and op.window == _POINT):
            continue
        readers = [reader for reader in ops if op.inputs[0] in reader.inputs]
        producer = next((other for other in ops if other.output == op.inputs[0]), None)
        if not isinstance(producer, Clamped) or len(readers) > 1 or producer.output in outputs:
            continue
        merged = dataclasses.replace(
            producer,
            output=op.output,
            low=min(max(producer.low, op.low), op.high),
            high=min(max(producer.high, op.low), op.high),
        )
        ops[ops.index(producer)] = merged
        ops.remove(op)
    return _with_ops(network, ops)


def _merge_reshapes(network: Network) -> Network:
    sources = {op.output: op.inputs[0] for op in network.ops if isinstance(op, Reshape)}
    ops = [
        dataclasses.replace(op, inputs=(sources.get(op.inputs[0], op.inputs[0]),))
        if isinstance(op, Reshape)
        else op
        for op in network.ops
    ]
    return _with_ops(network, ops)


def _merge_padding(network: Network) -> Network:
    outputs = {output.tensor for output in network.outputs}
    ops = list(network.ops)
    for pad in network.ops:
        if not isinstance(pad, Pad) or pad.output in outputs:
            continue
        zero_point = network.tensors[pad.output].zero_point
        readers = [op for op in ops if pad.output in op.inputs]
        merged = [_padded(op, pad, zero_point) for op in readers]
        for reader, replacement in zip(readers, merged, strict=True):
            if all(merged) and replacement is not None:
                ops[ops.index(reader)] = replacement
    return _with_ops(network, ops)


def _padded(op: Op, pad: Pad, zero_point: int) -> Op | None:
    """`op` with the padding of `pad` taken in; None where it would compute something else."""
    if not isinstance(op, Conv | MaxPool | AveragePool):
        return None
    top, left, bottom, right = (a + b for a, b in zip(op.window.padding, pad.padding, strict=True))
    window = dataclasses.replace(op.window, padding=(top, left, bottom, right))
    if isinstance(op, Conv):
        return dataclasses.replace(op, inputs=pad.inputs, window=window)
    inside = max(top, bottom) < op.window.kernel[0] and max(left, right) < op.window.kernel[1]
    if isinstance(op, MaxPool):
        # Zero points in a maximum do not count only if nothing is less, and something is there.
        never_wins = zero_point == -128 and inside
        return dataclasses.replace(op, inputs=pad.inputs, window=window) if never_wins else None
    return None


def _with_ops(network: Network, ops: list[Op]) -> Network:
    used = {name for op in ops for name in (*op.inputs, op.output)}
    used |= {end.tensor for end in (*network.inputs, *network.outputs)}
    tensors = {name: tensor for name, tensor in network.tensors.items() if name in used}
    return dataclasses.replace(network, ops=tuple(ops), tensors=tensors)
