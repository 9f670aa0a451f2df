"""Faults of chips in the words of the plan: layers, tensors, places."""

from collections.abc import Iterable

from intarsia.compiler.placement import Placement
from intarsia.compiler.plan import Plan
from intarsia.driver.device import Device
from intarsia.driver.errors import ChipFaultError
from intarsia.isa.address import PROGRAM_SLOT
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream
from intarsia.isa.opcodes import INSTRUCTIONS
from intarsia.model.program import read_program
from intarsia.runtime.progress import fragment_name

__all__ = ["explain", "raise_faults"]

#: Faults whose address is one of the chip's memory.
PLACED = (FaultCode.PARITY, FaultCode.PROGRAM)

#: Faults that follow from what happened elsewhere.
INDIRECT = (FaultCode.WATCHDOG, FaultCode.LINK)


def raise_faults(devices: Iterable[Device]) -> None:
    """Take back the faults that chips report, and raise the one that tells most.

    Raises
    ------
    :exc:`intarsia.driver.errors.ChipFaultError`
        If there is one.
    """
    found: list[ChipFaultError] = []
    for device in devices:
        try:
            device.raise_fault()
        except ChipFaultError as error:
            found.append(error)
    for error in sorted(found, key=lambda error: error.code in INDIRECT):
        raise error


def explain(error: ChipFaultError, plan: Plan, placement: Placement) -> str:
    """What the fields of a fault are about; nothing where they say nothing of the plan.

    Parameters
    ----------
    error : ChipFaultError
    plan : Plan
    placement : Placement
        Where the plan is deployed.
    """
    if error.chip not in plan.nodes:
        return ""
    if error.data_id:
        return fragment_name(plan, error.data_id, error.info)
    if error.code in PLACED:
        return _place(error, plan, placement)
    if error.code is FaultCode.WATCHDOG:
        return _stuck(error, plan)
    return ""


def _place(error: ChipFaultError, plan: Plan, placement: Placement) -> str:
    """What lies at the fault's address."""
    chip = plan.nodes.index(error.chip)
    bases = placement.slots[chip]
    for slot in plan.chips[chip].slots:
        offset = error.address - bases[slot.number]
        if 0 <= offset < slot.size:
            if slot.number == PROGRAM_SLOT:
                return f"its program, byte {offset}"
            return f"slot {slot.number}, byte {offset}"
    return ""


def _stuck(error: ChipFaultError, plan: Plan) -> str:
    """Which instruction makes no progress, and who would have to give the tokens that it lacks."""
    names = {opcode.value: opcode.name for opcode in INSTRUCTIONS}
    told = f"{names.get(error.info, error.info)} does not go on"
    if not error.address:
        return told
    program = read_program(plan.chips[plan.nodes.index(error.chip)].program)
    lacking = {token for token in range(32) if error.address >> token & 1}
    givers = [
        stream.name.lower()
        for stream in Stream
        if any(lacking & {*at.signal} for at in program.get(stream, ()))
    ]
    return f"{told}: it lacks tokens of streams {', '.join(givers)}"
