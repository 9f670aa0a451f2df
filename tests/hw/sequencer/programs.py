"""Programs as bytes, and random ones that are sure to come to their end."""

from dataclasses import dataclass, field, replace

from intarsia.isa.address import Operand
from intarsia.isa.bits import encode
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.instruction import (
    PROGRAM_FORMAT,
    UNIT,
    ControlOp,
    ConvOp,
    DeclareGroup,
    InstructionHeader,
    LocalOp,
    LoopBody,
    Notify,
    ProgramHeader,
    RemoteOp,
    Stream,
    Sync,
    VectorOp,
)
from intarsia.isa.opcodes import INSTRUCTIONS

#: An opcode of each engine.
WORK = {
    Stream.CONV: (ConvOp.CONV,),
    Stream.VECTOR: tuple(VectorOp),
    Stream.LOCAL: tuple(LocalOp),
    Stream.REMOTE: tuple(RemoteOp),
}

HEADER_BYTES = ProgramHeader.as_shape().size // 8


def mask(*tokens):
    return sum(1 << token for token in tokens)


@dataclass(frozen=True)
class Instruction:
    """One instruction; `body` is that of an instruction without operands."""

    opcode: object
    wait: int = 0
    signal: int = 0
    layer: int = 0
    patient: bool = False
    body: int = 0
    operands: tuple = ()
    changes: dict = field(default_factory=dict, compare=False)

    @property
    def info(self):
        return INSTRUCTIONS[self.opcode]

    def content(self, bases=None):
        """Body; given the bases of slots, as the engine gets it."""
        words = self.body
        for n, (slot, offset) in enumerate(self.operands):
            place = offset if bases is None else bases[slot] + offset
            words |= encode(Operand, {"slot": slot, "offset": place}) << 32 * n
        return words

    def assemble(self):
        header = {
            "opcode": self.opcode.value,
            "length": self.info.units,
            "operands": self.info.operands,
            "flags": int(self.patient),
            "layer": self.layer,
            "wait": self.wait,
            "signal": self.signal,
        }
        bits = encode(InstructionHeader, header | self.changes)
        bits |= self.content() << 8 * UNIT
        return bits.to_bytes(self.info.units * UNIT, "little")


def nop(**fields):
    return Instruction(ControlOp.NOP, **fields)


def end(**fields):
    return Instruction(ControlOp.END, **fields)


def doorbell(**fields):
    return Instruction(ControlOp.DOORBELL, **fields)


def loop(instructions, count, **fields):
    """`instructions`, and a LOOP that goes back over them `count` times (for ever, if 0)."""
    back = sum(instruction.info.units for instruction in instructions)
    body = encode(LoopBody, {"back": back, "count": count})
    return [*instructions, Instruction(ControlOp.LOOP, body=body, **fields)]


def notify(value, **fields):
    return Instruction(ControlOp.NOTIFY, body=encode(Notify, {"value": value}), **fields)


def sync(group, esp, **fields):
    return Instruction(ControlOp.SYNC, body=encode(Sync, {"group": group, "esp": esp}), **fields)


def declare(**group):
    return Instruction(ControlOp.DECLARE_GROUP, body=encode(DeclareGroup, group))


def work(rng, stream, slots=((1, 0),), chained=False, **fields):
    """An instruction for the engine of `stream`, its descriptor random but for operands.

    Unless it is `chained`, it isn't, if it's for the vector engine.
    """
    opcode = rng.choice(WORK[stream])
    info = INSTRUCTIONS[opcode]
    operands = tuple(rng.choice(slots) for _ in range(info.operands))
    bits = 8 * UNIT * (info.units - 1)
    body = rng.getrandbits(bits) >> 32 * info.operands << 32 * info.operands
    if stream is Stream.VECTOR:
        bit = 1 << VectorDescriptor.as_shape()["chained"].offset
        body = body | bit if chained else body & ~bit
    return Instruction(opcode, body=body, operands=operands, **fields)


def assemble(program, **changes):
    """Bytes of a program, which says what is in each stream."""
    content = b""
    start = [0] * 8
    for stream, instructions in program.items():
        start[stream.value] = HEADER_BYTES + len(content)
        content += b"".join(instruction.assemble() for instruction in instructions)
    header = {
        "program_format": PROGRAM_FORMAT,
        "streams": len(Stream),
        "length": HEADER_BYTES + len(content),
        "start": start,
    }
    bits = encode(ProgramHeader, header | changes)
    return bits.to_bytes(HEADER_BYTES, "little") + content


def unroll(instructions):
    """Instructions of a stream in the order in which they are executed, LOOPs included."""
    executed = []
    position, gone = 0, 0
    while position < len(instructions):
        instruction = instructions[position]
        executed.append(instruction)
        position += 1
        if instruction.opcode is ControlOp.LOOP:
            body = LoopBody.from_bits(instruction.body)
            gone += 1
            if gone <= body.count:
                back = body.back
                position -= 1
                while back > 0:
                    position -= 1
                    back -= instructions[position].info.units
            else:
                gone = 0
    return executed


def random_program(rng, *, context, slots, most=6, repeats=3):
    """Streams that depend on each other at random, but never in a circle.

    Values of NOTIFY begin with the context. All streams repeat what they do equally often. Within
    a repetition, instructions are ordered as a whole; each may wait for one earlier one of each
    other stream.
    """
    order = []
    for stream in Stream:
        for _ in range(rng.randint(1, most)):
            if stream is Stream.CONTROL:
                instruction = rng.choice([nop(), notify(context << 28 | rng.getrandbits(28))])
            elif rng.random() < 0.2:
                instruction = nop()
            else:
                instruction = work(rng, stream, slots)
            order.append([rng.random(), stream, instruction])
    order.sort(key=lambda item: item[0])
    pairs = [(giver, taker) for giver in Stream for taker in Stream if giver is not taker]
    token = {pair: n for n, pair in enumerate(pairs)}
    unmatched = {}
    for layer, item in enumerate(order):
        item[2] = replace(item[2], layer=layer)
        for pair in pairs:
            giver, taker = pair
            if giver is item[1] and pair not in unmatched and rng.random() < 0.6:
                unmatched[pair] = item
            elif taker is item[1] and pair in unmatched and rng.random() < 0.8:
                source = unmatched.pop(pair)
                source[2] = replace(source[2], signal=source[2].signal | mask(token[pair]))
                item[2] = replace(item[2], wait=item[2].wait | mask(token[pair]))
    count = rng.randint(0, repeats)
    streams = {}
    for stream in Stream:
        own = [instruction for _, of, instruction in order if of is stream]
        streams[stream] = [*(loop(own, count) if count else own), end()]
    return streams
