"""A hatch: a Unix socket in the runtime directory at which one program asks another, JSON lines both ways.

Only the kiosk's own user can open one. The gate's is one more scanner (`scanners/socket.py`); sync's is served here, on
a thread of its own, one question at a time.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

MAX_LINE = 16_384
"""The longest code as JSON, every byte escaped, and room to spare."""

MAX_CLIENTS = 32
ASK_TIMEOUT_S = 10.0

NOTICE_S = 0.25
"""How soon who serves notices that it is to stop."""

LINE_S = 1.0
"""How long a client may take to say its line while others wait."""


def listen(path: Path) -> socket.socket:
    """Open a hatch that only this user can come to, and that blocks nobody. Raises OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():  # left behind by a program that was killed; anything else is not ours to remove
            path.unlink()
        with _reachable(path) as name:
            listener.bind(name)
        path.chmod(0o600)
        listener.listen(MAX_CLIENTS)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def ask(path: Path, question: Mapping[str, object], timeout_s: float = ASK_TIMEOUT_S) -> dict[str, Any]:
    """Ask who listens there and return the answer. Raises OSError, ValueError: nobody does, or not in time."""
    with _reachable(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(name)
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline(MAX_LINE))
    return answer


def serve(path: Path, answer: Callable[[Any], Mapping[str, object]], stop: threading.Event) -> None:
    """Answer question after question until told to stop. Raises OSError when the hatch cannot be opened."""
    with listen(path) as listener, selectors.DefaultSelector() as poll:
        poll.register(listener, selectors.EVENT_READ)
        try:
            while not stop.is_set():
                if poll.select(NOTICE_S):
                    _serve_next(listener, answer)
        finally:
            path.unlink(missing_ok=True)


def _serve_next(listener: socket.socket, answer: Callable[[Any], Mapping[str, object]]) -> None:
    """Answer one client; one that says nothing in time, or has gone, is no harm to the next."""
    with suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(LINE_S)
            with connection.makefile("rb") as lines:
                words = lines.readline(MAX_LINE)
            try:
                question = json.loads(words)
            except (ValueError, RecursionError) as error:
                reply: Mapping[str, object] = {"refused": "malformed", "message": f"this is not a question: {error}"}
            else:
                reply = answer(question)
            connection.sendall(json.dumps(reply).encode() + b"\n")


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name of at most 107 bytes for a socket's path: the kernel takes no longer one (unix(7))."""
    if len(os.fsencode(path)) <= 107:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
