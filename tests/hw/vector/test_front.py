"""Accumulators of additions are those of the golden model, before they are requantized."""

import cocotb
import numpy as np
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.golden.rounding import divide_by_power_of_two, round_to_float32
from intarsia.vector.front import ScaleAdd
from tests.hw.common.lanes import packed

#: Sets of lanes per setting.
SETS = 60

#: Factors, and bounds of bias and shifts, by case.
SETTINGS = {
    "small": dict(scales=1 << 12, bias=1 << 14, shift=4),
    "middle": dict(scales=1 << 22, bias=1 << 30, shift=12),
    "large": dict(scales=(1 << 31) - 1, bias=1 << 45, shift=40),
}


class Bench:
    def __init__(self, dut):
        self.unit = ScaleAdd(**parameters())
        self.dut = dut
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        dut.valid_i.value = 0
        dut.final_i.value = 0

    def settings(self, *, scales, bias, shift):
        """Random parameters. Factors may be powers of two, and negative."""
        draw = self.rng.integers
        factors = draw(-scales, scales + 1, 2)
        powers = 1 << draw(0, scales.bit_length(), 2)
        scale_a, scale_b = np.where(self.rng.random(2) < 0.3, powers, factors).tolist()
        zero_a, zero_b = draw(-128, 128, 2).tolist()
        shift_a, shift_b = draw(0, shift, 2).tolist()
        return dict(
            scale_a=scale_a,
            scale_b=scale_b,
            zero_a=zero_a,
            zero_b=zero_b,
            shift_a=shift_a,
            shift_b=shift_b,
            bias=int(draw(-bias, bias)),
        )

    def apply(self, modes, settings):
        for name, value in (modes | settings).items():
            handle = self.dut[name]
            handle.value = value & ((1 << len(handle)) - 1)

    async def run(self, a, b, reduced):
        """Send sets, and return what comes out."""
        received = cocotb.start_soon(self.receive(len(a)))
        for index in range(len(a)):
            await RisingEdge(self.dut.clk)
            self.dut.valid_i.value = 1
            self.dut.final_i.value = index == len(a) - 1
            self.dut.a.value = packed(a[index], 8)
            self.dut.b.value = packed(b[index], 8)
            self.dut.reduced.value = packed(reduced[index], 32)
        await RisingEdge(self.dut.clk)
        self.dut.valid_i.value = 0
        self.dut.final_i.value = 0
        return await received

    async def receive(self, count):
        rows = []
        name = Value.cast(self.unit.acc).name
        while len(rows) < count:
            await FallingEdge(self.dut.clk)
            if self.dut.valid_o.value == 1:
                bits = self.dut[name].value.to_unsigned()
                rows.append([signed(bits >> 48 * lane, 48) for lane in range(self.unit.lanes)])
                assert self.dut.final_o.value == (len(rows) == count)
        return np.array(rows)


def signed(bits, width):
    value = bits & ((1 << width) - 1)
    return value - (value >> width - 1 << width)


def float_sums(a, b, by):
    return a + round_to_float32(b + by["bias"])


def double_sums(a, b, by):
    high_a, high_b = (a + (1 << 10)) >> 11, (b + (1 << 10)) >> 11
    shifted = divide_by_power_of_two(high_a, by["shift_a"])
    return shifted + divide_by_power_of_two(high_b, by["shift_b"])


def plain_sums(a, b, by):
    return a + b + by["bias"]


SUMS = {
    "fp32": (dict(add=1, round=1, rescale=0), float_sums),
    "double": (dict(add=1, round=0, rescale=1), double_sums),
    "plain": (dict(add=1, round=0, rescale=0), plain_sums),
}


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(sums=list(SUMS), case=list(SETTINGS))
async def forms_sums(dut, sums, case):
    """Of any two bytes, with any factors."""
    await start(dut)
    bench = Bench(dut)
    modes, model = SUMS[sums]
    for _ in range(20):
        by = bench.settings(**SETTINGS[case])
        a, b = bench.rng.integers(-128, 128, (2, SETS, bench.unit.lanes))
        bench.apply(modes, by)
        found = await bench.run(a, b, bench.rng.integers(-100, 100, a.shape))
        products = (a - by["zero_a"]) * by["scale_a"], (b - by["zero_b"]) * by["scale_b"]
        np.testing.assert_array_equal(found, model(*products, by), f"{by} {cocotb.RANDOM_SEED}")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def rounds_ties_to_even(dut):
    """FP32, where the sum of product and bias is just between two of 24 bits, or next to it."""
    await start(dut)
    bench = Bench(dut)
    modes, model = SUMS["fp32"]
    b = np.arange(-64, 64)[:, None].repeat(bench.unit.lanes, 1)
    for exponent in range(24, 47):
        half = 1 << exponent - 24
        base = int(bench.rng.integers(1 << exponent, 2 << exponent)) // half * half
        by = dict(scale_a=1, scale_b=max(1, half >> 1), zero_a=0, zero_b=0, shift_a=9, shift_b=9)
        by |= dict(bias=int(bench.rng.choice([-1, 1])) * (base + int(bench.rng.integers(-1, 2))))
        bench.apply(modes, by)
        found = await bench.run(b, b, b)
        np.testing.assert_array_equal(found, model(b, b * by["scale_b"], by))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def passes_what_is_reduced(dut):
    """Pools: int32, plus the bias."""
    await start(dut)
    bench = Bench(dut)
    by = bench.settings(**SETTINGS["large"])
    bench.apply(dict(add=0, round=0, rescale=0), by)
    a, b = bench.rng.integers(-128, 128, (2, SETS, bench.unit.lanes))
    reduced = bench.rng.integers(-1 << 31, 1 << 31, a.shape)
    np.testing.assert_array_equal(await bench.run(a, b, reduced), reduced + by["bias"])


@pytest.mark.parametrize("lanes", [2])
def test_front(simulate, lanes):
    simulate(ScaleAdd, lanes=lanes)
