"""What is said of a model that cannot be imported."""

__all__ = ["ModelError"]


class ModelError(ValueError):
    """A model file is damaged, or holds something that is not supported.

    The message is one line: the file, the operator or tensor, what is wrong, and what to do.
    """
