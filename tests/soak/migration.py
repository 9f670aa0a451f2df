"""Fragments that move while ResNet-8 runs, one every 2,000 cycles and chip, a thousand times."""

from intarsia.digits import MODEL
from tests.inputs import inputs_folder
from tests.soak.findings import Finding, Findings
from tests.soak.survival import CHIPS, case
from tests.system.wandering import CYCLES, migrate

__all__ = ["migration"]

#: Of throughput, that moves may cost; of the digits, which take 5,000 cycles, they cost more.
LOSS = 0.10

#: Ways to run the network: what it is called, how it is done, cycles of an inference.
WAYS = (
    ("weights read in each inference", {"streamed": True, "partition": "channels"}, 53_000),
    ("weights stay in chips", {}, 19_600),
)


def migration(moves: int, seed: int, only: int | None = None) -> Findings:
    """The section: at least `moves` of them, in each way."""
    folder = inputs_folder()
    for run, (name, how, cycles) in enumerate(WAYS):
        if only not in (None, run):
            continue
        images = 1 + -(-moves * CYCLES // CHIPS // (cycles if folder else 5_000))
        found = migrate(case(folder, images).model, case(folder, images).inputs, seed, **how)
        passed = found.wrong == found.restarts == 0 and found.moves >= moves
        if folder is not None:
            passed = passed and found.loss <= LOSS
        figures = {
            "moves": found.moves,
            "late": found.late,
            "cycles per move and chip": round(found.every),
            "wrong": found.wrong,
            "restarts": found.restarts,
            "clean cycles": found.clean,
            "cycles": found.moving,
            "loss": f"{found.loss:.2%}",
        }
        model = MODEL.name if folder is None else "ResNet-8"
        what = f"{model}, {name}, seed {seed}"
        part = 1.0 if only is not None else (run + 1) / len(WAYS)
        yield part, Finding(run=run, what=what, passed=passed, figures=figures)
