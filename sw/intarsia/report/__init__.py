"""Recordings for people: a time line, tables, and a page of figures."""

from intarsia.report.folder import write_report
from intarsia.report.trace import write_trace

__all__ = ["write_report", "write_trace"]
