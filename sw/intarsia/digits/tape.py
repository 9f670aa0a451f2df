"""Gradients in NumPy: a tape that records what was computed and plays it backwards.

Images are (N, H, W, C), so that the inner loop of every copy runs over channels. Weights are
(kernel height, kernel width, C, K).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Tape", "Variable"]


@dataclass
class Variable:
    """A value, and the gradient of the loss by it once the tape has been played backwards."""

    data: np.ndarray
    gradient: np.ndarray | None = None

    def accumulate(self, gradient: np.ndarray) -> None:
        """Add a consumer's share to the gradient."""
        self.gradient = gradient if self.gradient is None else self.gradient + gradient

    @property
    def slope(self) -> np.ndarray:
        """The gradient, which must have been computed."""
        if self.gradient is None:
            raise ValueError("nothing that the loss depends on has used this variable")
        return self.gradient


class Tape:
    """Operators that remember how to pass a gradient back.

    Each method returns the result of an operator as a :class:`Variable`; :meth:`backward` gives
    each variable that went into the last of them its gradient.
    """

    def __init__(self):
        self._steps: list[tuple[Variable, Callable[[np.ndarray], None]]] = []

    def _record(self, data: np.ndarray, backward: Callable[[np.ndarray], None]) -> Variable:
        result = Variable(data)
        self._steps.append((result, backward))
        return result

    def conv(self, x: Variable, weights: Variable, bias: Variable, stride: int = 1) -> Variable:
        """Convolution, padded by ``kernel // 2`` on every side."""
        kernel, _, channels, outputs = weights.data.shape
        pad = kernel // 2
        count, height, width, _ = x.data.shape
        rows = (height + 2 * pad - kernel) // stride + 1
        columns = (width + 2 * pad - kernel) // stride + 1
        padded = np.pad(x.data, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        taps = [
            (i, j, np.s_[:, i : i + stride * rows : stride, j : j + stride * columns : stride])
            for i in range(kernel)
            for j in range(kernel)
        ]
        windows = np.empty((count, rows, columns, kernel, kernel, channels), np.float32)
        for i, j, tap in taps:
            windows[:, :, :, i, j] = padded[tap]
        windows = windows.reshape(count * rows * columns, -1)
        matrix = weights.data.reshape(-1, outputs)

        def backward(gradient: np.ndarray) -> None:
            flat = gradient.reshape(-1, outputs)
            weights.accumulate((windows.T @ flat).reshape(weights.data.shape))
            bias.accumulate(flat.sum(axis=0))
            spread = (flat @ matrix.T).reshape(count, rows, columns, kernel, kernel, channels)
            back = np.zeros_like(padded)
            for i, j, tap in taps:
                back[tap] += spread[:, :, :, i, j]
            x.accumulate(back[:, pad : pad + height, pad : pad + width])

        result = (windows @ matrix + bias.data).reshape(count, rows, columns, outputs)
        return self._record(result, backward)

    def relu(self, x: Variable) -> Variable:
        """Rectifier."""
        return self._record(
            np.maximum(x.data, 0), lambda gradient: x.accumulate(gradient * (x.data > 0))
        )

    def add(self, a: Variable, b: Variable) -> Variable:
        """Sum of two values of one shape."""

        def backward(gradient: np.ndarray) -> None:
            a.accumulate(gradient)
            b.accumulate(gradient)

        return self._record(a.data + b.data, backward)

    def max_pool(self, x: Variable, size: int) -> Variable:
        """Maximum over tiles of ``size`` by ``size`` pixels. Equal maxima share the gradient."""
        count, height, width, channels = x.data.shape
        tiles = x.data.reshape(count, height // size, size, width // size, size, channels)
        maxima = tiles.max(axis=(2, 4), keepdims=True)

        def backward(gradient: np.ndarray) -> None:
            winners = tiles == maxima
            share = gradient.reshape(maxima.shape) / winners.sum(axis=(2, 4), keepdims=True)
            x.accumulate((winners * share.astype(np.float32)).reshape(x.data.shape))

        return self._record(maxima[:, :, 0, :, 0], backward)

    def mean(self, x: Variable) -> Variable:
        """Mean over height and width, which become 1."""
        count, height, width, channels = x.data.shape

        def backward(gradient: np.ndarray) -> None:
            x.accumulate(np.broadcast_to(gradient / (height * width), x.data.shape))

        return self._record(x.data.mean(axis=(1, 2)).reshape(count, 1, 1, channels), backward)

    def backward(self, gradient: np.ndarray) -> None:
        """Play backwards, from the gradient of the loss by the last result."""
        last, _ = self._steps[-1]
        last.gradient = gradient
        for result, backward in reversed(self._steps):
            backward(result.slope)
