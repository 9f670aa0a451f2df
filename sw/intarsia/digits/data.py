"""The images: scikit-learn's copy of the UCI handwritten digits, 8x8 pixels in 17 greys.

The data set lists its writers one after another. The last 360 images, a fifth, are held out, so
that most hands among them are hands the network has never seen.
"""

import numpy as np
from sklearn.datasets import load_digits

__all__ = ["HELD_OUT", "held_out", "training"]

HELD_OUT = 360


def _load() -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return images, labels.astype(np.int64)


def training() -> tuple[np.ndarray, np.ndarray]:
    """Images to learn from: float32 (1437, 1, 8, 8) in 0..1, and their digits, int64."""
    images, labels = _load()
    return images[:-HELD_OUT], labels[:-HELD_OUT]


def held_out() -> tuple[np.ndarray, np.ndarray]:
    """Images that training never sees: float32 (360, 1, 8, 8) in 0..1, and their digits, int64."""
    images, labels = _load()
    return images[-HELD_OUT:], labels[-HELD_OUT:]
