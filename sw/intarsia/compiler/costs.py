"""Estimates of cycles, by which partitions are compared. Exactness does not hang on them."""

from intarsia.compiler.boxes import Box
from intarsia.compiler.kernels import jobs
from intarsia.graph import Add, AveragePool, Concat, Conv, MaxPool, Mean, Network, Op, Pad
from intarsia.isa.config import ChipConfig

__all__ = ["SYNC_CYCLES", "compute_cycles", "macs", "transfer_cycles", "weight_cycles"]

#: Of a barrier, and the latency of the first reply after it.
SYNC_CYCLES = 200

#: Bytes that a row of a transfer costs beyond its own, where it travels as a packet.
PACKET_BYTES = 48


def macs(op: Op, box: Box, network: Network) -> int:
    """Multiplications by weights that `box` of the output of `op` takes, padding included."""
    if not isinstance(op, Conv):
        return 0
    _, kernel_y, kernel_x, depth = op.weights.shape
    width = network.tensors[op.output].shape[1]
    return box.rows * width * box.channels * kernel_y * kernel_x * depth


def compute_cycles(op: Op, box: Box, network: Network, config: ChipConfig) -> int:
    """Cycles in which a chip computes `box` of the output of `op`."""
    if not box:
        return 0
    pixels = box.rows * network.tensors[op.output].shape[1]
    vectors = pixels * -(-box.channels // config.lanes)
    match op:
        case Conv():
            width = network.tensors[op.inputs[0]].shape[1]
            work = jobs(op, width, box, config)
            return sum(pixels * job.cycles(op.window.stride, config) for job in work)
        case MaxPool() | AveragePool():
            return vectors * op.window.kernel[0] * op.window.kernel[1]
        case Mean():
            height, width, _ = network.tensors[op.inputs[0]].shape
            return vectors * height * width
        case Add():
            return 2 * vectors
        case Concat() | Pad():
            return vectors
        case _:
            raise TypeError(f"Operator {op.name!r} is of unknown type {type(op).__name__}")


def weight_cycles(op: Op, box: Box, network: Network, config: ChipConfig) -> int:
    """Cycles in which the weights for `box` of the output of `op` come over a link."""
    if not (box and isinstance(op, Conv)):
        return 0
    work = jobs(op, network.tensors[op.inputs[0]].shape[1], box, config)
    return sum(job.blob_bytes(config) for job in work) // config.link_bytes


def transfer_cycles(box: Box, width: int, outer: Box, config: ChipConfig) -> int:
    """Cycles in which `box`, a part of what some node holds of a map, comes over a link."""
    pixels = box.rows * width
    size = pixels * box.channels
    packets = pixels if box.channels < outer.channels else -(-size // 1024)
    return (size + packets * PACKET_BYTES) // config.link_bytes
