"""Those who wait are told what for."""

import logging

import pytest

from intarsia.cli.progress import opened, steps


class Session:
    """Logs while it is opened, as the simulator does."""

    def __enter__(self):
        logging.getLogger("intarsia.cosim").info("compiling %s", "something")
        return self

    def __exit__(self, *error):
        self.closed = True


def test_steps_are_shown_as_they_begin():
    shown = []
    with steps(shown.append):
        logging.getLogger("intarsia.cosim").info("generating %s", "this")
        logging.getLogger("intarsia.cosim").debug("a detail")
        logging.getLogger("another").warning("of somebody else")
    assert shown == ["generating this"]


def test_nothing_is_left_behind():
    logger = logging.getLogger("intarsia.cosim")
    before = (logger.level, list(logger.handlers))
    with pytest.raises(ValueError, match="fails"), steps(print):
        raise ValueError("fails")
    assert (logger.level, logger.handlers) == before


def test_without_a_terminal_steps_have_a_line_each(capsys):
    session = Session()
    with opened(session, 2) as progress:
        progress(1)
        progress(2)
    assert session.closed
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip().splitlines() == ["compiling something", "running 2 inferences"]
