"""Checksums of fragments that never change."""

import google_crc32c

from intarsia.isa.fragment import CHECKED_UNIT

__all__ = ["checksum"]


def checksum(content: bytes) -> int:
    """What `FragmentEntry.checksum` says of `content`."""
    return google_crc32c.value(content + bytes(-len(content) % CHECKED_UNIT))
