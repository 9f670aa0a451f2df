"""The core's C interface, as Python sees it."""

import ctypes
from ctypes import (
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache

from intarsia.cosim.build import core_library
from intarsia.isa.counters import ACTIVITIES

__all__ = ["NativeError", "TraceEvent", "core"]


class NativeError(RuntimeError):
    """The core refused a call; the message says why."""


class TraceEvent(ctypes.Structure):
    """What a stream of a chip began or finished. See ``token.hpp``."""

    _fields_ = (
        ("cycle", c_uint64),
        ("stream", c_uint8),
        ("context", c_uint8),
        ("layer", c_uint16),
        ("done", c_bool),
        ("counts", c_uint64 * ACTIVITIES),
    )


#: Result and arguments of each function. The first argument is the fabric, where there is one.
FUNCTIONS = {
    "error": (c_char_p,),
    "create": (c_void_p, c_uint32),
    "destroy": (None, c_void_p),
    "add_chip": (c_int, c_void_p, c_char_p),
    "add_memory": (c_int, c_void_p, c_uint16, c_uint64, c_uint32, c_uint32),
    "join": (c_int, c_void_p, c_uint16, c_uint32, c_uint16, c_uint32),
    "route": (c_int, c_void_p, c_uint16, c_uint32),
    "disturb": (c_int, c_void_p, c_double, c_double, c_uint64),
    "cut": (c_int, c_void_p, c_uint16, c_uint64),
    "kill": (c_int, c_void_p, c_uint16, c_uint64),
    "flip": (c_int, c_void_p, c_uint16, c_uint64, c_uint64, c_uint32),
    "reset": (c_int, c_void_p, c_uint16),
    "heed": (None, c_void_p),
    "write_off": (None, c_void_p, c_uint16),
    "abandon": (c_int, c_void_p, c_uint16),
    "now": (c_uint64, c_void_p),
    "run": (c_int, c_void_p, c_uint64, c_uint32, c_uint16),
    "access": (c_int, c_void_p, c_uint16, c_int, c_uint32, c_uint32),
    "accessed": (
        c_int,
        c_void_p,
        c_uint16,
        POINTER(c_uint32),
        POINTER(c_uint32),
        POINTER(c_uint64),
    ),
    "interrupts": (c_int, c_void_p, c_uint16, POINTER(c_uint64)),
    "events": (c_int64, c_void_p, c_uint16, POINTER(POINTER(TraceEvent))),
    "forget_events": (c_int, c_void_p, c_uint16),
    "activities": (c_int, c_void_p, c_uint16, c_uint64, POINTER(c_uint64)),
    "place": (
        c_int,
        c_void_p,
        c_uint16,
        c_uint64,
        c_uint16,
        c_uint64,
        c_uint64,
        c_uint16,
        c_uint8,
    ),
    "keep": (c_int, c_void_p, c_uint16, c_char_p),
    "fence": (c_int, c_void_p, c_uint16, c_uint16, c_int),
    "errand": (
        c_int64,
        c_void_p,
        c_uint16,
        c_int,
        c_uint32,
        c_uint32,
        c_uint64,
        c_uint16,
        c_uint16,
        c_char_p,
        c_uint64,
        c_uint64,
        c_int,
        c_char_p,
    ),
    "errand_place": (
        c_int64,
        c_void_p,
        c_uint16,
        c_uint32,
        c_uint32,
        c_uint64,
        c_uint16,
        c_uint64,
        c_uint16,
        c_uint64,
        c_uint64,
        c_uint16,
        c_uint8,
        c_int,
    ),
    "errand_standing": (c_int, c_void_p, c_uint16, c_uint64, POINTER(c_uint64), POINTER(c_char_p)),
    "transfer": (
        c_int,
        c_void_p,
        c_uint16,
        c_int,
        c_uint16,
        POINTER(c_uint8),
        c_uint64,
        c_uint64,
    ),
    "store": (c_int, c_void_p, c_uint16, c_uint64, c_char_p, c_uint64),
    "load": (c_int, c_void_p, c_uint16, c_uint64, c_void_p, c_uint64),
    "last_commit": (c_uint64, c_void_p, c_uint16),
    "link_bytes": (c_uint64, c_void_p),
    "repeated": (c_uint64, c_void_p),
    "damaged": (c_uint64, c_void_p),
    "faults": (c_char_p, c_void_p),
    "hash": (c_uint64, c_void_p),
}

#: Functions that return a negative number, or null, when they failed.
FALLIBLE = (
    "create",
    "add_chip",
    "add_memory",
    "join",
    "route",
    "disturb",
    "cut",
    "kill",
    "flip",
    "reset",
    "abandon",
    "run",
    "access",
    "accessed",
    "interrupts",
    "events",
    "forget_events",
    "activities",
    "place",
    "keep",
    "fence",
    "errand",
    "errand_place",
    "errand_standing",
    "transfer",
    "store",
    "load",
)


@cache
def core() -> ctypes.CDLL:
    """The core, built if need be. Functions are called by their names without ``cosim_``.

    Those of `FALLIBLE` raise :exc:`NativeError`.
    """
    library = ctypes.CDLL(str(core_library()))
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, f"cosim_{name}")
        function.restype = result
        function.argtypes = arguments
        if name in FALLIBLE:
            function.errcheck = _check
        setattr(library, name, function)
    return library


def _check(result: int | None, _function: object, _arguments: tuple[object, ...]) -> int:
    if result is None or result < 0:
        raise NativeError(core().error().decode())
    return result
