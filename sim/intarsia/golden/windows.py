"""Windows that move over maps: views for convolutions and pools."""

import numpy as np

from intarsia.graph.ops import Window

__all__ = ["spread"]


def spread(x: np.ndarray, window: Window, fill: int) -> np.ndarray:
    """All windows of a map.

    Parameters
    ----------
    x : numpy.ndarray
        ``(..., height, width, channels)``.
    window : Window
        How windows move.
    fill : int
        Value of padding.

    Returns
    -------
    numpy.ndarray
        Read-only view, ``(..., output height, output width, channels, kernel height, kernel
        width)``.
    """
    top, left, bottom, right = window.padding
    if any(window.padding):
        outer = [(0, 0)] * (x.ndim - 3)
        pad = [*outer, (top, bottom), (left, right), (0, 0)]
        x = np.pad(x, pad, constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(-3, -2))
    (sy, sx), (dy, dx) = window.stride, window.dilation
    return views[..., ::sy, ::sx, :, ::dy, ::dx]
