"""What makes a scanner beep: bytes of its own dialect, sent back to it on the port that its codes come from."""

from __future__ import annotations

from typing import NamedTuple


class Dialect(NamedTuple):
    """What is sent for an approved code, for any other, and for one that is only shown again."""

    good: bytes = b""
    bad: bytes = b""
    again: bytes = b""


DIALECTS = {
    "none": Dialect(),
    "honeywell": Dialect(b"\x16\x07\r", b"\x16\x07\r" * 2),
    "cipherlab": Dialect(b"#@////\r", b"#@////\r" * 2),
    "ack": Dialect(b"\x06", b"\x06", b"\x06"),
}
"""Honeywell 3310g and CipherLab 1663 user's guides: once is good, twice is bad. In ACK/NAK mode a scanner waits for an
answer to each code and sends it again on NAK, so all are ACK."""
