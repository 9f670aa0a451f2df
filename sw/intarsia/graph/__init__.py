"""Quantized networks as every part of the software sees them."""

from intarsia.graph.network import Network, NetworkInput, NetworkOutput
from intarsia.graph.ops import (
    Add,
    AveragePool,
    Concat,
    Conv,
    MaxPool,
    Mean,
    Op,
    Pad,
    Reshape,
    Softmax,
)
from intarsia.graph.tensor import Mode, Tensor

__all__ = [
    "Add",
    "AveragePool",
    "Concat",
    "Conv",
    "MaxPool",
    "Mean",
    "Mode",
    "Network",
    "NetworkInput",
    "NetworkOutput",
    "Op",
    "Pad",
    "Reshape",
    "Softmax",
    "Tensor",
]
