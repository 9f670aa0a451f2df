"""What the compiler refuses."""

__all__ = ["CompileError", "MemoryShortageError"]


class CompileError(ValueError):
    """A network that can't be laid over these chips. One line: what, where, and what would help."""


class MemoryShortageError(CompileError):
    """A chip's memory is too small for the way of working that was tried."""
