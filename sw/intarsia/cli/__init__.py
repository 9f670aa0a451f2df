"""The command line: ``intarsia run``, ``intarsia verilog``, ``intarsia demo``."""
