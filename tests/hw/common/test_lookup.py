"""Accesses are refused for what is wrong with them, in the order that is promised."""

import itertools

import cocotb
from cocotb.triggers import Timer

from intarsia.common.lookup import Access, AccessCheck, LookupResult
from intarsia.isa.bits import encode
from intarsia.isa.faults import FaultCode


def reason(entry, access):
    """What the docstring says."""
    permissions = entry["permissions"]
    if not entry["hit"]:
        return FaultCode.ATU_MISS
    if not access["holder"] and not permissions["write" if access["write"] else "read"]:
        return FaultCode.PERMISSION
    if access["elsewhere"] or entry["version"] != access["version"]:
        return FaultCode.VERSION
    if permissions["moving"] and access["write"]:
        return FaultCode.VERSION
    if (
        access["length"] not in range(1, 1025)
        or access["offset"] + access["length"] > entry["size"]
    ):
        return FaultCode.BOUNDS
    return FaultCode.NONE


@cocotb.test(timeout_time=200, timeout_unit="us")
async def refuses_in_order(dut):
    """All combinations of what can be wrong."""
    sizes = [(64, 0, 64), (64, 1, 64), (64, 64, 1), (2000, 0, 0), (2000, 0, 1024), (2000, 0, 1025)]
    sizes += [(1 << 24, (1 << 24) - 8, 8), (1 << 24, 1 << 24, 8), ((1 << 32) - 1, 1 << 24, 8)]
    flags = itertools.product(range(2), repeat=6)
    for (hit, read, write, moving, holder, writes), (size, offset, length) in itertools.product(
        flags, sizes
    ):
        for version, elsewhere in ((0, 0), (1, 0), (1, 1), (0x8001, 0)):
            permissions = dict(read=read, write=write, moving=moving)
            entry = dict(hit=hit, size=size, version=1, permissions=permissions)
            access = dict(
                write=writes,
                holder=holder,
                elsewhere=elsewhere,
                version=version,
                offset=offset,
                length=length,
            )
            dut.entry.value = encode(LookupResult, entry)
            dut.access.value = encode(Access, access)
            await Timer(1, unit="ns")
            assert FaultCode(dut.fault.value.to_unsigned()) is reason(entry, access)


def test_access_check(simulate):
    simulate(AccessCheck)
