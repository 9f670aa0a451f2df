"""Interpreter of whole networks."""

from collections.abc import Mapping, Sequence

import numpy as np

from intarsia.golden import convolution, pool, shape
from intarsia.golden.add import add
from intarsia.golden.softmax import softmax
from intarsia.graph import (
    Add,
    AveragePool,
    Concat,
    Conv,
    MaxPool,
    Mean,
    Mode,
    Network,
    Op,
    Pad,
    Reshape,
    Softmax,
    Tensor,
)

__all__ = ["ActivationError", "evaluate", "evaluate_op"]


class ActivationError(ValueError):
    """An activation that is missing, or not what the network says it is."""


def evaluate(
    network: Network, inputs: Mapping[str, np.ndarray], mode: Mode
) -> dict[str, np.ndarray]:
    """All activations of `network`.

    Parameters
    ----------
    network : Network
        Network to interpret.
    inputs : mapping of str to numpy.ndarray
        Activations that the network begins with, int8, by name: one inference, ``(height, width,
        channels)``, or several, ``(batch, height, width, channels)``.
    mode : Mode
        Numerics mode.

    Returns
    -------
    dict of str to numpy.ndarray
        int8, by name; with a batch axis where the inputs have one.

    Raises
    ------
    :exc:`ActivationError`
        If an input is missing, or has another shape or type.
    :exc:`ScaleError`
        If `mode` does not define an operator at its scales.
    """
    activations = {end.tensor: _checked(network, end.tensor, inputs) for end in network.inputs}
    for op in network.ops:
        x = [activations[name] for name in op.inputs]
        activations[op.output] = evaluate_op(op, x, network.tensors, mode)
    return activations


def evaluate_op(
    op: Op, x: Sequence[np.ndarray], tensors: Mapping[str, Tensor], mode: Mode
) -> np.ndarray:
    """Output of one operator.

    Parameters
    ----------
    op : Op
        Operator to compute.
    x : sequence of numpy.ndarray
        Inputs of `op` in order: int8, ``([batch,] height, width, channels)``.
    tensors : mapping of str to Tensor
        At least those that `op` names.
    mode : Mode
        Numerics mode.

    Returns
    -------
    numpy.ndarray
        int8, with a batch axis where `x` has one.
    """
    batches = [array.reshape(-1, *array.shape[-3:]) for array in x]
    sources = [tensors[name] for name in op.inputs]
    y = _evaluate(op, batches, sources, tensors[op.output], mode)
    return y.reshape(*x[0].shape[:-3], *y.shape[1:])


def _evaluate(
    op: Op, x: list[np.ndarray], sources: list[Tensor], target: Tensor, mode: Mode
) -> np.ndarray:
    match op:
        case Conv():
            return convolution.convolve(op, x[0], sources[0], target, mode)
        case Add():
            return add(op, (x[0], x[1]), (sources[0], sources[1], target), mode)
        case MaxPool():
            return pool.max_pool(op, x[0])
        case AveragePool():
            return pool.average_pool(op, x[0], sources[0], target, mode)
        case Mean():
            return pool.mean(op, x[0], sources[0], target, mode)
        case Concat():
            return shape.concat(op, tuple(x), tuple(sources), target)
        case Pad():
            return shape.pad(op, x[0], sources[0])
        case Reshape():
            return shape.reshape(op, x[0], target)
        case Softmax():
            return softmax(op, x[0], sources[0])
        case _:
            raise TypeError(f"Operator {op.name!r} is of unknown type {type(op).__name__}")


def _checked(network: Network, name: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Input `name`, which must fit its tensor."""
    if name not in inputs:
        raise ActivationError(f"Network {network.name!r}: input {name!r} is missing")
    array, expected = inputs[name], network.tensors[name].shape
    if array.dtype != np.int8 or array.shape[-3:] != expected or array.ndim not in (3, 4):
        raise ActivationError(
            f"Network {network.name!r}: input {name!r} is {array.dtype} {array.shape}, "
            f"not int8 {expected}, with or without a batch axis"
        )
    return array
