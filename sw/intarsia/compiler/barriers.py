"""The sync group of a plan's chips: its declaration, and its barriers."""

from collections.abc import Sequence

from intarsia.compiler.work import Access, Work
from intarsia.isa.instruction import ControlOp, Stream

__all__ = ["barrier", "declaration"]

#: The sync group of all chips of a plan.
GROUP = 0


def declaration(nodes: Sequence[int]) -> Work:
    """What a program does once, before it comes to barriers.

    Parameters
    ----------
    nodes : sequence of int
        Of all chips, in ascending order; the first one coordinates.
    """
    first = nodes[0]
    absent = {*range(first, nodes[-1])} - {*nodes}
    group = dict(
        group=GROUP,
        coordinator=first,
        first=first,
        members=len(nodes),
        absent=sum(1 << node - first for node in absent),
    )
    return Work(Stream.CONTROL, ControlOp.DECLARE_GROUP, 0, group)


def barrier(
    layer: int,
    esp: int,
    *,
    patient: bool = False,
    accesses: Sequence[Access] = (),
    after: Sequence[Work] = (),
) -> Work:
    """A SYNC of one chip.

    Parameters
    ----------
    layer : int
        For whom it waits.
    esp : int
        Barriers of an inference are counted from 0.
    patient : bool
        It may wait for the host, or for others that have more to do.
    accesses : sequence of Access
        What others read until then.
    after : sequence of Work
        What must be complete before.
    """
    fields = dict(group=GROUP, esp=esp)
    work = Work(Stream.CONTROL, ControlOp.SYNC, layer, fields, tuple(accesses), None, [*after])
    work.patient = patient
    return work
