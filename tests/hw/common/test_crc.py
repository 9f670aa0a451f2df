"""The CRC is that of zlib, for any width, with gaps, from message to message."""

import random
import zlib

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.common.crc import Crc32


async def present(dut, *, word=0, valid=0, start_=0):
    """One cycle; returns the CRC seen in it."""
    await RisingEdge(dut.clk)
    dut.start.value, dut.valid.value, dut.word.value = start_, valid, word
    await FallingEdge(dut.clk)
    return dut.crc.value.to_unsigned()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def agrees_with_zlib(dut, pause):
    """After each word of each message, and in each gap."""
    size = parameters()["width"] // 8
    await start(dut)
    for _ in range(30):
        message = b""
        for n in range(random.choice([1, 2, 40])):
            content = random.choice([bytes(size), b"\xff" * size, random.randbytes(size)])
            message += content
            word = int.from_bytes(content, "little")
            await present(dut, word=word, valid=1, start_=n == 0)
            if n % 2:
                assert await present(dut, word=random.getrandbits(8)) == zlib.crc32(message)
            while random.random() < pause:
                assert await present(dut, word=random.getrandbits(8)) == zlib.crc32(message)
        assert await present(dut) == zlib.crc32(message)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def starts_without_a_word(dut):
    """`start` alone forgets what has come; the next words are the first ones."""
    size = parameters()["width"] // 8
    await start(dut)
    await present(dut, word=random.getrandbits(8), valid=1, start_=1)
    await present(dut, start_=1)
    content = random.randbytes(size)
    assert await present(dut, word=int.from_bytes(content, "little"), valid=1) == 0
    assert await present(dut) == zlib.crc32(content)


@pytest.mark.parametrize("width", [8, 32, 64, 128])
def test_crc(simulate, width):
    simulate(Crc32, width=width)


@pytest.mark.parametrize("width", [0, -8, 12, "8"])
def test_width_rejected(width):
    with pytest.raises(ValueError, match="Width must be a positive multiple of 8"):
        Crc32(width=width)
