"""``make soak``: what takes too long for ``make test``, and is the same otherwise.

``python -m tests.soak --help`` says which sections there are, and how to run a single one again.
"""
