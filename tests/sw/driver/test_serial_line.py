"""Registers are read and written over a serial line, and what goes wrong on it is told."""

import os
import random

import pytest

from intarsia.driver import serial_line
from intarsia.driver.errors import DriverError, SilentNodeError
from intarsia.driver.serial_line import REPLY_BYTES, REQUEST_BYTES, SerialRegisters, Tty
from intarsia.isa.bits import decode, encode
from intarsia.isa.serial import SerialCommand, SerialReply, SerialRequest, SerialStatus

LIMIT = 0x100


def said(status, value=0):
    """A message of the board."""
    content = encode(SerialReply, {"status": status, "value": value}).to_bytes(
        REPLY_BYTES, "little"
    )
    return content[:-1] + bytes([-sum(content[:-1]) & 0xFF])


class Board:
    """The other end, as `isa.serial` says; damages what `harm` names, first one first.

    "request" and "reply" damage a byte of it, "silence" swallows the reply, "interrupt" says
    something before it.
    """

    def __init__(self, *harm):
        self.words = dict.fromkeys(range(0, LIMIT, 4), 0)
        self.harm = list(harm)
        self.out = b""
        self.done = []

    def send(self, content):
        assert len(content) == REQUEST_BYTES
        harm = self.harm.pop(0) if self.harm else ""
        if harm == "request":
            place = random.randrange(len(content))
            content = content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
        reply = self._answer(content)
        if harm == "interrupt":
            self.out += said(SerialStatus.INTERRUPT, 0b10)
        if harm == "reply":
            reply = reply[:2] + bytes([reply[2] ^ 0x01]) + reply[3:]
        if harm != "silence":
            self.out += reply

    def _answer(self, content):
        if sum(content) % 256:
            return said(SerialStatus.GARBLED)
        request = decode(SerialRequest, int.from_bytes(content, "little"))
        address = request["address"]
        if address not in self.words:
            return said(SerialStatus.REFUSED)
        self.done.append(address)
        if request["command"] == SerialCommand.WRITE.value:
            self.words[address] = request["value"]
            return said(SerialStatus.OKAY)
        return said(SerialStatus.OKAY, self.words[address])

    def receive(self, count):
        content, self.out = self.out[:count], self.out[count:]
        return content


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(serial_line, "PATIENCE", 0.001)


def test_what_is_written_is_read():
    registers = SerialRegisters(Board())
    for address in range(0, LIMIT, 4):
        registers.write(address, address * 0x01234567 & 0xFFFFFFFF)
    for address in range(0, LIMIT, 4):
        assert registers.read(address) == address * 0x01234567 & 0xFFFFFFFF


@pytest.mark.parametrize("harm", [["request"], ["request", "request"]], ids=["once", "twice"])
def test_what_was_garbled_is_sent_again(harm):
    board = Board(*harm)
    registers = SerialRegisters(board)
    registers.write(0x10, 7)
    assert board.done == [0x10]
    assert board.words[0x10] == 7


@pytest.mark.parametrize("harm", ["reply", "silence"])
def test_a_read_is_repeated_and_a_write_is_not(harm):
    board = Board(harm)
    board.words[0x10] = 9
    assert SerialRegisters(board).read(0x10) == 9
    assert board.done == [0x10, 0x10]
    board = Board(harm)
    with pytest.raises(SilentNodeError, match="no answer to a write of 0x10 on the serial line"):
        SerialRegisters(board).write(0x10, 3)
    assert board.done == [0x10]


def test_what_is_refused_is_named():
    registers = SerialRegisters(Board())
    with pytest.raises(DriverError, match=r"the chip refuses READ of 0x100$"):
        registers.read(LIMIT)
    with pytest.raises(DriverError, match=r"the chip refuses WRITE of 0x104$"):
        registers.write(LIMIT + 4, 1)


def test_a_board_that_is_not_there():
    with pytest.raises(SilentNodeError, match="is the board configured"):
        SerialRegisters(Board("silence", "silence", "silence")).read(0)


def test_a_line_at_the_wrong_speed():
    with pytest.raises(DriverError, match="garbled 3 requests: is its speed right"):
        SerialRegisters(Board("request", "request", "request")).read(0)


def test_interrupts_are_kept():
    board = Board("interrupt")
    registers = SerialRegisters(board)
    assert registers.read(0x20) == 0
    board.out += said(SerialStatus.INTERRUPT, 0b01)
    registers.poll()
    assert [*registers.interrupts] == [0b10, 0b01]


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1048576"):
        SerialRegisters(Board()).read(1 << 20)


def test_a_tty_carries_bytes_as_they_are():
    board, port = os.openpty()
    line = Tty(os.ttyname(port))
    every = bytes(range(256))
    line.send(every)
    assert os.read(board, 1024) == every
    os.write(board, every)
    assert line.receive(256) == every
    assert line.receive(1) == b""
    line.close()
    os.close(board)
    os.close(port)
