"""What of a network the chips compute, and what is left to the host."""

from dataclasses import dataclass

from intarsia.compiler.boxes import Box
from intarsia.compiler.errors import CompileError
from intarsia.graph import Network, Op, Reshape, Softmax, Tensor

__all__ = ["Workload", "covering"]


@dataclass(frozen=True)
class Workload:
    """A network, divided between chips and host.

    Members
    -------
    network : Network
    ops : tuple of (int, Op)
        What chips compute: index in the network, and operator. Reshapes are none: they are other
        views of the same bytes.
    host : tuple of int
        Indices of operators that the host computes.
    roots : dict of str to str
        For each activation of the chips, the one whose bytes it is.
    results : tuple of str
        Activations that chips hand to the host.
    """

    network: Network
    ops: tuple[tuple[int, Op], ...]
    host: tuple[int, ...]
    roots: dict[str, str]
    results: tuple[str, ...]

    @classmethod
    def of(cls, network: Network) -> "Workload":
        """Divides `network`.

        Raises
        ------
        :exc:`CompileError`
            If a chip would need what the host computes.
        """
        roots = {end.tensor: end.tensor for end in network.inputs}
        ops, host, hosted = [], [], set()
        for index, op in enumerate(network.ops):
            on_host = [name for name in op.inputs if name in hosted]
            if isinstance(op, Softmax) or (on_host and isinstance(op, Reshape)):
                hosted.add(op.output)
                host.append(index)
            elif on_host:
                raise CompileError(
                    f"Operator {op.name!r} takes {on_host[0]!r}, which the host computes; only "
                    "the end of a network can run on the host"
                )
            elif isinstance(op, Reshape):
                roots[op.output] = roots[op.inputs[0]]
            else:
                roots[op.output] = op.output
                ops.append((index, op))
        wanted = [end.tensor for end in network.outputs]
        wanted += [name for index in host for name in network.ops[index].inputs]
        computed = {op.output for _, op in ops}
        results = [name for name in wanted if name in roots and roots[name] in computed]
        return cls(network, tuple(ops), tuple(host), roots, tuple(dict.fromkeys(results)))

    def root(self, name: str) -> Tensor:
        """The tensor whose bytes activation `name` is."""
        return self.network.tensors[self.roots[name]]

    def root_box(self, name: str, box: Box) -> Box:
        """The part of the root in which `box` of activation `name` lies."""
        return covering(self.network.tensors[name].shape, self.root(name).shape, box)


def covering(view: tuple[int, int, int], root: tuple[int, int, int], box: Box) -> Box:
    """Smallest box of `root`, all channels of some rows, that has `box` of the view of it."""
    if view == root or not box:
        return box
    pitch, root_pitch = view[1] * view[2], root[1] * root[2]
    return Box(box.top * pitch // root_pitch, -(-box.bottom * pitch // root_pitch), 0, root[2])
