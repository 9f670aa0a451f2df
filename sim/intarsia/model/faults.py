"""What goes wrong in the model of whole chips, as the hardware would report it."""

from intarsia.isa.faults import FaultCode

__all__ = ["DeadlockError", "ModelFaultError"]


class ModelFaultError(Exception):
    """A fault.

    Members
    -------
    code : FaultCode
        What the hardware would report.
    """

    def __init__(self, code: FaultCode, text: str):
        super().__init__(f"{code.name}: {text}")
        self.code = code


class DeadlockError(Exception):
    """Nobody can go on. The message says who waits for what."""
