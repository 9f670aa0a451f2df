"""Stripes of weights hold every column once, and lie apart from one another."""

from dataclasses import replace

import numpy as np
import pytest

from intarsia.compiler import compile_network
from intarsia.compiler.blobs import cut
from intarsia.compiler.boxes import Box
from intarsia.compiler.kernels import jobs, pack
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from intarsia.isa.instruction import UNIT, InstructionHeader, ProgramHeader, Stream
from intarsia.isa.kernel import WEIGHTS, ConvDescriptor
from tests.sw.compiler.networks import Builder
from tests.sw.compiler.running import assert_exact

RECORD = 16

#: Input channels, output channels, groups.
CASES = {"plain": (20, 37, 1), "few": (3, 2, 1), "depthwise": (37, 37, 37), "grouped": (12, 18, 3)}


def wide(ports):
    return replace(config("large"), weight_ports=ports)


def layer(case):
    depth, channels, groups = CASES[case]
    builder = Builder(1, (6, 6, depth))
    builder.conv("input", Window(kernel=(3, 3)), channels, groups)
    return builder.ops[0]


def cut_up(op, chip, limit=1 << 20, *, striped=True):
    channels = len(op.weights)
    records = [bytes([n % 256]) * RECORD for n in range(channels)]
    return cut(op, jobs(op, 6, Box(0, 1, 0, channels), chip), records, limit, chip, striped=striped)


@pytest.mark.parametrize("ports", [2, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("limit", [1 << 20, 9000])
def test_columns_are_dealt_out(case, ports, limit):
    op, chip = layer(case), wide(ports)
    for blob in cut_up(op, chip, limit):
        assert len(blob.stripes) == len(blob.buffers) == ports
        assert [buffer.size for buffer in blob.buffers] == [len(part) for part in blob.stripes]
        for piece in blob.pieces:
            job = piece.job
            whole = np.frombuffer(pack(op, job, chip), np.int8).reshape(-1, chip.lanes)
            at = [start // chip.lanes for start in piece.weights]
            stripes = [
                np.frombuffer(stripe, np.int8).reshape(-1, chip.lanes) for stripe in blob.stripes
            ]
            vectors = iter(whole)
            for first in range(0, job.channels, chip.columns):
                columns = min(chip.columns, job.channels - first)
                rows = -(-columns // ports)
                for _ in range(job.chunks(chip)):
                    for column in range(columns):
                        row, stripe = divmod(column, ports)
                        found = stripes[stripe][at[stripe] + row]
                        assert (found == next(vectors)).all()
                    at = [start + rows for start in at]
            assert next(vectors, None) is None
            records = blob.stripes[0][piece.records :][: RECORD * job.channels]
            assert records[::RECORD] == bytes(range(job.first, job.last))


@pytest.mark.parametrize(("ports", "striped"), [(1, True), (4, False)])
def test_one_stripe_is_what_the_engine_reads_alone(ports, striped):
    op, chip = layer("plain"), wide(ports)
    [blob] = cut_up(op, chip, striped=striped)
    [piece] = blob.pieces
    [stripe], [start] = blob.stripes, piece.weights
    weights = pack(op, piece.job, chip)
    assert stripe[start:].startswith(weights)
    assert piece.records == start + len(weights)


def network():
    builder = Builder(3, (1, 1, 90))
    hidden = builder.conv("input", Window(kernel=(1, 1)), 70, 1)
    return builder.network([builder.conv(hidden, Window(kernel=(1, 1)), 21, 1)])


def convolutions(program):
    """Descriptors of the stream of the convolution engine."""
    header = ProgramHeader.from_bits(int.from_bytes(program[:48], "little"))
    at, found = header.start[Stream.CONV.value], []
    size = ConvDescriptor.as_shape().size // 8
    while True:
        about = InstructionHeader.from_bits(int.from_bytes(program[at : at + UNIT], "little"))
        if about.length * UNIT != UNIT + size:
            return found
        body = program[at + UNIT : at + UNIT + size]
        found.append(ConvDescriptor.from_bits(int.from_bytes(body, "little")))
        at += about.length * UNIT


@pytest.mark.parametrize("ports", [1, 2, 4])
def test_stripes_lie_in_different_macro_banks(ports):
    plan = compile_network(network(), config=wide(ports), chips=1, mode=Mode.ONNX)
    [chip] = plan.chips
    works = convolutions(chip.program)
    assert len(works) == 2
    for work in works:
        assert work.striped == (ports > 1)
        operands = [work[name] for name in ("input", *WEIGHTS[:ports])]
        assert len({chip.slots[operand.slot].bank for operand in operands}) == 1 + ports
    assert_exact(network(), plan, 5)


def test_streamed_weights_are_in_one_stripe():
    plan = compile_network(
        network(), config=config("large"), chips=1, mode=Mode.ONNX, streamed=True
    )
    assert [work.striped for work in convolutions(plan.chips[0].program)] == [0, 0]
