"""Plans run on the model of whole chips, beside the golden model."""

import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from intarsia.compiler import Plan, place
from intarsia.compiler.schedule import Masks
from intarsia.compiler.work import Work
from intarsia.golden import evaluate
from intarsia.graph import Network
from intarsia.isa.instruction import TOKENS, Stream
from intarsia.model.machine import Machine
from tests.sw.compiler.networks import some_input

__all__ = ["assert_exact", "token_run"]


def assert_exact(network: Network, plan: Plan, seed: int, inferences: int = 2) -> Machine:
    """Every output byte is golden, at random places and in a random order of instructions."""
    rng = random.Random(seed)
    machine = Machine(plan, place(plan, rng), rng)
    for inference in range(inferences):
        inputs = some_input(network, seed + inference)
        golden = evaluate(network, inputs, plan.mode)
        for name, found in machine.infer(inputs).items():
            np.testing.assert_array_equal(found, golden[name].reshape(-1), err_msg=name)
    return machine


def token_run(
    works: Sequence[Work],
    masks: Mapping[Work, Masks],
    choose: Callable[[list[tuple[Stream, str]]], tuple[Stream, str]],
) -> tuple[dict[Work, int], dict[Work, int], dict[int, int]]:
    """When each instruction starts and ends, in one of the runs that tokens allow; tokens left."""
    streams = {stream: [work for work in works if work.stream is stream] for stream in Stream}
    depth = {stream: 1 if stream is Stream.CONTROL else 2 for stream in Stream}
    flying: dict[Stream, list[Work]] = {stream: [] for stream in Stream}
    tokens = dict.fromkeys(range(TOKENS), 0)
    starts, ends = {}, {}
    for time in range(2 * len(works)):
        choices = []
        for stream, left in streams.items():
            if flying[stream]:
                choices.append((stream, "end"))
            if left and len(flying[stream]) < depth[stream]:
                wait = masks[left[0]].wait
                if all(tokens[number] for number in tokens if wait >> number & 1):
                    choices.append((stream, "start"))
        stream, action = choose(choices)
        if action == "start":
            work, sign = streams[stream].pop(0), -1
            flying[stream].append(work)
            starts[work], mask = time, masks[work].wait
        else:
            work, sign = flying[stream].pop(0), 1
            ends[work], mask = time, masks[work].signal
        for number in tokens:
            tokens[number] += sign * (mask >> number & 1)
    return starts, ends, tokens
