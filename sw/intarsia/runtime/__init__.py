"""Networks on chips: sessions, and what they are made of."""

from intarsia.runtime.session import Session

__all__ = ["Session"]
