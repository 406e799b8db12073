"""The Unix sockets on which QEMU listens."""

from __future__ import annotations

import json
import select
import socket
import time
from pathlib import Path
from typing import Any


class Lines:
    """JSON objects, one a line, over a Unix socket of QEMU's."""

    def __init__(self, path: Path) -> None:
        self._socket = dial(path)
        self._received = b""

    def say(self, words: object) -> None:
        self._socket.sendall(json.dumps(words).encode() + b"\n")

    def hear(self, patience_s: float) -> Any:
        deadline = time.monotonic() + patience_s
        while b"\n" not in self._received:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self._socket], [], [], left_s)[0]:
                raise TimeoutError(f"the virtual machine said nothing for {patience_s} s")
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the virtual machine has ended")
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        return json.loads(line)

    def close(self) -> None:
        self._socket.close()


def dial(path: Path, patience_s: float = 20.0) -> socket.socket:
    deadline = time.monotonic() + patience_s
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(str(path))
        except OSError:
            line.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return line
