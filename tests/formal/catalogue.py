"""The proofs, by name."""

import inspect

from tests.formal import accesses, choices, links, protocols, queues, storage, translation
from tests.formal.proof import Proof

__all__ = ["PROOFS"]


def _proofs() -> dict[str, type[Proof]]:
    return {
        name: item
        for module in (choices, accesses, links, protocols, queues, storage, translation)
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, Proof) and item is not Proof
    }


PROOFS = _proofs()
