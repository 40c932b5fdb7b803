"""A PublishRequest as bytes (OPC UA Part 6, 5.2): the one request that is sent again and again (pure)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_TYPE = b"\x01\x00\x3a\x03"
_HEADER = struct.Struct("<qIIiI3x")
"""Time, request handle, no diagnostics, no audit entry, time-out, no additional header."""
Acknowledgement = tuple[int, int]
"""Subscription and sequence number."""


def publish_request(token: bytes, handle: int, at: int, acknowledgements: Sequence[Acknowledgement]) -> bytes:
    """`token`: the session's, encoded; `at`: 100 ns since 1601. The server may take as long as it likes."""
    count = len(acknowledgements)
    flat = [number for pair in acknowledgements for number in pair]
    return b"".join((_TYPE, token, _HEADER.pack(at, handle, 0, -1, 0), struct.pack(f"<i{2 * count}I", count, *flat)))
