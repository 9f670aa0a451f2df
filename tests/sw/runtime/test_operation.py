"""What passes is begun again, what does not is raised, and nothing goes on for ever."""

import itertools

import pytest

from intarsia.compiler.errors import CompileError
from intarsia.driver.errors import (
    ChipFaultError,
    DriverError,
    DriverTimeoutError,
    NetworkError,
    SystemLostError,
)
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES
from intarsia.runtime import operation
from intarsia.runtime.operation import MOST_RESTARTS, Operation


class Plan:
    """As much of a plan as an operation looks at."""

    network = "some"

    def __init__(self, nodes):
        self.nodes = nodes


class Transport:
    """Time passes whenever somebody looks."""

    def __init__(self):
        self._clock = itertools.count()
        self.avoided = set()

    def avoid(self, nodes):
        self.avoided |= {*nodes}

    @property
    def now(self):
        return next(self._clock)


def fault(code):
    return ChipFaultError(0, decode(FaultReport, encode(FaultReport, {"code": code})))


@pytest.fixture
def system(monkeypatch):
    """An operation over three chips; `dead` holds those that do not answer the next roll call."""
    dead, deployed = [], []

    def begin_anew(_, chips, memories):
        found = {node: f"{node} is dead" for node in (*memories, *chips) if node in dead}
        dead.clear()
        return found

    class Deployment:
        placement = None

        def __init__(self, _, plan, placement, *, version, stores, fenced, on_chips):
            deployed.append((plan.nodes, version))
            self.lost, self.restored, self.stores, self.fenced = {}, {}, stores, fenced

    monkeypatch.setattr(operation, "begin_anew", begin_anew)
    monkeypatch.setattr(operation, "Deployment", Deployment)
    monkeypatch.setattr(operation, "place", lambda _: None)
    monkeypatch.setattr(operation, "explain", lambda *_: "explained")

    def replan(nodes):
        if len(nodes) < 2:
            raise CompileError("too few")
        return Plan(tuple(nodes))

    made = Operation(
        Transport(), Plan((0, 1, 2)), replan, lambda _: None, lambda: ["stands"], replicas=2
    )
    return made, dead, deployed


def failing(*errors):
    """A step that raises these errors, and then is done."""
    left = list(errors)

    def step(_):
        if left:
            raise left.pop(0)
        return "done"

    return step


def test_what_succeeds_needs_no_restart(system):
    made, _, deployed = system
    assert made.do(failing()) == made.do(failing()) == "done"
    assert deployed == [((0, 1, 2), 1)]
    assert made.restarts == []


def test_dead_chips_are_left_out(system):
    made, dead, deployed = system
    dead.append(1)
    assert made.do(failing(NetworkError("silent"))) == "done"
    assert deployed == [((0, 1, 2), 1), ((0, 2), 2)]
    [restart] = made.restarts
    assert restart.cause == "silent; stands"
    assert restart.lost == (1,)
    assert restart.noticed < restart.called < restart.resumed


PASSING = [
    fault(FaultCode.PARITY),
    fault(FaultCode.LINK),
    NetworkError("x"),
    DriverTimeoutError("x"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: str(error)[:30])
def test_what_passes_is_begun_again(system, error):
    made, _, deployed = system
    assert made.do(failing(error)) == "done"
    assert deployed == [((0, 1, 2), 1), ((0, 1, 2), 2)]


@pytest.mark.parametrize("code", [FaultCode.DESCRIPTOR, FaultCode.OWNER, FaultCode.BOUNDS])
def test_what_does_not_pass_is_raised(system, code):
    made, _, _ = system
    with pytest.raises(ChipFaultError, match=f"{code.name}.*; explained; stands"):
        made.do(failing(fault(code)))


@pytest.mark.parametrize("code", [FaultCode.WATCHDOG, FaultCode.WRONG_NODE, FaultCode.SYNC])
def test_lapses_are_begun_again_once(system, code):
    made, _, _ = system
    stuck = [fault(code) for _ in range(2)]
    with pytest.raises(ChipFaultError, match=code.name):
        made.do(failing(*stuck))
    assert len(made.restarts) == 1
    assert made.do(failing(fault(FaultCode.WATCHDOG))) == "done"


def test_there_are_only_so_many_restarts(system):
    made, _, _ = system
    damaged = [fault(FaultCode.PARITY) for _ in range(100)]
    with pytest.raises(ChipFaultError, match="PARITY"):
        made.do(failing(*damaged))
    assert len(made.restarts) == MOST_RESTARTS


def test_too_few_chips_are_named(system):
    made, dead, _ = system
    dead += [0, 2]
    with pytest.raises(SystemLostError, match="0 is dead; 2 is dead; on what is left: too few"):
        made.do(failing(DriverError("x")))


def test_those_that_are_left_know_who_is_dead(system):
    made, dead, _ = system
    dead.append(1)
    made.do(failing(NetworkError("silent")))
    assert made.do(lambda deployment: deployment.fenced) == [1]
    assert made._transport.avoided == {1}
    assert made.lost == {1: made.restarts[0].noticed}


def test_memory_nodes_that_die_need_no_restart(system):
    made, _, _ = system
    made.do(lambda deployment: deployment.lost.update({MEMORY_NODES[0]: 77}))
    assert made.lost == {MEMORY_NODES[0]: 77}
    assert made.restarts == []
    made.do(failing(fault(FaultCode.PARITY)))
    assert made.do(lambda deployment: deployment.stores) == (MEMORY_NODES[1], HOST_NODE)


def test_the_host_has_replicas_at_last(system):
    made, dead, _ = system
    dead += MEMORY_NODES
    assert made.do(failing(NetworkError("x"))) == "done"
    assert made.do(lambda deployment: deployment.stores) == (HOST_NODE,)


def test_the_only_memory_node_is_named(system):
    made, dead, _ = system
    made._replicas, made._memories = 1, MEMORY_NODES[:1]
    dead.append(MEMORY_NODES[0])
    with pytest.raises(SystemLostError, match=r"can.t reach the memory node.*32 is dead"):
        made.do(failing(DriverError("x")))


def test_no_chips_are_named(system):
    made, dead, _ = system
    dead += [0, 1, 2]
    with pytest.raises(SystemLostError, match="No chip is left for network 'some': 0 is dead"):
        made.do(failing(DriverError("x")))
