"""What the vector engine computes."""

from collections.abc import Iterator

import numpy as np
from amaranth.lib import data

from intarsia.golden import Requantization, requantize
from intarsia.golden.add import Addition, add_integers
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import VectorOp
from intarsia.model.faults import ModelFaultError
from intarsia.model.memory import Memory, as_signed

__all__ = ["combine", "read_extents", "write_extents"]


def combine(
    memory: Memory, opcode: VectorOp, work: data.Const, chain: np.ndarray | None = None
) -> None:
    """Executes `work`: reads inputs from `memory`, and writes the output there.

    Parameters
    ----------
    memory : bytearray or numpy.ndarray
        All of the chip's memory.
    opcode : VectorOp
        What to do.
    work : data.Const of VectorDescriptor
        Operands hold addresses.
    chain : numpy.ndarray or None
        int8, ``(pixels, channels)``: what a chained instruction takes for its operand `a`.

    Raises
    ------
    :exc:`ModelFaultError`
        If that is not as large as the instruction takes it for.
    """
    stored = as_signed(memory)
    match opcode:
        case VectorOp.ADD:
            a = stored[_a(work)] if chain is None else _chained(chain, _b(work).shape)
            b = stored[_b(work)]
            first, second = (b, a) if work.swapped else (a, b)
            y = add_integers(first, second, _addition(work))
        case VectorOp.POOL_MAX:
            y = np.clip(_reduced(np.maximum, stored, work, chain), work.low, work.high)
        case VectorOp.POOL_SUM:
            acc = _reduced(np.add, stored, work, chain) + work.bias
            y = requantize(acc, _requantization(work, half=work.scale_a))
    stored[_output(work)] = y


def read_extents(opcode: VectorOp, work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand read, addresses of its first byte and of the first after its last."""
    extents = {}
    if not work.chained:
        extents["a"] = _extent(_a(work) if opcode is VectorOp.ADD else _tap_addresses(work))
    if opcode is VectorOp.ADD:
        extents["b"] = _extent(_b(work))
    return extents


def write_extents(work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand written, addresses of its first byte and of the first after its last."""
    return {"output": _extent(_output(work))}


def _requantization(work: data.Const, half: int = 0) -> Requantization:
    return Requantization(
        work.rounding,
        work.multiplier,
        work.shift,
        work.out_zero_point,
        work.low,
        work.high,
        half,
    )


def _addition(work: data.Const) -> Addition:
    return Addition(
        work.zero_a,
        work.zero_b,
        work.scale_a,
        work.scale_b,
        work.bias,
        _requantization(work),
        work.shift_a,
        work.shift_b,
    )


def _addresses(work: data.Const, start: int, row_step: int, pixel_step: int) -> np.ndarray:
    """Addresses of ``(row, pixel, channel)``."""
    oy, ox, channel = np.ogrid[: work.out_height, : work.out_width, : work.channels]
    return start + oy * row_step + ox * pixel_step + channel


def _a(work: data.Const) -> np.ndarray:
    return _addresses(work, work.a.offset, work.row_step, work.pixel_step)


def _b(work: data.Const) -> np.ndarray:
    return _addresses(work, work.b.offset, work.tap_row_step, work.tap_step)


def _output(work: data.Const) -> np.ndarray:
    return _addresses(work, work.output.offset, work.out_row_step, work.out_pixel_step)


def _tap_addresses(work: data.Const) -> np.ndarray:
    """Addresses of ``(row, pixel, row of window, column of window, channel)``."""
    ky, kx = np.ogrid[: work.taps_y, : work.taps_x]
    taps = ky * work.tap_row_step + kx * work.tap_step
    return _a(work)[:, :, None, None, :] + taps[:, :, None]


def _reduced(
    by: np.ufunc, stored: np.ndarray, work: data.Const, chain: np.ndarray | None
) -> np.ndarray:
    """Each window by one number per channel: int64, ``(row, pixel, channel)``."""
    if chain is None:
        taps = stored[_tap_addresses(work)].astype(np.int64)
        return by.reduce(by.reduce(taps, axis=3), axis=2)
    taken = _chained(chain, (work.taps_y, work.taps_x, work.channels)).astype(np.int64)
    for axis, windows, count in ((0, work.down, work.out_height), (1, work.across, work.out_width)):
        rows = np.moveaxis(taken, axis, 0)
        reduced = [by.reduce(rows[start:stop]) for start, stop in _spans(windows, count, len(rows))]
        taken = np.moveaxis(np.stack(reduced), 0, axis)
    return taken


def _spans(windows: data.Const, count: int, length: int) -> Iterator[tuple[int, int]]:
    """Along one axis, the first of each window and the first after it."""
    for number in range(count):
        later = number - windows.begun
        start = windows.wait + later * windows.stride if later >= 0 else 0
        stop = windows.left + number * windows.stride if windows.stride else length
        yield start, min(stop, length)


def _chained(chain: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`chain` in another shape, with as many pixels and channels."""
    if chain.shape != (int(np.prod(shape[:-1])), shape[-1]):
        pixels, channels = chain.shape
        raise ModelFaultError(
            FaultCode.DESCRIPTOR,
            f"{pixels} pixels of {channels} bytes come from the convolution; the instruction that "
            f"takes them is for {' x '.join(map(str, shape))}",
        )
    return chain.reshape(shape)


def _extent(addresses: np.ndarray) -> tuple[int, int]:
    return int(addresses.min()), int(addresses.max()) + 1
