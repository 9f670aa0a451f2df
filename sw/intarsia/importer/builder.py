"""A network under construction: activations, operators, and the model's own ends."""

import dataclasses
from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from intarsia.graph import (
    MaxPool,
    Network,
    NetworkInput,
    NetworkOutput,
    Op,
    Reshape,
    Tensor,
)
from intarsia.graph.ops import Window
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View, identity, permutation, row_permutation
from intarsia.importer.quantization import INT8, QuantizationCell

__all__ = ["LARGEST", "Builder"]

LARGEST = 1 << 28
"""Elements of the largest tensor that is taken seriously; more is a sign of a damaged file."""


class Builder:
    """Collects operators in an order in which they can run.

    Parameters
    ----------
    name : str
        Of the network.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ops: dict[str, Op] = {}
        self._activations: dict[str, Activation] = {}
        self._inputs: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        self._defaults: dict[str, np.ndarray] = {}
        self._orders: dict[str, np.ndarray] = {}
        self._outputs: list[NetworkOutput] = []
        self._reshaped: dict[tuple[str, tuple[int, int, int]], Activation] = {}

    def input(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        cell: QuantizationCell,
        *,
        channels_first: bool,
    ) -> View:
        """An input of the model.

        Parameters
        ----------
        name : str
            Its name.
        shape : tuple of int
            The model's, with the batch axis.
        dtype : numpy.dtype
            The model's.
        cell : QuantizationCell
            Its quantization, which need not be known yet.
        channels_first : bool
            How to take an image that no operator asks for in any order.
        """
        root = self._activation(name, None, cell)
        self._inputs[root.name] = (_without_batch(shape), dtype)
        order = identity(*shape)
        if order.ndim == 4 and order.shape[0] == 1:
            order = order[0].transpose(1, 2, 0) if channels_first else order[0]
        else:
            order = order.reshape(shape[0] if order.ndim > 1 else 1, 1, -1)
        self._defaults[root.name] = order
        return View(root, identity(*shape))

    def output(self, view: View, dtype: np.dtype, where: str) -> None:
        """An output of the model, in the shape of `view` with the batch axis."""
        axes = permutation(self.settle(view, where).places, view.root.shape)
        if axes is None:
            raise ModelError(
                f"{where} shuffles the elements of {view.root.name!r}: "
                "only whole axes can be transposed at an output"
            )
        transpose = None if axes == (0, 1, 2) else axes
        model_shape = _without_batch(view.index.shape)
        self._outputs.append(NetworkOutput(view.root.name, model_shape, transpose, dtype))

    def emit(
        self,
        kind: type[Op],
        name: str,
        inputs: Sequence[Activation],
        output: str,
        shape: tuple[int, int, int],
        cell: QuantizationCell,
        **fields: Any,
    ) -> Activation:
        """Append an operator.

        Parameters
        ----------
        kind : subclass of Op
            What it is.
        name, output : str
            Of the operator and of its output; made unique by a suffix where they are taken.
        inputs : sequence of Activation
            What it reads.
        shape : (int, int, int)
            Of the output.
        cell : QuantizationCell
            Of the output; the input's own where the operator keeps it.
        **fields
            The other members of `kind`.
        """
        if np.prod(shape, dtype=object) > LARGEST:
            raise ModelError(f"{kind.__name__} {name!r} gives {shape} values: too many")
        result = self._activation(output, shape, cell)
        name = _unique(name or output, self._ops)
        names = tuple(activation.name for activation in inputs)
        self._ops[name] = kind(name=name, inputs=names, output=result.name, **fields)
        return result

    def as_map(self, view: View, where: str) -> Activation:
        """The activation that holds `view`, a tensor (1, height, width, channels), as it is."""
        if view.index.ndim != 4 or view.index.shape[0] != 1:
            raise ModelError(
                f"{where} takes a tensor of shape {view.index.shape}: "
                "a map with batch size 1 was expected; export the model with batch size 1"
            )
        _, height, width, channels = view.index.shape
        return self._stored(view, (height, width, channels), where)

    def as_rows(self, view: View, where: str) -> tuple[Activation, np.ndarray]:
        """The activation that holds `view`, a matrix, row by row, and the order inside a row.

        Element *k* of a row of the model is element ``order[k]`` of the stored row.
        """
        rows, length = view.index.shape
        if not view.root.settled:
            self._settle(view.root, view.index, (rows, 1, length), where)
        order = row_permutation(view.places)
        if order is None:
            raise ModelError(
                f"{where} takes rows that are not stored as rows: "
                "remove the transposition before it, or export with batch size 1"
            )
        return self.reshaped(view.root, (rows, 1, length)), order

    def aligned(
        self, left: View, right: View, where: str
    ) -> tuple[Activation, Activation, np.ndarray]:
        """The activations of two tensors that are joined element by element, in one shape.

        The last of the results is the index of the joined tensor.
        """
        if left.index.shape != right.index.shape:
            raise ModelError(
                f"{where}: shapes {left.index.shape} and {right.index.shape} differ: "
                "broadcasting is not supported"
            )
        if left.root.settled or not right.root.settled:
            places = self.settle(left, where).places
            other = right
        else:
            places, other = right.places, left
        if not other.root.settled:
            order = np.empty_like(places.reshape(-1))
            order[places.reshape(-1)] = other.index.reshape(-1)
            shape = (left if other is right else right).root.shape
            self._settle(other.root, order, shape, where)
        if not np.array_equal(places, other.places):
            raise ModelError(
                f"{where}: its inputs are stored in different orders: "
                "remove the transposition before one of them"
            )
        return left.root, self.reshaped(right.root, left.root.shape), places

    def clamped(self, view: View, name: str, where: str, *, low: int, high: int) -> View:
        """`view` within bounds: a 1x1 maximum, which merges into its producer if it can."""
        if (low, high) == INT8:
            return view
        source = self.settle(view, where).root
        window = Window(kernel=(1, 1))
        result = self.emit(
            MaxPool,
            name,
            [source],
            name,
            source.shape,
            source.cell,
            window=window,
            low=low,
            high=high,
        )
        return View(result, view.places)

    def reshaped(self, root: Activation, shape: tuple[int, int, int]) -> Activation:
        """The same bytes in another shape."""
        if root.shape == shape:
            return root
        key = (root.name, shape)
        if key not in self._reshaped:
            name = f"{root.name}/{'x'.join(map(str, shape))}"
            self._reshaped[key] = self.emit(Reshape, name, [root], name, shape, root.cell)
        return self._reshaped[key]

    def settle(self, view: View, where: str) -> View:
        """Make sure that it is known where the elements of `view` are stored."""
        if not view.root.settled:
            order = self._defaults[view.root.name]
            height, width, channels = order.shape
            self._settle(view.root, order, (height, width, channels), where)
        return view

    def finish(self) -> Network:
        """The network. All quantizations must be known by now."""
        tensors: dict[str, Tensor] = {}
        for root in self._activations.values():
            if not root.settled:
                raise ModelError(f"Input {root.name!r} is read by no operator: remove it")
            if root.cell.value is None:
                raise ModelError(
                    f"Tensor {root.name!r} has no scale: only fully quantized (int8) models "
                    "are supported"
                )
            scale, zero_point = dataclasses.astuple(root.cell.value)
            tensors[root.name] = Tensor(root.name, root.shape, scale, zero_point)
        inputs = []
        for name, (shape, dtype) in self._inputs.items():
            axes = permutation(self._orders[name], shape)
            transpose = None if axes == tuple(range(len(shape))) else axes
            inputs.append(NetworkInput(name, shape, transpose, dtype))
        ops = tuple(self._ops.values())
        return Network(self._name, tensors, ops, tuple(inputs), tuple(self._outputs))

    def _activation(
        self, name: str, shape: tuple[int, int, int] | None, cell: QuantizationCell
    ) -> Activation:
        result = Activation(_unique(name, self._activations), shape, cell)
        self._activations[result.name] = result
        return result

    def _stored(self, view: View, shape: tuple[int, int, int], where: str) -> Activation:
        if not view.root.settled:
            self._settle(view.root, view.index, shape, where)
        if not np.array_equal(view.places.reshape(-1), identity(view.index.size)):
            raise ModelError(
                f"{where} takes the elements of {view.root.name!r} in an order in which they are "
                "not stored: remove the reshape or transposition before it"
            )
        return self.reshaped(view.root, shape)

    def _settle(
        self, root: Activation, order: np.ndarray, shape: tuple[int, int, int], where: str
    ) -> None:
        if permutation(order, self._inputs[root.name][0]) is None:
            raise ModelError(
                f"{where} shuffles the elements of input {root.name!r}: "
                "only whole axes can be transposed at an input"
            )
        root.settle(order, shape)
        self._orders[root.name] = order


def _without_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _unique(name: str, taken: Container[str]) -> str:
    result, suffix = name, 1
    while result in taken:
        suffix += 1
        result = f"{name}#{suffix}"
    return result
