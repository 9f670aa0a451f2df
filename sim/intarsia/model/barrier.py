"""Barriers between chips."""

import itertools
from typing import Any

from intarsia.isa.faults import FaultCode
from intarsia.model.faults import ModelFaultError

__all__ = ["Barriers"]


class Barriers:
    """Sync groups and who has arrived where."""

    def __init__(self):
        self._groups: dict[tuple[int, int], set[int]] = {}
        self._arrived: dict[int, dict[int, int]] = {}
        self._open: set[tuple[int, int]] = set()

    def declare(self, node: int, body: Any) -> None:
        """`node` executes DECLARE_GROUP."""
        present = (n for n in itertools.count() if not body.absent >> n & 1)
        members = {body.first + n for n in itertools.islice(present, body.members)}
        if node not in members:
            raise ModelFaultError(
                FaultCode.SYNC, f"node {node} declares group {body.group}, and is not in it"
            )
        self._groups[node, body.group] = members

    def arrive(self, node: int, body: Any) -> None:
        """`node` begins SYNC. When all members have, all are released."""
        members = self._groups.get((node, body.group))
        if members is None:
            raise ModelFaultError(
                FaultCode.SYNC, f"node {node} syncs in group {body.group}, never declared"
            )
        arrived = self._arrived.setdefault(body.group, {})
        arrived[node] = body.esp
        if len(set(arrived.values())) > 1:
            raise ModelFaultError(
                FaultCode.SYNC, f"group {body.group} is at different points {arrived}"
            )
        if set(arrived) == members:
            self._open |= {(member, body.group) for member in members}
            arrived.clear()

    def released(self, node: int, body: Any) -> bool:
        """Whether the SYNC of `node` is over."""
        return (node, body.group) in self._open

    def leave(self, node: int, body: Any) -> None:
        """`node` goes on."""
        self._open.remove((node, body.group))
