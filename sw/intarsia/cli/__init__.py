"""The command line: ``intarsia run``, ``intarsia verilog``, ``intarsia demo``."""

from intarsia.cli.app import main

__all__ = ["main"]
