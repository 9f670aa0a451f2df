"""Names are few where ATUs are small, and any number is exact."""

from collections import Counter
from dataclasses import replace

import pytest

from intarsia.compiler import FragmentKind, compile_network
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.address import TENSOR_BITS
from intarsia.isa.config import config
from intarsia.isa.fragment import atu_set
from tests.sw.compiler.networks import Builder
from tests.sw.compiler.running import assert_exact


def chain(length=6):
    builder, name = Builder(5, (16, 6, 4)), "input"
    for _ in range(length):
        window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
        name = builder.conv(name, window, 4, groups=1)
    return builder.network([name])


def compiled(sets, ways):
    chip = replace(config("large"), atu_sets=sets, atu_ways=ways)
    return compile_network(chain(), config=chip, chips=4, mode=Mode.ONNX, partition="rows")


def of_kind(plan, kind):
    return [item for item in plan.fragments if item.kind is kind]


@pytest.mark.parametrize(
    ("sets", "ways", "weights", "parts"),
    [(64, 4, 6, 20), (16, 2, 6, 20), (8, 3, 1, 20), (4, 4, 1, 19)],
)
def test_names_are_merged_only_where_the_map_is_small(sets, ways, weights, parts):
    plan = compiled(sets, ways)
    assert len(of_kind(plan, FragmentKind.WEIGHTS)) == weights
    assert len(of_kind(plan, FragmentKind.PART)) <= parts
    assert_exact(chain(), plan, 0)
    for chip in plan.chips:
        sets_used = Counter(
            atu_set(plan.fragments[n].data_id, plan.fragments[n].fragment, sets)
            for n in chip.fragments
        )
        assert max(sets_used.values()) <= ways


def test_names_are_unique_and_of_the_owner():
    plan = compiled(64, 4)
    names = {(item.data_id, item.fragment) for item in plan.fragments}
    assert len(names) == len(plan.fragments)
    assert {data_id >> TENSOR_BITS for data_id, _ in names} == {plan.owner}


def test_equal_weights_are_kept_once():
    plan = compiled(64, 4)
    sizes = [item.size for item in of_kind(plan, FragmentKind.WEIGHTS)]
    assert sum(sizes) < 2 * sum(op.weights.size + 16 * 4 for op in chain().ops) * 4


def test_more_than_an_atu_holds_is_no_matter():
    plan = compiled(2, 1)
    assert min(len(chip.fragments) for chip in plan.chips) > 2
    assert_exact(chain(), plan, 0)
