"""Pieces are where NumPy says that the bytes of a span lie."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.utils import get_sim_time

from intarsia.bench import StreamSink, StreamSource, parameters, start
from intarsia.dma.pieces import Pieces


class Bench:
    def __init__(self, dut, *, pause=0.0):
        pieces = Pieces(**parameters())
        self.beat_bytes = pieces.config.link_bytes
        self.bank_bytes = pieces.config.bank_bytes
        self.span = StreamSource(dut, pieces.span, pause=pause)
        self.piece = StreamSink(dut, pieces.piece, pause=pause)

    def send(self, length, left, row_bytes, pitch, address):
        """Send a span. Returns the address of each of its bytes, and where rows begin."""
        self.span.send(
            dict(
                address=address,
                left=left,
                row_bytes=row_bytes,
                gap=(pitch - row_bytes) & 0xFFFFFF,
                length=length,
                context=1,
            )
        )
        rows = -(-length // row_bytes) + 1
        start = address + left - row_bytes
        grid = start + pitch * np.arange(rows)[:, None] + np.arange(row_bytes)
        skip = row_bytes - left
        columns = np.broadcast_to(np.arange(row_bytes), grid.shape).ravel()
        return grid.ravel()[skip : skip + length], columns[skip : skip + length] == 0

    async def expect(self, addresses, begins):
        """Compare all pieces: each has what is left of its beat, its row, and the span."""
        at, count = 0, len(addresses)
        while at < count:
            beat = at - at % self.beat_bytes
            end = at + 1
            while end < min(count, beat + self.beat_bytes) and not begins[end]:
                end += 1
            piece = await self.piece.receive()
            lanes = [n for n in range(self.beat_bytes) if piece["mask"] >> n & 1]
            assert lanes == list(range(at - beat, end - beat))
            base = piece["address"] - piece["address"] % self.bank_bytes
            places = [base + (piece["address"] + n) % self.bank_bytes for n in lanes]
            assert places == addresses[at:end].tolist()
            assert piece["beat_ends"] == (end == count or end % self.beat_bytes == 0)
            assert piece["span_ends"] == (end == count)
            assert piece["context"] == 1
            at = end


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def covers_spans(dut, pause):
    """Rows of any length, or the same row again; part of a first row; both ends of a macro-bank."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(120):
        row_bytes = random.choice([1, 2, 3, 5, 8, 15, 16, 17, 33, 200])
        length = random.choice([1, 2, 15, 16, 17, 100, random.randint(1, 300)])
        left = random.randint(1, row_bytes)
        pitch = random.choice([row_bytes, row_bytes + 1, row_bytes + 3, 0])
        rows = 1 - (-(length - left) // row_bytes) if length > left else 1
        used = (rows - 1) * pitch + row_bytes
        row = random.choice([0, bench.bank_bytes - used, random.randrange(bench.bank_bytes - used)])
        address = bench.bank_bytes + row + row_bytes - left
        await bench.expect(*bench.send(length, left, row_bytes, pitch, address))


@cocotb.test(timeout_time=200, timeout_unit="us")
async def never_idles(dut):
    """A piece per cycle, also from span to span."""
    await start(dut)
    bench = Bench(dut)
    size = 8 * bench.beat_bytes
    first, *rest = [bench.send(size, size, size, size, 0) for _ in range(5)]
    await bench.expect(*first)
    begin = get_sim_time("ns")
    for span in rest:
        await bench.expect(*span)
    assert get_sim_time("ns") - begin == 10 * 8 * len(rest)


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_pieces(simulate, config):
    simulate(Pieces, config=config)
