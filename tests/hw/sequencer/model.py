"""What tokens mean, to compare the sequencer with."""

from collections import deque

from intarsia.isa.instruction import TOKENS, UNIT, ControlOp, Stream
from tests.hw.sequencer.bench import ENGINES
from tests.hw.sequencer.programs import unroll

__all__ = ["check_run"]

#: Instructions whose start can't be seen from outside.
UNSEEN = (ControlOp.NOP, ControlOp.END, ControlOp.LOOP, ControlOp.DOORBELL)


class TokenModel:
    """Replays the visible events of a context.

    Whatever can't be seen is assumed to happen as early as it may. Since each token has one
    giver and one taker, that is the best case for everything else: if a job lacks a token even so,
    it started too early.
    """

    def __init__(self, streams):
        self.tokens = [0] * TOKENS
        self.ahead = {of: deque(unroll(instructions)) for of, instructions in streams.items()}
        self.under_way = {of: deque() for of in streams}

    def start(self, of, opcode):
        """The next instruction of `of` that can be seen has started."""
        self.settle()
        instruction = self.ahead[of][0]
        assert instruction.opcode.value == opcode, f"{of} is at {instruction.opcode}"
        assert self.can_start(instruction), f"{of}: {instruction.opcode} starts too early"
        self.take(of)
        return instruction

    def complete(self, of):
        self.give(self.under_way[of].popleft())
        self.settle()

    def can_start(self, instruction):
        return all(self.tokens[n] for n in range(TOKENS) if instruction.wait >> n & 1)

    def take(self, of):
        instruction = self.ahead[of].popleft()
        for n in range(TOKENS):
            self.tokens[n] -= instruction.wait >> n & 1
        self.under_way[of].append(instruction)

    def give(self, instruction):
        for n in range(TOKENS):
            self.tokens[n] += instruction.signal >> n & 1

    def settle(self):
        """Let all happen that can't be seen."""
        moved = True
        while moved:
            moved = False
            for of, ahead in self.ahead.items():
                if ahead and ahead[0].opcode in UNSEEN and self.can_start(ahead[0]):
                    self.take(of)
                    moved = True
                while self.under_way[of] and self.under_way[of][0].opcode in UNSEEN:
                    self.give(self.under_way[of].popleft())
                    moved = True


def check_run(events, context, streams, bases):
    """The jobs of `context` in `events` are those of `streams`: all, in order, none too early."""
    model = TokenModel(streams)
    for event in events:
        if event.context == context and event.kind == "job":
            opcode, descriptor = event.value
            instruction = model.start(event.stream, opcode)
            # What an engine gets behind a short body says nothing.
            body = (1 << 8 * UNIT * (instruction.info.units - 1)) - 1
            assert descriptor & body == instruction.content(bases)
        elif event.context == context and event.kind == "done":
            model.complete(event.stream)
        elif event.kind == "notify" and event.value >> 28 == context:
            instruction = model.start(Stream.CONTROL, ControlOp.NOTIFY.value)
            assert event.value == instruction.content()
            model.complete(Stream.CONTROL)
    model.settle()
    assert not any(model.ahead.values()), "not all instructions were executed"
    assert not any(model.under_way[of] for of in ENGINES), "not all jobs are done"
