"""One chip that executes programs, instruction by instruction and without time."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.lib import data

from intarsia.isa.address import OWNER_BITS, TENSOR_BITS, Operand
from intarsia.isa.config import ChipConfig
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import (
    TOKEN_MAX,
    ControlOp,
    ConvOp,
    LocalOp,
    RemoteOp,
    Stream,
    VectorOp,
)
from intarsia.model import conv, transfer, vector
from intarsia.model.barrier import Barriers
from intarsia.model.fabric import Fabric, Node
from intarsia.model.faults import ModelFaultError
from intarsia.model.program import Instruction, read_program

__all__ = ["Chip", "SlotTable"]

#: Instructions that a stream has started and not completed: an engine may look ahead by one.
IN_FLIGHT = 2

#: Base and size of each slot.
SlotTable = Sequence[tuple[int, int]]


@dataclass
class Flight:
    """An instruction that was started."""

    instruction: Instruction
    performed: bool = False


@dataclass
class StreamState:
    """How far a stream is."""

    code: Sequence[Instruction]
    next: int = 0
    rounds: int = 0
    flights: deque[Flight] = field(default_factory=deque)


class Chip:
    """A chip with one context.

    Parameters
    ----------
    node : Node
        Memory and map.
    config : ChipConfig
    slots : sequence of (int, int)
        Slot table of the context.
    program : bytes
    owner : int
        Of the context.
    fabric : Fabric
    barriers : Barriers

    Members
    -------
    rings : int
        Doorbells not yet taken.
    notified : list of int
        Values of NOTIFY.
    macs : Counter
        Multiplications by weights, padding included, by layer.
    """

    def __init__(
        self,
        node: Node,
        config: ChipConfig,
        slots: SlotTable,
        program: bytes,
        owner: int,
        fabric: Fabric,
        barriers: Barriers,
    ):
        self.node = node
        self.rings = 0
        self.notified: list[int] = []
        self.macs: Counter[int] = Counter()
        self._config = config
        self._slots = slots
        self._owner = owner
        self._fabric = fabric
        self._barriers = barriers
        self._tokens: Counter[int] = Counter()
        code = read_program(program)
        self._streams = {stream: StreamState(code[stream]) for stream in code}
        self._chain: np.ndarray | None = None
        self._resolved: dict[Instruction, data.Const] = {}
        for number, (base, size) in enumerate(slots):
            if size and base // config.bank_bytes != (base + size - 1) // config.bank_bytes:
                raise ModelFaultError(
                    FaultCode.SLOT, f"slot {number} of node {node.number} crosses macro-banks"
                )

    def actions(self) -> Iterator[tuple[Stream, str]]:
        """What could happen next in each stream: ``start``, ``perform`` or ``finish``."""
        for stream, state in self._streams.items():
            depth = 1 if stream is Stream.CONTROL else IN_FLIGHT
            if state.flights and state.flights[0].performed:
                yield stream, "finish"
            if self._performable(state):
                yield stream, "perform"
            if state.next < len(state.code) and len(state.flights) < depth:
                wait = state.code[state.next].wait
                if all(self._tokens[token] for token in wait):
                    yield stream, "start"

    def act(self, stream: Stream, action: str, choice: int = 0) -> None:
        """Lets one of :meth:`actions` happen; `choice` picks among instructions in flight."""
        state = self._streams[stream]
        if action == "start":
            instruction = state.code[state.next]
            self._tokens.subtract(instruction.wait)
            self._advance(state, instruction)
            state.flights.append(Flight(instruction))
            if instruction.opcode is ControlOp.SYNC:
                self._barriers.arrive(self.node.number, instruction.body)
        elif action == "perform":
            ready = self._performable(state)
            flight = ready[choice % len(ready)]
            self._perform(flight.instruction)
            flight.performed = True
        else:
            for token in state.flights.popleft().instruction.signal:
                self._tokens[token] += 1
                if self._tokens[token] > TOKEN_MAX:
                    raise ModelFaultError(
                        FaultCode.TOKEN, f"token {token} of node {self.node.number} overflows"
                    )

    def waiting(self) -> Iterator[str]:
        """Who waits for what."""
        for state in self._streams.values():
            who = f"node {self.node.number}: "
            for flight in state.flights:
                yield f"{who}{flight.instruction} is not complete"
            if state.next < len(state.code) and not state.flights:
                instruction = state.code[state.next]
                missing = [token for token in instruction.wait if not self._tokens[token]]
                givers = ", ".join(map(self._givers, missing))
                yield f"{who}{instruction} waits for {givers or 'nothing'}"

    def _givers(self, token: int) -> str:
        streams = {
            instruction.stream.name
            for state in self._streams.values()
            for instruction in state.code
            if token in instruction.signal
        }
        return f"token {token} of {' or '.join(sorted(streams)) or 'nobody'}"

    def _advance(self, state: StreamState, instruction: Instruction) -> None:
        state.next += 1
        if instruction.opcode is ControlOp.END:
            state.next = len(state.code)
        if instruction.opcode is ControlOp.LOOP and instruction.body is not None:
            again = instruction.body.count == 0 or state.rounds < instruction.body.count
            state.rounds = state.rounds + 1 if again else 0
            if again:
                state.next = instruction.target

    def _performable(self, state: StreamState) -> list[Flight]:
        """Flights that could be performed; chained ones in their order."""
        waiting = [flight for flight in state.flights if not flight.performed]
        return [
            flight
            for flight in waiting
            if self._allowed(flight.instruction)
            and (flight is waiting[0] or not _chained(flight.instruction))
        ]

    def _allowed(self, instruction: Instruction) -> bool:
        match instruction.opcode:
            case ControlOp.DOORBELL:
                return self.rings > 0
            case ControlOp.SYNC:
                return self._barriers.released(self.node.number, instruction.body)
            case _ if _chained(instruction):
                return (self._chain is None) == (instruction.stream is Stream.CONV)
            case _:
                return True

    def _perform(self, instruction: Instruction) -> None:
        memory, opcode, body = self.node.memory, instruction.opcode, instruction.body
        match instruction.stream:
            case Stream.CONTROL:
                self._control(opcode, body)
            case _ if opcode in ControlOp:
                pass
            case Stream.CONV:
                work = self._addressed(instruction)
                output = conv.convolve(memory, work, self._config)
                self._chain = self._chain if output is None else output
                self.macs[instruction.layer] += _macs(work)
            case Stream.VECTOR:
                work = self._addressed(instruction)
                chain = self._chain if work.chained else None
                self._chain = None if work.chained else self._chain
                vector.combine(memory, VectorOp(opcode), work, chain)
            case Stream.LOCAL:
                transfer.local_transfer(memory, LocalOp(opcode), self._addressed(instruction))
            case Stream.REMOTE:
                self._remote(instruction)

    def _control(self, opcode: Any, body: Any) -> None:
        match opcode:
            case ControlOp.DOORBELL:
                self.rings -= 1
            case ControlOp.NOTIFY:
                self.notified.append(body.value)
            case ControlOp.DECLARE_GROUP:
                self._barriers.declare(self.node.number, body)
            case ControlOp.SYNC:
                self._barriers.leave(self.node.number, body)

    def _remote(self, instruction: Instruction) -> None:
        opcode = RemoteOp(instruction.opcode)
        work = self._addressed(instruction)
        for moved in transfer.remotes(self.node.memory, opcode, work):
            tensor, _ = moved.name
            if tensor >> TENSOR_BITS != self._owner % (1 << OWNER_BITS):
                raise ModelFaultError(
                    FaultCode.OWNER,
                    f"node {self.node.number}: data ID {tensor:#x} is not of owner {self._owner}",
                )
            if opcode in transfer.STITCHES:
                self._check(instruction, "local", work.local.slot, moved.near.extent())
            self._transfer(moved)

    def _transfer(self, moved: transfer.Remote) -> None:
        memory, number = self.node.memory, self.node.number
        match moved.opcode:
            case RemoteOp.READ:
                transfer.scatter(
                    memory, moved.near, self._fabric.read(number, moved.name, moved.far)
                )
            case RemoteOp.WRITE:
                sent = transfer.gather(memory, moved.near)
                self._fabric.write(number, moved.name, moved.far, sent)
            case _:
                sent = transfer.gather(memory, moved.near)
                self._fabric.accumulate(number, moved.name, moved.far, sent)

    def _addressed(self, instruction: Instruction) -> data.Const:
        """The body with addresses for operands; every byte it will touch is in its slot."""
        if instruction not in self._resolved:
            body = instruction.body
            assert body is not None, f"{instruction} has no body"
            bits = body.as_bits()
            for name, field_ in body.shape():
                if field_.shape is Operand:
                    base, _ = self._slot(instruction, getattr(body, name).slot)
                    bits += base << field_.offset
            work = body.shape().from_bits(bits)
            for name, extent in _extents(instruction, work, self._config):
                self._check(instruction, name, getattr(body, name).slot, extent)
            self._resolved[instruction] = work
        return self._resolved[instruction]

    def _slot(self, instruction: Instruction, slot: int) -> tuple[int, int]:
        if slot >= len(self._slots) or not self._slots[slot][1]:
            raise ModelFaultError(
                FaultCode.SLOT,
                f"node {self.node.number}, {instruction}: slot {slot} is not in use",
            )
        return self._slots[slot]

    def _check(
        self, instruction: Instruction, name: str, slot: int, extent: tuple[int, int]
    ) -> None:
        base, size = self._slot(instruction, slot)
        start, stop = extent
        if not base <= start < stop <= base + size:
            raise ModelFaultError(
                FaultCode.SLOT,
                f"node {self.node.number}, {instruction}: operand {name} takes bytes "
                f"{start - base} to {stop - base - 1} of slot {slot}, which has {size}",
            )


def _chained(instruction: Instruction) -> bool:
    """Whether an engine hands its output to another one, or takes its input from there."""
    body = instruction.body
    return instruction.opcode in (*ConvOp, *VectorOp) and body is not None and bool(body.chained)


def _extents(
    instruction: Instruction, work: data.Const, config: ChipConfig
) -> list[tuple[str, tuple[int, int]]]:
    opcode = instruction.opcode
    extents: dict[str, tuple[int, int]] = {}
    match instruction.stream:
        case Stream.CONV:
            extents = conv.read_extents(work, config) | conv.write_extents(work)
        case Stream.VECTOR:
            extents = vector.read_extents(VectorOp(opcode), work) | vector.write_extents(work)
        case Stream.LOCAL:
            extents = transfer.read_extents(LocalOp(opcode), work) | transfer.write_extents(work)
        case Stream.REMOTE:
            if opcode in transfer.STITCHES:
                extents = {"records": transfer.list_extent(work)}
            else:
                rows = work.rows, work.row_bytes, work.local_pitch
                extents = {"local": transfer.Rows(work.local.offset, *rows).extent()}
    return list(extents.items())


def _macs(work: data.Const) -> int:
    taps = work.row_taps * work.x_taps * work.run
    return work.out_height * work.out_width * work.out_channels * taps
