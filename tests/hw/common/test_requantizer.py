"""Every int8 that leaves the requantizer is the one that the golden model computes."""

import random

import cocotb
import numpy as np
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.common.requantizer import Requantizer
from intarsia.golden.requantize import Requantization, fp32_integers, reciprocal, requantize
from intarsia.golden.rounding import quantize_multiplier
from intarsia.isa.numerics import Rounding
from tests.hw.common.lanes import packed

#: Sets of lanes per case and simulation.
SETS = 800


class Bench:
    def __init__(self, dut, *, pause=0.0):
        self.unit = Requantizer(**parameters())
        self.dut = dut
        self.pause = pause
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        dut.valid_i.value = 0

    @property
    def shape(self):
        return SETS, self.unit.lanes

    def integers(self, low, high, size=None):
        return self.rng.integers(low, high, size or self.shape)

    def magnitudes(self, bits):
        """Signed integers of any magnitude up to `bits` bits, each as likely as the others."""
        size = self.integers(0, bits + 1)
        top = (np.int64(1) << size) - 1
        low = (np.int64(1) << size) >> 1
        return (low + self.rng.integers(0, top - low + 1)) * self.rng.choice([-1, 1], self.shape)

    def bounds(self):
        """Zero points and clamps, of each set."""
        zero_point, first, second = self.integers(-128, 128, (3, SETS, 1))
        if self.rng.random() < 0.5:
            return zero_point, np.full_like(first, -128), np.full_like(first, 127)
        return zero_point, np.minimum(first, second), np.maximum(first, second)

    async def check(self, rounding, acc, multiplier, shift, half=0):
        """Send sets, and compare what comes out."""
        multiplier, shift, half = (
            np.broadcast_to(x, self.shape).astype(np.int64) for x in (multiplier, shift, half)
        )
        zero_point, low, high = self.bounds()
        by = Requantization(rounding, multiplier, shift, zero_point, low, high, half)
        expected = requantize(acc, by)

        received = cocotb.start_soon(self.receive(len(acc)))
        for index in range(len(acc)):
            while random.random() < self.pause:
                await self.drive(valid_i=0)
            await self.drive(
                valid_i=1,
                acc=packed(acc[index], self.unit.acc_width),
                multiplier=packed(multiplier[index], 32),
                shift=packed(shift[index], 8),
                rounding=rounding.value,
                half=int(half[index, 0]),
                zero_point=int(zero_point[index, 0]) & 0xFF,
                low=int(low[index, 0]) & 0xFF,
                high=int(high[index, 0]) & 0xFF,
            )
        await self.drive(valid_i=0)
        found = await received
        for where in np.argwhere(found != expected)[:1]:
            at = tuple(where)
            raise AssertionError(
                f"{rounding.name}: acc {acc[at]} m {multiplier[at]} s {shift[at]} half {half[at]} "
                f"zero point {zero_point[at[0]]} gives {found[at]}, not {expected[at]}; "
                f"seed {cocotb.RANDOM_SEED}"
            )

    async def drive(self, **values):
        await RisingEdge(self.dut.clk)
        for name, value in values.items():
            self.dut[name].value = value

    async def receive(self, count):
        rows = []
        name = Value.cast(self.unit.values).name
        while len(rows) < count:
            await FallingEdge(self.dut.clk)
            if self.dut.valid_o.value == 1:
                bits = self.dut[name].value.to_unsigned()
                rows.append(np.frombuffer(bits.to_bytes(self.unit.lanes, "little"), np.int8))
        return np.array(rows)


def floats(rng, shape):
    """Float32 multipliers: any, and powers of two, between 2**-35 and 2**10."""
    exponents = rng.integers(-35, 10, shape)
    fractions = np.where(rng.random(shape) < 0.3, 0.5, rng.uniform(0.5, 1, shape))
    return np.ldexp(fractions, exponents + 1).astype(np.float32)


def near_results(bench, multiplier, shift):
    """Accumulators whose results are near the middle between two int8, where rounding matters."""
    halves = bench.integers(-600, 600) / 2
    near = np.rint(halves * np.exp2(shift) / np.maximum(multiplier, 1))
    return np.clip(near, -(2.0**31), 2.0**31 - 1).astype(np.int64) + bench.integers(-1, 2)


def nearly_ties(count):
    """Triples m, s, acc: results above a tie by what the product's rounding must not forget.

    The product is 48 bits long: of the 24 that are kept, the first ones are those of k + 1/2, k
    even, and the others zero; those that are lost are 1, 1, 0, 0, ...
    """
    for k in range(0, 128, 2):
        bits = (2 * k + 1).bit_length()
        odd = ((2 * k + 1) << (26 - bits)) + 3
        for factor in range(9, 1 << 13, 2):
            if odd % factor == 0:
                m, acc = (part << 24 - part.bit_length() for part in (factor, odd // factor))
                if m * acc == odd << 22:
                    yield m, 49 - bits, acc
                    count -= 1
                    if not count:
                        return


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(case=["any", "near", "extremes", "nearly ties"], pause=[0.0, 0.3])
async def rounds_as_float32_does(dut, case, pause):
    """FP32, of any accumulator, scale, and power of two."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    m, s = fp32_integers(floats(bench.rng, bench.shape))
    edge = 1 << bench.unit.acc_width - 1
    match case:
        case "any":
            acc = bench.magnitudes(bench.unit.acc_width - 1)
            s = np.where(bench.rng.random(bench.shape) < 0.2, bench.integers(-8, 76), s)
        case "near":
            acc = near_results(bench, m, s)
        case "extremes":
            near = [0, 1, -1, 1 << 24, (1 << 24) + 1, -(1 << 24) - 3, edge - 1, 1 - edge, -edge]
            acc = bench.rng.choice(near, bench.shape)
        case "nearly ties":
            m, s, acc = bench.rng.choice(list(nearly_ties(100)), bench.shape).transpose(2, 0, 1)
            acc = acc * bench.rng.choice([-1, 1], bench.shape)
    await bench.check(Rounding.FP32, acc, m, s)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def keeps_the_rounding_between(dut):
    """FP32, where rounding the product to 24 bits first makes a tie of what was none."""
    await start(dut)
    bench = Bench(dut)
    s = bench.integers(40, 47)
    halves = 2 * bench.integers(4, 128) + 1
    acc = bench.integers(1 << 23, 1 << 24)
    m = np.rint(halves * np.exp2(s - 1) / acc).astype(np.int64)
    tie = halves << (s - 1)
    nearly = (acc * m != tie) & (np.abs(acc * m - tie) < 1 << 23) & (m >> 23 == 1)
    assert nearly.mean() > 0.05
    acc = np.where(nearly, acc, 0) * bench.rng.choice([-1, 1], bench.shape)
    await bench.check(Rounding.FP32, acc, m, s)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(case=["any", "near", "left"])
async def rounds_twice(dut, case):
    """DOUBLE, shifts to the left that wrap among them."""
    await start(dut)
    bench = Bench(dut)
    m = bench.integers(1 << 30, 1 << 31)
    acc = bench.magnitudes(31)
    match case:
        case "any":
            s = bench.integers(-32, 1)
        case "near":
            m = np.where(bench.rng.random(bench.shape) < 0.5, 1 << 30, m)
            s = bench.integers(-22, 0)
            acc = near_results(bench, m, 31 - s)
        case "left":
            s = bench.integers(0, 32)
    await bench.check(Rounding.DOUBLE, acc, m, s)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def folds_means(dut):
    """DOUBLE, with multipliers that a number of values is folded into."""
    await start(dut)
    bench = Bench(dut)
    pairs = [quantize_multiplier(float(x)) for x in floats(bench.rng, (SETS,))]
    counts = bench.integers(1, 1 << 12, SETS)
    m, s = np.array(pairs, np.int64).T
    fold = np.minimum(np.int64(np.log2(counts)), 31 + np.clip(s, -31, 0))
    m, s = (m << fold) // counts, np.clip(s, -31, 0) - fold
    acc = bench.integers(-128, 128) * counts[:, None]
    await bench.check(Rounding.DOUBLE, acc, m[:, None], s[:, None])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(largest=[4, 64, 4096, 1 << 20])
async def takes_means(dut, largest):
    """MEAN of up to `largest` bytes."""
    await start(dut)
    bench = Bench(dut)
    count = np.maximum(1, bench.integers(1, largest + 1, (SETS, 1)))
    integers = [reciprocal(int(n), 128 * int(n) + int(n) // 2) for n in count.flat]
    m, s = np.array(integers, np.int64).T[:, :, None]
    edges = bench.integers(-256, 257) * count // 2 + bench.integers(-1, 2)
    acc = np.where(
        bench.rng.random(bench.shape) < 0.5, edges, bench.integers(-128 * count, 128 * count + 1)
    )
    acc = np.clip(acc, -128 * count, 128 * count)
    await bench.check(Rounding.MEAN, acc, m, s, count // 2)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(case=["any", "sums"])
async def rounds_half_up(dut, case):
    """HALF_UP, also of what has been multiplied before."""
    await start(dut)
    bench = Bench(dut)
    s = bench.integers(1, 49)
    m = bench.integers(1, 1 << 16) if case == "any" else np.ones(bench.shape, np.int64)
    acc = np.where(
        bench.rng.random(bench.shape) < 0.5, bench.magnitudes(32), near_results(bench, m, s)
    )
    await bench.check(Rounding.HALF_UP, acc, m, s)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_time(dut):
    """Results come `latency` cycles after their accumulators."""
    await start(dut)
    bench = Bench(dut)
    await bench.drive(valid_i=1)
    await bench.drive(valid_i=0)
    for _ in range(bench.unit.latency - 1):
        assert dut.valid_o.value == 0
        await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert dut.valid_o.value == 1


@pytest.mark.parametrize(("lanes", "acc_width"), [(4, 33), (2, 48)])
def test_requantizer(simulate, lanes, acc_width):
    simulate(Requantizer, lanes=lanes, acc_width=acc_width)


@pytest.mark.parametrize("lanes", [0, -1, 2.5, None])
def test_lanes_rejected(lanes):
    with pytest.raises(TypeError, match="Lanes must be a positive integer"):
        Requantizer(lanes=lanes, acc_width=33)


@pytest.mark.parametrize("acc_width", [32, 65, None])
def test_acc_width_rejected(acc_width):
    with pytest.raises(ValueError, match="Accumulator width must be in 33"):
        Requantizer(lanes=1, acc_width=acc_width)
