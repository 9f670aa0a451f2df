"""One chip, by its registers."""

from collections.abc import Mapping
from typing import Any

from intarsia.driver.errors import ChipFaultError, DriverError, DriverTimeoutError
from intarsia.driver.transport import Transport
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity, CounterBank, counter_index
from intarsia.isa.faults import FaultReport
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.registers import IDENTITY, FenceWord, HomeWord, Register, RouteWord
from intarsia.isa.topology import Homes

__all__ = ["Device"]

#: Bits of IRQ.
NOTIFIED, FAULTED = 1, 2

#: Reads of STATUS in which a context should stop.
MOST_READS = 10_000

#: What ENTRY_COMMIT does.
PUT_ENTRY, REMOVE_ENTRY, REMOVE_ALL = 1, 2, 3


class Device:
    """A chip behind a transport.

    Parameters
    ----------
    transport : Transport
    chip : int
        The chip; also becomes its node number.

    Raises
    ------
    :exc:`DriverError`
        If there is no intarsia chip of this register map.
    """

    def __init__(self, transport: Transport, chip: int) -> None:
        self._transport = transport
        self.chip = chip
        identity = self.read(Register.ID)
        if identity != IDENTITY:
            raise DriverError(
                f"Chip {chip} identifies itself as {identity:#010x}, not {IDENTITY:#010x}"
            )
        self.write(Register.NODE, chip)

    def read(self, register: Register) -> int:
        """Read a register."""
        return self._transport.read(self.chip, register.value)

    def write(self, register: Register, value: int) -> int:
        """Write a register. Returns the cycle in which it was accepted."""
        return self._transport.write(self.chip, register.value, value)

    def set_routes(self, ports: Mapping[int, int]) -> None:
        """Say by which port packets leave, by their destination."""
        for node, port in ports.items():
            self.write(Register.ROUTE, encode(RouteWord, {"node": node, "port": port}))

    def set_slot(self, context: int, slot: int, base: int, size: int) -> None:
        """Say where a slot of a context lies. Size 0 takes it out of use."""
        self.write(Register.SLOT_INDEX, context << 8 | slot)
        self.write(Register.SLOT_BASE, base)
        self.write(Register.SLOT_SIZE, size)

    def set_owner(self, context: int, owner: int) -> None:
        """Say whose tensors a context may use."""
        self.write(Register.OWNER_CONTEXT, context)
        self.write(Register.OWNER, owner)

    def put_entry(self, entry: Mapping[str, Any]) -> None:
        """Put an entry, given by its fields, into the ATU."""
        known = {"entry_format": FRAGMENT_FORMAT, "replica": entry.get("node", 0)}
        bits = encode(FragmentEntry, {**known, **entry})
        for word in range(8):
            self.write(Register[f"ENTRY{word}"], bits >> 32 * word & 0xFFFFFFFF)
        self.write(Register.ENTRY_COMMIT, PUT_ENTRY)

    def set_homes(self, homes: Homes) -> None:
        """Say who is asked for map entries."""
        for index, pair in enumerate(homes):
            for backup, node in enumerate(pair):
                word = {"index": index, "backup": backup, "node": node}
                self.write(Register.HOME, encode(HomeWord, word))

    def fence(self, node: int) -> None:
        """Say that a node is dead: nothing is sent to it, and nothing that comes from it counts."""
        self.write(Register.FENCE, encode(FenceWord, {"node": node, "dead": 1}))

    def keep_map(self, base: int, size: int) -> None:
        """Say where the chip keeps its part of the map; see HOME_SIZE. Size 0: it keeps none."""
        self.write(Register.HOME_SIZE, 0)
        self.write(Register.HOME_BASE, base)
        self.write(Register.HOME_SIZE, size)

    def remove_entries(self) -> None:
        """Empty the ATU."""
        self.write(Register.ENTRY_COMMIT, REMOVE_ALL)

    def start(self, context: int) -> None:
        """Start the program of a context."""
        self.write(Register.START, context)

    def stop(self, context: int) -> None:
        """Stop the program of a context, and wait until nothing of it is under way.

        Raises
        ------
        :exc:`DriverTimeoutError`
            If an engine does not come to the end of what it does.
        """
        self.write(Register.STOP, context)
        for _ in range(MOST_READS):
            if not self.running(context):
                return
        raise DriverTimeoutError(f"Chip {self.chip} does not stop context {context}")

    def running(self, context: int) -> bool:
        """Whether the program of a context runs."""
        return bool(self.read(Register.STATUS) >> context & 1)

    def ring(self, context: int) -> int:
        """Ring the doorbell, and take the notification of the ring before back.

        Returns the cycle in which the chip accepted it.
        """
        return self.write(Register.DOORBELL, context)

    def acknowledge(self) -> int:
        """Take the interrupt back. Returns the value of the last NOTIFY.

        Raises
        ------
        :exc:`ChipFaultError`
            If it was a fault that raised it.
        """
        self.raise_fault()
        self.write(Register.IRQ, NOTIFIED)
        return self.read(Register.NOTIFY)

    def raise_fault(self) -> None:
        """Raise the fault that the chip reports, if any, and clear it.

        Raises
        ------
        :exc:`ChipFaultError`
        """
        if not self.read(Register.IRQ) & FAULTED:
            return
        bits = sum(self.read(Register[f"FAULT{word}"]) << 32 * word for word in range(4))
        self.write(Register.IRQ, FAULTED)
        raise ChipFaultError(self.chip, decode(FaultReport, bits))

    def dismiss(self) -> None:
        """Clear interrupt and fault, whatever they say."""
        self.write(Register.IRQ, NOTIFIED | FAULTED)

    def counters(self) -> dict[CounterBank, dict[Activity, int]]:
        """Cycles counted so far, by engine and activity; idle cycles are left out."""
        counted: dict[CounterBank, dict[Activity, int]] = {}
        for bank in CounterBank:
            counted[bank] = {}
            for activity in Activity:
                if activity is not Activity.IDLE:
                    counted[bank][activity] = self.counter(bank, activity)
        return counted

    def counter(self, bank: CounterBank, activity: Activity) -> int:
        """One counter, modulo 2^32."""
        self.write(Register.COUNTER_INDEX, counter_index(bank, activity))
        return self.read(Register.COUNTER)

    def lookups(self) -> tuple[int, int]:
        """Look-ups that the ATU could answer, and those for which it asked a home."""
        hits = self.counter(CounterBank.ATU, Activity.BUSY)
        return hits, self.counter(CounterBank.ATU, Activity.LINK)

    def repeats(self) -> tuple[int, int]:
        """Packets that its links have sent again, and those that came to them damaged."""
        repeated = self.counter(CounterBank.LINK_ERRORS, Activity.BUSY)
        return repeated, self.counter(CounterBank.LINK_ERRORS, Activity.LINK)
