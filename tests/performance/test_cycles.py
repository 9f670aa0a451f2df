"""No case takes more cycles than accepted, and nothing more is accepted without a reason."""

import pytest

from tests.performance.baseline import TOLERANCE, raised, read
from tests.performance.cases import CASES
from tests.performance.measure import measure

pytestmark = pytest.mark.system

BY_NAME = {case.name: case for case in CASES}
SHORT = [case for case in CASES if not case.long]


def check(name, folder):
    figure = measure(BY_NAME[name], folder)
    accepted = read()[name]["cycles"]
    assert figure.cycles <= accepted * (1 + TOLERANCE), (
        f"{name} takes {figure.cycles} cycles, and {accepted} are accepted; if there is a reason, "
        "`python -m tests.bench --accept` and say it in docs/performance.md"
    )


@pytest.mark.parametrize("name", [case.name for case in SHORT if not case.real])
def test_cycles_are_no_more_than_accepted(name):
    check(name, None)


@pytest.mark.parametrize("name", [case.name for case in SHORT if case.real])
def test_cycles_of_real_networks_are_no_more_than_accepted(name, inputs_folder):
    check(name, inputs_folder)


def test_cases_of_one_name_are_measured_in_one_way():
    ways = {(case.name, case.span, case.tiled, case.link_latency) for case in CASES}
    assert len(ways) == len(BY_NAME)


def test_all_cases_have_an_entry():
    assert list(BY_NAME) == list(read())


def test_raised_entries_have_a_reason():
    reasons = raised()
    for name, entry in read().items():
        assert entry["least"] <= entry["cycles"]
        if entry["least"] < entry["cycles"]:
            assert name in reasons, f"{name} was raised from {entry['least']}: say why"
            cycles, reason = reasons[name]
            assert cycles == entry["cycles"], f"{name}: the reason is for {cycles} cycles"
            assert len(reason.split()) >= 3, f"{name}: {reason!r} is no reason"
