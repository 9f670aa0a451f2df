"""What chips wait for is told by barrier, layer, tensor and node."""

from intarsia.compiler import FragmentKind
from intarsia.isa.instruction import ControlOp, RemoteOp, Stream
from intarsia.model.program import read_program
from intarsia.runtime.progress import Progress, fragment_name
from intarsia.runtime.recording import traced


class Chips:
    """Two chips that do what they are told."""

    def __init__(self, plan):
        self.progress = Progress(plan)
        self.steps = [
            {stream: traced(code) for stream, code in read_program(chip.program).items()}
            for chip in plan.chips
        ]

    def begin(self, chip, stream, opcode):
        """Begin instructions of a stream up to one of `opcode`; all before it are done."""
        for step in self.steps[chip][stream]:
            self.progress.feed(chip, [(0, stream.value, 0, step.layer, False, ())])
            if step.opcode is opcode:
                return step
            self.end(chip, stream)
        raise AssertionError(f"there is no {opcode}")

    def end(self, chip, stream):
        self.progress.feed(chip, [(0, stream.value, 0, 0, True, ())])


def to_barrier(chips, chip):
    """Past the first barrier, which is the patient one, to the second."""
    chips.begin(chip, Stream.CONTROL, ControlOp.SYNC)
    chips.end(chip, Stream.CONTROL)
    return chips.begin(chip, Stream.CONTROL, ControlOp.SYNC)


def test_idle_chips_wait_for_nothing(plan):
    chips = Chips(plan)
    chips.begin(0, Stream.CONTROL, ControlOp.DOORBELL)
    assert not chips.progress.busy()
    assert chips.progress.waits()[:-1] == []


def test_who_is_missing_at_a_barrier_is_named(plan):
    chips = Chips(plan)
    sync = to_barrier(chips, 0)
    layer = plan.layers[sync.layer].name
    waits = chips.progress.waits()
    assert waits[0] == f"chip 1 waits at barrier {sync.body.esp} (layer {layer!r}) for chips 4"
    assert to_barrier(chips, 1).body.esp == sync.body.esp
    assert chips.progress.waits() == [
        f"chip {node} waits at barrier {sync.body.esp} (layer {layer!r}) for chips nobody"
        for node in plan.nodes
    ]


def test_transfers_are_named(plan):
    chips = Chips(plan)
    to_barrier(chips, 0)
    read = chips.begin(1, Stream.REMOTE, RemoteOp.READ)
    assert chips.progress.busy()
    assert read.body is not None
    layer = plan.layers[read.layer].name
    name = fragment_name(plan, read.body.data_id, read.body.fragment)
    assert "of the memory node" in name
    assert chips.progress.waits()[1] == f"chip 4 has READ under way (layer {layer!r}, {name})"


def test_what_comes_next_is_named(plan):
    chips = Chips(plan)
    chips.begin(1, Stream.CONTROL, ControlOp.DECLARE_GROUP)
    chips.end(1, Stream.CONTROL)
    [told] = chips.progress.waits()[1:]
    first = next(traced(read_program(plan.chips[1].program)[Stream.CONV]))
    assert told.startswith("chip 4 waits for tokens to begin")
    assert f"CONV (layer {plan.layers[first.layer].name!r})" in told


def test_fragments_have_names(plan):
    told = {
        fragment.kind: fragment_name(plan, fragment.data_id, fragment.fragment)
        for fragment in plan.fragments
    }
    assert told[FragmentKind.INPUT] == "input 'input' of the host"
    assert told[FragmentKind.PROGRAM] == "program 'program of chip 1' of chip 4"
    assert fragment_name(plan, 0, 0) == ""
