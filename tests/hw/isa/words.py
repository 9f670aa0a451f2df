"""Layouts of what is no part of a program: addresses, map entries, packets, registers."""

__all__ = ["WORDS"]

#: Offset and width of each field.
WORDS = {
    "Operand": {
        "offset": (0, 24),
        "slot": (24, 8),
    },
    "SlotEntry": {
        "base": (0, 24),
        "size": (24, 24),
        "reserved": (48, 16),
    },
    "LogicalAddress": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "offset": (56, 24),
        "version": (80, 16),
    },
    "Permissions": {
        "read": (0, 1),
        "write": (1, 1),
        "accumulate": (2, 1),
        "moving": (3, 1),
    },
    "FragmentEntry": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "permissions": (56, 4),
        "entry_format": (60, 4),
        "base": (64, 32),
        "node": (96, 16),
        "version": (112, 16),
        "size": (128, 32),
        "checksum": (160, 32),
        "replica_base": (192, 32),
        "replica": (224, 16),
        "checked": (240, 1),
        "reserved": (241, 15),
    },
    "PacketHeader": {
        "destination": (0, 16),
        "kind": (16, 5),
        "length": (21, 11),
        "source": (32, 16),
        "transaction": (48, 16),
        "crc": (64, 32),
        "sequence": (96, 8),
        "acknowledge": (104, 8),
        "credit_class": (112, 2),
        "credits": (114, 6),
        "epoch": (120, 4),
        "link_format": (124, 4),
    },
    "TransactionNumber": {
        "place": (0, 3),
        "count": (3, 12),
        "repeated": (15, 1),
    },
    "ErrorDetail": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "offset": (56, 24),
        "fault": (80, 8),
        "reserved": (88, 8),
    },
    "SyncPoint": {
        "group": (0, 8),
        "reserved": (8, 8),
        "esp": (16, 16),
        "reserved1": (32, 64),
    },
    "ConfigWord": {
        "lanes": (0, 8),
        "contexts": (8, 4),
        "link_ports": (12, 4),
        "memory_log2": (16, 5),
        "macro_banks_log2": (21, 4),
        "atu_sets_log2": (25, 4),
        "atu_ways_minus_1": (29, 3),
    },
    "InterruptWord": {
        "notify": (0, 1),
        "fault": (1, 1),
        "reserved": (2, 30),
    },
    "StatusWord": {
        "running": (0, 16),
        "faulted": (16, 16),
    },
    "SlotIndexWord": {
        "slot": (0, 8),
        "context": (8, 4),
        "reserved": (12, 20),
    },
    "RouteWord": {
        "node": (0, 16),
        "port": (16, 4),
        "reserved": (20, 12),
    },
    "FenceWord": {
        "node": (0, 16),
        "dead": (16, 1),
        "reserved": (17, 15),
    },
    "HomeWord": {
        "index": (0, 3),
        "backup": (3, 1),
        "reserved": (4, 12),
        "node": (16, 16),
    },
    "SerialRequest": {
        "command": (0, 8),
        "address": (8, 16),
        "value": (24, 32),
        "check": (56, 8),
    },
    "SerialReply": {
        "status": (0, 8),
        "value": (8, 32),
        "check": (40, 8),
    },
    "FaultReport": {
        "code": (0, 8),
        "engine": (8, 4),
        "context": (12, 4),
        "node": (16, 16),
        "address": (32, 32),
        "data_id": (64, 40),
        "info": (104, 24),
    },
}
