"""Jobs cover the channels of a convolution once; their blobs are as large as they say."""

from itertools import product

import numpy as np
import pytest

from intarsia.compiler.boxes import Box
from intarsia.compiler.kernels import jobs, pack, tiles
from intarsia.graph.ops import Window
from intarsia.isa.config import CONFIGS, config
from tests.sw.compiler.networks import Builder

#: Input channels, output channels, groups, kernel.
CASES = {
    "plain": (5, 21, 1, (3, 3)),
    "pointwise": (40, 33, 1, (1, 1)),
    "depthwise": (21, 21, 21, (3, 3)),
    "depthwise-of-few": (3, 3, 3, (3, 3)),
    "multiplier": (12, 36, 12, (3, 2)),
    "grouped": (12, 18, 3, (2, 3)),
}


def layer(case):
    depth, channels, groups, kernel = CASES[case]
    builder = Builder(1, (6, 6, depth))
    builder.conv("input", Window(kernel=kernel), channels, groups)
    return builder.ops[0]


@pytest.mark.parametrize("size", CONFIGS)
@pytest.mark.parametrize("case", CASES)
def test_weights_meet_the_inputs_they_belong_to(case, size):
    """Every stored weight times a marked input gives what the operator's own weight gives."""
    op, chip = layer(case), config(size)
    total, kernel_y, kernel_x, depth = op.weights.shape
    box = Box(0, 1, total // 3, total)
    covered = []
    for job in jobs(op, 6, box, chip):
        covered += range(job.first, job.last)
        stored = np.frombuffer(pack(op, job, chip), np.int8)
        assert len(stored) == job.weight_bytes(chip)
        values = _unpacked(stored, job, chip)
        for channel in range(job.first, job.last):
            group = channel // (total // op.groups) * depth
            expected = np.zeros((kernel_y, kernel_x, job.depth), np.int8)
            start = group - job.source
            expected[:, :, start : start + depth] = op.weights[channel]
            assert (values[channel - job.first] == expected).all()
    assert covered == [*range(box.first, box.last)]


def _unpacked(stored, job, chip):
    """Weights as ``(channel, ky, kx, channel seen)``, by the definition of the format."""
    (kernel_y, kernel_x), lanes = job.kernel, chip.lanes
    values = np.zeros((job.channels, kernel_y, kernel_x, job.depth), np.int8)
    at = 0
    for first in range(0, job.channels, chip.columns):
        columns = min(chip.columns, job.channels - first)
        if job.diagonal:
            for ky, kx in np.ndindex(kernel_y, kernel_x):
                for column in range(columns):
                    values[first + column, ky, kx, first + column] = stored[at + column]
                at += lanes
            continue
        if job.sliding:
            for column, (ky, kx) in product(range(columns), np.ndindex(kernel_y, kernel_x)):
                tap = 3 * (kernel_y - 1 - ky) + kernel_x - 1 - kx
                values[first + column, ky, kx, first + column] = stored[at + column * lanes + tap]
            at += columns * lanes
            continue
        if job.packed:
            taps = list(np.ndindex(kernel_y, kernel_x, job.depth))
            for start in range(0, len(taps), lanes):
                for column in range(columns):
                    for lane, (ky, kx, seen) in enumerate(taps[start : start + lanes]):
                        values[first + column, ky, kx, seen] = stored[at + lane]
                    at += lanes
            continue
        run = kernel_x * job.depth if job.dense else job.depth
        for ky in range(kernel_y):
            for kx in range(1 if job.dense else kernel_x):
                for start in range(0, run, lanes):
                    for column in range(columns):
                        vector = stored[at : at + lanes]
                        at += lanes
                        for lane in range(min(lanes, run - start)):
                            x, seen = divmod(start + lane, job.depth)
                            values[first + column, ky, kx + x, seen] = vector[lane]
    assert at == len(stored)
    return values


@pytest.mark.parametrize("limit", [200, 700, 5000, 1 << 20])
@pytest.mark.parametrize("case", CASES)
def test_tiles_are_small_enough_and_complete(case, limit):
    op, chip = layer(case), config("ecp5-85k")
    for job in jobs(op, 6, Box(0, 1, 0, len(op.weights)), chip):
        pieces = tiles(job, limit, chip)
        if pieces is None:
            assert job.chunks(chip) * chip.lanes + 16 > limit
            continue
        assert [piece.first for piece in pieces[1:]] == [piece.last for piece in pieces[:-1]]
        assert (pieces[0].first, pieces[-1].last) == (job.first, job.last)
        assert max(piece.blob_bytes(chip) for piece in pieces) <= limit


def test_few_depthwise_channels_share_vectors():
    """Three channels of a row of three taps fit one vector: cheaper than a vector per tap."""
    [job] = jobs(layer("depthwise-of-few"), 6, Box(0, 1, 0, 3), config("ecp5-85k"))
    assert not job.diagonal
    assert job.cycles((1, 1), config("ecp5-85k")) == 6
    [job] = jobs(layer("depthwise"), 6, Box(0, 1, 0, 21), config("ecp5-85k"))
    assert job.diagonal
