"""Stripes of a segment hand out all rows once, and have all that they read."""

import itertools
import random

import pytest

from intarsia.compiler.needs import needed
from intarsia.compiler.segments import Segment, Spans
from intarsia.compiler.workload import Workload
from tests.sw.compiler.networks import made_up


def drawn(seed):
    """A network, and a part of its operators."""
    rng = random.Random(seed)
    spans = Spans(Workload.of(made_up(seed, rng.randint(2, 8))))
    count = len(spans.workload.ops)
    first = rng.randrange(count)
    last = rng.randint(first + 1, count)
    return spans, first, last, rng.randint(1, spans.most_stripes(first, last))


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_handed_out_once(seed):
    spans, first, last, stripes = drawn(seed)
    for root in spans.given(first, last):
        height = spans.workload.network.tensors[root].shape[0]
        shares = [spans.share(root, stripes, stripe) for stripe in range(stripes)]
        assert [row for box in shares for row in range(box.top, box.bottom)] == [*range(height)]
        for stripe, share in enumerate(shares):
            assert share in spans.boxes(first, last, stripes, stripe)[root]


@pytest.mark.parametrize("seed", range(40))
def test_stripes_have_what_they_read(seed):
    spans, first, last, stripes = drawn(seed)
    workload = spans.workload
    for stripe in range(stripes):
        boxes = spans.boxes(first, last, stripes, stripe)
        for _, op in workload.ops[first:last]:
            for name, box in zip(
                op.inputs, needed(op, boxes[op.output], workload.network), strict=True
            ):
                assert workload.root_box(name, box) in boxes[workload.roots[name]]


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("stripes", [1, 2, 5])
def test_each_step_comes_once_and_after_those_that_it_needs(stripes, skewed):
    steps = Segment(3, 7, stripes, skewed).steps()
    assert len(steps) == len({*steps}) == 4 * stripes
    for at, stripe in steps:
        if at > 3:
            assert steps.index((at - 1, stripe)) < steps.index((at, stripe))
        if stripe:
            assert steps.index((at, stripe - 1)) < steps.index((at, stripe))


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize(("stripes", "chips"), [(3, 3), (7, 2), (9, 4)])
def test_chips_share_stripes(stripes, chips, skewed):
    """Each is of one chip, and none has more than one stripe more than another."""
    segment = Segment(3, 6, stripes, skewed, chips=chips)
    parts = [segment.part(chip) for chip in range(chips)]
    assert [stripe for part in parts for stripe in part] == [*range(stripes)]
    assert {len(part) for part in parts} <= {segment.most, segment.most - 1}
    for chip, part in enumerate(parts):
        steps = segment.steps(chip)
        assert {*steps} == {(at, stripe) for at in range(3, 6) for stripe in part}
        assert len(steps) == 3 * len(part)
    assert not segment.steps(chips)


def test_skewed_steps_do_not_follow_those_that_they_need():
    steps = Segment(0, 3, 9, skewed=True).steps()
    followers = [
        (before, after) for before, after in itertools.pairwise(steps) if before[1] == after[1]
    ]
    assert not followers[2:-2], "Only where few stripes are under way, steps wait for each other"


def test_what_others_use_crosses():
    for seed in range(40):
        spans, first, last, _ = drawn(seed)
        for root in spans.crossing(first, last):
            assert spans.made[root] < last
            users = [user for user in spans.users[root] if user < len(spans.workload.ops)]
            assert max(users) >= (last if spans.made[root] >= first else first)
