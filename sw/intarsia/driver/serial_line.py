"""Registers of a chip on a board, over a serial line."""

import os
import select
import termios
import time
from collections import deque
from pathlib import Path
from typing import Protocol

from intarsia.driver.errors import DriverError, SilentNodeError
from intarsia.isa.bits import decode, encode
from intarsia.isa.serial import SerialCommand, SerialReply, SerialRequest, SerialStatus

__all__ = ["Line", "SerialRegisters", "Tty"]

#: Times that a request is sent, if it or its answer is damaged.
TRIES = 3

#: Seconds without an answer after which there will be none; also long enough for a board to forget
#: a request that was cut off.
PATIENCE = 0.05

#: Bytes of a reply.
REPLY_BYTES = SerialReply.as_shape().size // 8

#: Bytes of a request.
REQUEST_BYTES = SerialRequest.as_shape().size // 8


class Line(Protocol):
    """Bytes to a board, and from it."""

    def send(self, content: bytes) -> None:
        """Send all of `content`."""
        ...

    def receive(self, count: int) -> bytes:
        """The next `count` bytes, or fewer if no more come for a while."""
        ...


class Tty:
    """A serial port of this machine, as a :class:`Line`.

    Parameters
    ----------
    path : Path

    Raises
    ------
    :exc:`OSError`
        If there is no such port.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        flags = termios.CS8 | termios.CREAD | termios.CLOCAL
        speed = termios.B1000000
        control = termios.tcgetattr(self._file)[6]
        termios.tcsetattr(self._file, termios.TCSANOW, [0, 0, flags, 0, speed, speed, control])

    def close(self) -> None:
        """Give the port back."""
        os.close(self._file)

    def send(self, content: bytes) -> None:
        """See :meth:`Line.send`."""
        while content:
            content = content[os.write(self._file, content) :]

    def receive(self, count: int) -> bytes:
        """See :meth:`Line.receive`."""
        content = b""
        while len(content) < count and select.select([self._file], [], [], PATIENCE)[0]:
            content += os.read(self._file, count - len(content))
        return content


class SerialRegisters:
    """Reads and writes registers over `line`, and keeps what is said of interrupts.

    A request that is garbled on its way is sent again; a read also if its reply is. A write whose
    reply is damaged or missing may have been done, and is not repeated.

    Parameters
    ----------
    line : Line

    Members
    -------
    interrupts : deque of int
        Lines that were high when an interrupt rose, oldest first.
    """

    def __init__(self, line: Line) -> None:
        self.interrupts: deque[int] = deque()
        self._line = line

    def read(self, address: int) -> int:
        """The register at `address`.

        Raises
        ------
        :exc:`intarsia.driver.errors.DriverError`
            If the chip refuses, or the line damages everything.
        :exc:`intarsia.driver.errors.SilentNodeError`
            If the board does not answer.
        """
        return self._ask(SerialCommand.READ, address, 0)

    def write(self, address: int, value: int) -> None:
        """Write the register at `address`. Raises as :meth:`read`."""
        self._ask(SerialCommand.WRITE, address, value)

    def poll(self) -> None:
        """Take in what the board has said without being asked."""
        while self._hear() is not None:
            pass

    def _ask(self, command: SerialCommand, address: int, value: int) -> int:
        fields = {"command": command.value, "address": address, "value": value}
        request = _checked(encode(SerialRequest, fields).to_bytes(REQUEST_BYTES, "little"))
        answer = None
        for _ in range(TRIES):
            self._line.send(request)
            answer = self._hear()
            if answer is None and command is SerialCommand.WRITE:
                raise SilentNodeError(0, f"no answer to a write of {address:#x} on the serial line")
            if answer is None or answer[0] is SerialStatus.GARBLED:
                time.sleep(PATIENCE)
            elif answer[0] is SerialStatus.REFUSED:
                raise DriverError(f"the chip refuses {command.name} of {address:#x}")
            else:
                return answer[1]
        if answer is None:
            raise SilentNodeError(0, "no answer on the serial line: is the board configured?")
        raise DriverError(f"the serial line garbled {TRIES} requests: is its speed right?")

    def _hear(self) -> tuple[SerialStatus, int] | None:
        """The next reply; none, if nothing comes or it is damaged."""
        while len(content := self._line.receive(REPLY_BYTES)) == REPLY_BYTES:
            if sum(content) % 256:
                return None
            reply = decode(SerialReply, int.from_bytes(content, "little"))
            if reply["status"] is not SerialStatus.INTERRUPT:
                return reply["status"], reply["value"]
            self.interrupts.append(reply["value"])
        return None


def _checked(message: bytes) -> bytes:
    """With a last byte that makes the sum a multiple of 256."""
    return message[:-1] + bytes([-sum(message[:-1]) & 0xFF])
