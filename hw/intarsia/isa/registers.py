"""Registers of a chip, as its AXI4-Lite port shows them: 32 bits each, byte addresses.

Wide values are written or read a word at a time through consecutive registers. A register that
"commits" acts on the words written before it.
"""

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import data, enum
from amaranth.utils import exact_log2

from intarsia.isa.bits import encode
from intarsia.isa.config import ChipConfig

__all__ = [
    "IDENTITY",
    "INTERRUPTS",
    "REGISTERS",
    "WATCHDOG_RESET",
    "Access",
    "ConfigWord",
    "FenceWord",
    "HomeWord",
    "InterruptWord",
    "Register",
    "RegisterInfo",
    "RouteWord",
    "SlotIndexWord",
    "StatusWord",
    "config_word",
]

#: What ID reads as: "INT1" (format 1 of this map).
IDENTITY = 0x31544E49

#: What WATCHDOG resets to.
WATCHDOG_RESET = 64


class Register(enum.Enum, shape=10):
    """Byte addresses."""

    ID = 0x000
    CONFIG = 0x004
    NODE = 0x008
    WATCHDOG = 0x00C
    IRQ = 0x010
    NOTIFY = 0x014
    START = 0x018
    DOORBELL = 0x01C
    STATUS = 0x020
    STOP = 0x024
    SLOT_INDEX = 0x030
    SLOT_BASE = 0x034
    SLOT_SIZE = 0x038
    OWNER_CONTEXT = 0x040
    OWNER = 0x044
    ROUTE = 0x048
    FENCE = 0x04C
    COUNTER_INDEX = 0x050
    COUNTER = 0x054
    FAULT0 = 0x060
    FAULT1 = 0x064
    FAULT2 = 0x068
    FAULT3 = 0x06C
    ENTRY0 = 0x080
    ENTRY1 = 0x084
    ENTRY2 = 0x088
    ENTRY3 = 0x08C
    ENTRY4 = 0x090
    ENTRY5 = 0x094
    ENTRY6 = 0x098
    ENTRY7 = 0x09C
    ENTRY_COMMIT = 0x0A0
    HOME = 0x0A4
    HOME_BASE = 0x0A8
    HOME_SIZE = 0x0AC


class ConfigWord(data.Struct):
    """The register CONFIG."""

    lanes: 8
    """Bytes of a memory vector."""

    contexts: 4
    """Programs that can be resident."""

    link_ports: 4
    """Link ports."""

    memory_log2: 5
    """Logarithm of the bytes of memory."""

    macro_banks_log2: 4
    """Logarithm of the number of macro-banks."""

    atu_sets_log2: 4
    """Logarithm of the sets of the ATU."""

    atu_ways_minus_1: 3
    """Ways of the ATU, less one."""


class InterruptWord(data.Struct):
    """The register IRQ."""

    notify: 1
    """A NOTIFY was executed."""

    fault: 1
    """A fault is in FAULT0..3. Writing 1 clears it there, too."""

    reserved: 30
    """Reads as zero."""


#: Members of `InterruptWord`, in the order of the bits of the pins `irq`.
INTERRUPTS = ("notify", "fault")


class StatusWord(data.Struct):
    """The register STATUS."""

    running: 16
    """Contexts that run."""

    faulted: 16
    """Contexts that were stopped by a fault, and not started since."""


class SlotIndexWord(data.Struct):
    """The register SLOT_INDEX."""

    slot: 8
    """Slot that SLOT_SIZE writes."""

    context: 4
    """Its context."""

    reserved: 20
    """Reads as zero."""


class RouteWord(data.Struct):
    """The register ROUTE."""

    node: 16
    """Destination; the table has 64 entries, by its lower 6 bits."""

    port: 4
    """Port by which packets to it leave."""

    reserved: 12
    """Ignored."""


class FenceWord(data.Struct):
    """The register FENCE."""

    node: 16
    """A node; its lower 6 bits count."""

    dead: 1
    """It does not answer any more; or else, it has begun anew."""

    reserved: 15
    """Ignored."""


class HomeWord(data.Struct):
    """The register HOME."""

    index: 3
    """Entry: the lower bits of the data ID."""

    backup: 1
    """Whom to ask when the primary home does not answer."""

    reserved: 12
    """Ignored."""

    node: 16
    """The home."""


def config_word(config: ChipConfig) -> int:
    """What CONFIG reads as, on a chip of configuration `config`."""
    return encode(
        ConfigWord,
        {
            "lanes": config.lanes,
            "contexts": config.contexts,
            "link_ports": config.link_ports,
            "memory_log2": exact_log2(config.memory_bytes),
            "macro_banks_log2": exact_log2(config.macro_banks),
            "atu_sets_log2": exact_log2(config.atu_sets),
            "atu_ways_minus_1": config.atu_ways - 1,
        },
    )


class Access(enum.Enum, shape=2):
    """Who may do what with a register."""

    RO = 0
    RW = 1
    WO = 2


@dataclass(frozen=True)
class RegisterInfo:
    """Access and meaning of a register."""

    access: Access
    meaning: str


REGISTERS = {
    Register.ID: RegisterInfo(Access.RO, "`IDENTITY`."),
    Register.CONFIG: RegisterInfo(Access.RO, "Configuration of the chip: see `ConfigWord`."),
    Register.NODE: RegisterInfo(Access.RW, "This chip's node number (15:0)."),
    Register.WATCHDOG: RegisterInfo(
        Access.RW,
        "Timebase pulses (of 1,024 cycles; 15:0) without progress of a running context before a "
        "fault is raised; 0 never. Resets to 64.",
    ),
    Register.IRQ: RegisterInfo(
        Access.RW,
        "Bit 0: a NOTIFY was executed; bit 1: a fault is in FAULT0..3. Writing 1 clears a bit, "
        "and with bit 1 the fault. The pins `irq` show both.",
    ),
    Register.NOTIFY: RegisterInfo(Access.RO, "Value of the last NOTIFY."),
    Register.START: RegisterInfo(Access.WO, "Starts the program of the context written (3:0)."),
    Register.DOORBELL: RegisterInfo(
        Access.WO,
        "Rings once for the context written (3:0), and clears bit 0 of IRQ; rings are counted, up "
        "to 255.",
    ),
    Register.STATUS: RegisterInfo(
        Access.RO, "Contexts that run (15:0); contexts stopped by a fault (31:16)."
    ),
    Register.STOP: RegisterInfo(
        Access.WO,
        "Stops the context written (3:0) once its engines are done with what they hold, and clears "
        "its tokens and rings.",
    ),
    Register.SLOT_INDEX: RegisterInfo(
        Access.RW, "Slot (7:0) and context (11:8) that SLOT_SIZE writes."
    ),
    Register.SLOT_BASE: RegisterInfo(Access.RW, "Base of the slot (23:0)."),
    Register.SLOT_SIZE: RegisterInfo(Access.WO, "Size of the slot (23:0); commits base and size."),
    Register.OWNER_CONTEXT: RegisterInfo(Access.RW, "Context (3:0) that OWNER writes."),
    Register.OWNER: RegisterInfo(
        Access.WO, "Owner (11:0) whose tensors the context may use; commits."
    ),
    Register.ROUTE: RegisterInfo(
        Access.WO,
        "Port (19:16) by which packets to the node (15:0) leave; the table has 64 entries, by the "
        "node's lower 6 bits, and starts as all zero.",
    ),
    Register.FENCE: RegisterInfo(
        Access.WO,
        "Whether the node (15:0; its lower 6 bits count) is dead (16): requests go to replicas, "
        "and its replies are dropped. Chips themselves take nodes for dead that do not answer.",
    ),
    Register.COUNTER_INDEX: RegisterInfo(
        Access.RW, "Counter that COUNTER reads; see `counter_index`."
    ),
    Register.COUNTER: RegisterInfo(Access.RO, "Cycles counted, modulo 2^32."),
    **{
        Register[f"FAULT{word}"]: RegisterInfo(
            Access.RO, f"Word {word} of the first `FaultReport` since the last was cleared."
        )
        for word in range(4)
    },
    **{
        Register[f"ENTRY{word}"]: RegisterInfo(Access.RW, f"Word {word} of a `FragmentEntry`.")
        for word in range(8)
    },
    Register.ENTRY_COMMIT: RegisterInfo(
        Access.WO,
        "1: puts the entry into the ATU, replacing the one of the same data ID and fragment; "
        "2: removes that one; 3: removes all.",
    ),
    Register.HOME: RegisterInfo(
        Access.WO,
        "Node (31:16) that is asked for map entries of tensors with these lower bits of the data "
        "ID (2:0); bit 3: in case the primary one does not answer. Survives reset.",
    ),
    Register.HOME_BASE: RegisterInfo(
        Access.WO,
        "Address (23:0) of the part of the map that this chip keeps, in one macro-bank; a multiple "
        "of twice HOME_SIZE.",
    ),
    Register.HOME_SIZE: RegisterInfo(
        Access.WO,
        "Bytes (23:0) of its entries, 32 each; a power of two, or 0: it keeps none. A quarter as "
        "many bytes follow them; all lie in one macro-bank. Clear them before chips ask.",
    ),
}
