"""Codes that parties agree on do not change: what is written here changes with a format only."""

import importlib

from amaranth.hdl import Shape
from amaranth.lib import enum

from intarsia.isa.document import MODULES

#: Width and values of each enumeration.
ENUMS = {
    "Stream": (
        3,
        {
            "CONTROL": 0,
            "CONV": 1,
            "VECTOR": 2,
            "LOCAL": 3,
            "REMOTE": 4,
        },
    ),
    "ControlOp": (
        8,
        {
            "NOP": 0,
            "END": 1,
            "LOOP": 2,
            "DOORBELL": 3,
            "SYNC": 4,
            "DECLARE_GROUP": 5,
            "NOTIFY": 6,
        },
    ),
    "ConvOp": (
        8,
        {
            "CONV": 16,
        },
    ),
    "VectorOp": (
        8,
        {
            "ADD": 32,
            "POOL_MAX": 33,
            "POOL_SUM": 34,
        },
    ),
    "LocalOp": (
        8,
        {
            "COPY": 48,
            "FILL": 49,
        },
    ),
    "RemoteOp": (
        8,
        {
            "READ": 64,
            "WRITE": 65,
            "ACCUMULATE": 66,
            "GATHER": 67,
            "SCATTER": 68,
        },
    ),
    "SerialCommand": (8, {"READ": 0x52, "WRITE": 0x57}),
    "SerialStatus": (
        8,
        {
            "OKAY": 0x4B,
            "REFUSED": 0x45,
            "GARBLED": 0x47,
            "INTERRUPT": 0x49,
        },
    ),
    "Rounding": (
        4,
        {
            "FP32": 0,
            "DOUBLE": 1,
            "MEAN": 2,
            "HALF_UP": 3,
        },
    ),
    "MessageClass": (
        2,
        {
            "REQUEST": 0,
            "FORWARD": 1,
            "REPLY": 2,
            "CONTROL": 3,
        },
    ),
    "PacketKind": (
        5,
        {
            "READ": 0,
            "WRITE": 1,
            "ACCUMULATE": 2,
            "MAP_UPDATE": 3,
            "MAP_LOOKUP": 8,
            "MAP_INVALIDATE": 9,
            "READ_REPLY": 16,
            "WRITE_ACK": 17,
            "ERROR": 18,
            "MAP_REPLY": 19,
            "MAP_INVALIDATED": 20,
            "MAP_UPDATED": 21,
            "CREDIT": 24,
            "SYNC_ARRIVE": 25,
            "SYNC_RELEASE": 26,
            "ACK": 28,
            "RETRY": 29,
            "HELLO": 30,
        },
    ),
    "Register": (
        10,
        {
            "ID": 0x000,
            "CONFIG": 0x004,
            "NODE": 0x008,
            "WATCHDOG": 0x00C,
            "IRQ": 0x010,
            "NOTIFY": 0x014,
            "START": 0x018,
            "DOORBELL": 0x01C,
            "STATUS": 0x020,
            "STOP": 0x024,
            "SLOT_INDEX": 0x030,
            "SLOT_BASE": 0x034,
            "SLOT_SIZE": 0x038,
            "OWNER_CONTEXT": 0x040,
            "OWNER": 0x044,
            "ROUTE": 0x048,
            "FENCE": 0x04C,
            "COUNTER_INDEX": 0x050,
            "COUNTER": 0x054,
            "FAULT0": 0x060,
            "FAULT1": 0x064,
            "FAULT2": 0x068,
            "FAULT3": 0x06C,
            "ENTRY0": 0x080,
            "ENTRY1": 0x084,
            "ENTRY2": 0x088,
            "ENTRY3": 0x08C,
            "ENTRY4": 0x090,
            "ENTRY5": 0x094,
            "ENTRY6": 0x098,
            "ENTRY7": 0x09C,
            "ENTRY_COMMIT": 0x0A0,
            "HOME": 0x0A4,
            "HOME_BASE": 0x0A8,
            "HOME_SIZE": 0x0AC,
        },
    ),
    "Access": (
        2,
        {
            "RO": 0,
            "RW": 1,
            "WO": 2,
        },
    ),
    "FaultCode": (
        8,
        {
            "NONE": 0,
            "PARITY": 1,
            "PROGRAM": 2,
            "SLOT": 3,
            "DESCRIPTOR": 4,
            "TOKEN": 5,
            "ATU_MISS": 6,
            "OWNER": 7,
            "PERMISSION": 8,
            "VERSION": 9,
            "BOUNDS": 10,
            "WRONG_NODE": 11,
            "LINK": 12,
            "LINK_PROTOCOL": 13,
            "TRANSACTION": 14,
            "SYNC": 15,
            "WATCHDOG": 16,
            "NODE_DEAD": 17,
            "CHECKSUM": 18,
            "HOME_FULL": 19,
        },
    ),
    "Activity": (
        3,
        {
            "IDLE": 0,
            "BUSY": 1,
            "OPERANDS": 2,
            "MEMORY": 3,
            "WEIGHTS": 4,
            "DRAIN": 5,
            "LINK": 6,
            "BARRIER": 7,
        },
    ),
    "CounterBank": (
        4,
        {
            "CONTROL": 0,
            "CONV": 1,
            "VECTOR": 2,
            "LOCAL": 3,
            "REMOTE": 4,
            "RESPONDER": 5,
            "LINK_TX": 6,
            "LINK_RX": 7,
            "ATU": 8,
            "LINK_ERRORS": 9,
        },
    ),
}


def test_enumerations_are_stable():
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"intarsia.isa.{name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, enum.Enum):
                members = {member.name: member.value for member in kind}
                found[kind.__name__] = Shape.cast(kind).width, members
    assert found == ENUMS
