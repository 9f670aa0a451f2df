"""The simulator as the driver's transport."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from intarsia.cosim.fabric import Fabric, FabricError, Reason, SilenceError
from intarsia.driver.errors import DriverError, NetworkError, SilentNodeError
from intarsia.driver.transport import Errand, Interrupt, Standing
from intarsia.isa.bits import decode
from intarsia.isa.registers import InterruptWord
from intarsia.isa.topologies import Topology

__all__ = ["SimulatedTransport"]

#: AXI responses.
OKAY = 0


class SimulatedTransport:
    """Carries the driver's words to the chips of a :class:`Fabric`.

    Implements :class:`intarsia.driver.transport.Transport`.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.accesses = 0

    @property
    def chips(self) -> int:
        """Number of chips."""
        return len(self.fabric.configs)

    @property
    def topology(self) -> Topology:
        """How they are wired."""
        return self.fabric.topology

    def avoid(self, dead: Iterable[int]) -> None:
        """Route packets round chips that are dead."""
        self.fabric.avoid(dead)

    @property
    def now(self) -> int:
        """Cycles simulated."""
        return self.fabric.now

    def read(self, chip: int, address: int) -> int:
        """Read a register."""
        self.accesses += 1
        with _driven(chip):
            value, response, _ = self.fabric.access(chip, address)
        if response != OKAY:
            raise DriverError(f"Chip {chip} refuses to read register {address:#05x}")
        return value

    def write(self, chip: int, address: int, value: int) -> int:
        """Write a register. Returns the cycle in which it was accepted."""
        self.accesses += 1
        with _driven(chip):
            _, response, cycle = self.fabric.access(chip, address, value)
        if response != OKAY:
            raise DriverError(f"Chip {chip} refuses to write register {address:#05x}")
        return cycle

    def store(self, node: int, address: int, content: bytes) -> None:
        """Put bytes into the memory of the memory node or the host node."""
        self.fabric.store(node, address, content)

    def load(self, node: int, address: int, size: int) -> bytes:
        """Bytes in the memory of the memory node or the host node."""
        return self.fabric.load(node, address, size)

    def place(
        self,
        node: int,
        data_id: int,
        fragment: int,
        base: int,
        size: int,
        version: int,
        permissions: int,
    ) -> None:
        """Put a fragment on the map of the memory node or the host node, or move it."""
        self.fabric.place(node, data_id, fragment, base, size, version, permissions)

    def keep(self, node: int, entry: bytes) -> None:
        """Put a map entry into the table of its home."""
        self.fabric.keep(node, entry)

    def transfer(
        self, *, write: bool, node: int, logical_address: bytes, local: int, size: int
    ) -> None:
        """Move bytes between the host node's memory and a fragment elsewhere, in packets."""
        with _driven(node):
            self.fabric.transfer(
                write=write, node=node, logical_address=logical_address, local=local, size=size
            )

    def reset(self, chip: int) -> None:
        """Reset a chip."""
        self.fabric.reset(chip)

    def rest(self, cycles: int) -> None:
        """Let cycles pass, and drop what is reported in the meantime."""
        self.fabric.rest(cycles)

    def write_off(self, node: int) -> None:
        """What is reported of a node is no news any more."""
        self.fabric.write_off(node)

    def errand(self, errand: Errand) -> int:
        """Queue something to be done after all errands of its lane. Returns its number."""
        return self.fabric.errand(errand)

    def standing(self, number: int) -> Standing:
        """How an errand stands."""
        return self.fabric.standing(number)

    def fence(self, home: int, node: int, fenced: bool) -> None:
        """Tell the memory node or the host node that, as a home, it shall not wait for `node`."""
        self.fabric.fence(home, node, fenced)

    def idle(self, cycles: int) -> None:
        """Let cycles pass, whatever interrupts are up."""
        with _driven():
            self.fabric.run(cycles)

    def wait(self, cycles: int) -> dict[int, Interrupt]:
        """Wait for interrupts, for at most `cycles` cycles."""
        with _driven():
            reason = self.fabric.run(cycles, until_interrupt=True)
        if reason is Reason.INTERRUPT:
            return {chip: _interrupt(*found) for chip, found in self.fabric.interrupted().items()}
        return {}


@contextmanager
def _driven(node: int | None = None) -> Iterator[None]:
    """Faults of the system, as the driver knows them; silence is that of `node`."""
    try:
        yield
    except SilenceError as error:
        assert node is not None
        raise SilentNodeError(node, str(error)) from error
    except FabricError as error:
        raise NetworkError(str(error).replace("\n", "; "), error.nodes) from error


def _interrupt(bits: int, cycle: int) -> Interrupt:
    causes = decode(InterruptWord, bits)
    return Interrupt(cycle, notified=bool(causes.notify), faulted=bool(causes.fault))
