"""One client's connection, on which replies are played: whole, slowly, in part or not at all.

Every wait ends when the client leaves or the server stops, so that no fault outlives either.
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass

from kiosk.sandbox.messages import Delivery

_GLANCE_S = 0.05
_RESET = struct.pack("ii", 1, 0)  # linger for 0 seconds: the kernel resets instead of closing


@dataclass(frozen=True, slots=True)
class Wire:
    """Play replies to one client until `closing` is set."""

    connection: socket.socket
    closing: threading.Event

    def play(self, head: bytes, body: bytes, delivery: Delivery) -> bool:
        """Send a reply as it is to be delivered, and tell whether the connection may be used again."""
        if delivery.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if delivery.silent or not self.wait(delivery.wait_s):
            return False
        sent = body[: int(len(body) * delivery.share)]
        if delivery.pause_s > 0:
            return self._dribble(head, sent, delivery) and sent == body
        self.connection.sendall(head + sent)
        return sent == body

    def wait(self, seconds: float) -> bool:
        """Wait, and tell whether client and server are both still there."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.closing.wait(min(left, _GLANCE_S)) or self._client_left():
                return False
        return True

    def _dribble(self, head: bytes, body: bytes, delivery: Delivery) -> bool:
        at_once, slowly = (b"", head + body) if delivery.slow_head else (head, body)
        self.connection.sendall(at_once)
        for byte in slowly:
            if not self.wait(delivery.pause_s):
                return False
            self.connection.sendall(bytes((byte,)))
        return True

    def _client_left(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
