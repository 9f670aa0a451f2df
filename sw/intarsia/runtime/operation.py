"""A network in operation, over chips that may fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from intarsia.compiler.errors import CompileError
from intarsia.compiler.placement import place
from intarsia.compiler.plan import Plan
from intarsia.driver.errors import (
    ChipFaultError,
    DriverError,
    NetworkError,
    SilentNodeError,
    SystemLostError,
)
from intarsia.driver.roll_call import begin_anew
from intarsia.driver.transport import Transport
from intarsia.isa.faults import FaultCode
from intarsia.isa.topologies import TopologyError
from intarsia.runtime.deployment import Deployment

__all__ = ["Operation", "Restart"]

Result = TypeVar("Result")

#: Faults that are over when everything has been brought to its place again.
PASSING = (FaultCode.PARITY, FaultCode.LINK, FaultCode.TRANSACTION)

#: Restarts without anything done in between, after which the last error is raised.
MOST_RESTARTS = 32


@dataclass(frozen=True)
class Restart:
    """One time that everything was brought to its place again.

    Members
    -------
    cause : str
        What was noticed.
    lost : tuple of int
        Chips that were found dead.
    noticed, called, resumed : int
        Cycles in which the driver learned of it, in which it had called all chips, and in which
        they were started again.
    """

    cause: str
    lost: tuple[int, ...]
    noticed: int
    called: int
    resumed: int | None = None


class Operation:
    """Keeps a plan deployed, and another one when chips have died.

    Whenever something goes wrong, all chips are reset, so that nothing that was under way can do
    harm, and called; those that are silent are left out from then on, the network is
    planned anew for the others, its programs and weights are brought to their places, and what was
    to be done is begun again.

    Parameters
    ----------
    transport : Transport
    plan : Plan
        For all chips.
    replan : callable
        Plan of the same network for some nodes.
    deploying : callable
        Called with the plan before it is brought to its places: nothing runs then.

    Members
    -------
    plan : Plan
        What is deployed.
    restarts : list of Restart
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        replan: Callable[[Sequence[int]], Plan],
        deploying: Callable[[Plan], None],
    ) -> None:
        self._transport = transport
        self._replan, self._deploying = replan, deploying
        self._deployment: Deployment | None = None
        self.plan = plan
        self.restarts: list[Restart] = []

    def do(self, step: Callable[[Deployment], Result]) -> Result:
        """What `step` returns. It is called with what is deployed, again after each restart.

        Raises
        ------
        :exc:`SystemLostError`
            If what is left can't go on.
        :exc:`DriverError`
            For what a restart does not cure.
        """
        before = len(self.restarts)
        while True:
            try:
                if self._deployment is None:
                    self._deployment = self._deploy()
                return step(self._deployment)
            except DriverError as error:
                if len(self.restarts) - before >= MOST_RESTARTS:
                    raise
                self._recover(error)

    def _deploy(self) -> Deployment:
        self._deploying(self.plan)
        version = 1 + len(self.restarts)
        deployment = Deployment(self._transport, self.plan, place(self.plan), version=version)
        if self.restarts and self.restarts[-1].resumed is None:
            self.restarts[-1] = replace(self.restarts[-1], resumed=self._transport.now)
        return deployment

    def _recover(self, error: DriverError) -> None:
        """Find out who is left, and plan for them; or raise."""
        noticed = self._transport.now
        lost = begin_anew(self._transport, self.plan.nodes)
        called = self._transport.now
        if not lost and not _passing(error):
            raise error
        left = [node for node in self.plan.nodes if node not in lost]
        told = "; ".join(lost.values())
        if not left:
            raise SystemLostError(f"No chip is left for network {self.plan.network!r}: {told}")
        if lost:
            try:
                self._transport.avoid(lost)
                self.plan = self._replan(left)
            except (CompileError, TopologyError) as refusal:
                raise SystemLostError(f"{told}; on what is left: {refusal}") from refusal
        self._deployment = None
        self.restarts.append(Restart(str(error), tuple(lost), noticed, called))


def _passing(error: DriverError) -> bool:
    """Whether the cause is over when all chips have been reset."""
    if isinstance(error, ChipFaultError):
        return error.code in PASSING
    return isinstance(error, NetworkError | SilentNodeError)
