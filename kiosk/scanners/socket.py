"""Manual entry: a Unix socket on which staff's own programs hand in codes, as one more scanner.

One JSON line in, `{"code": …, "type": "checkin" | "checkout" | null}`, one JSON line out, the answer. A line that says
what to do, `{"do": …}`, is an order; `desk.py` says which there are. `{"annul": SEQ, "force": true | false}` takes an
admission back. The socket lies in the runtime directory, readable by the kiosk's own user only.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
from pathlib import Path
from typing import Any

from kiosk import decode, hatch
from kiosk.errors import GateNotRunning, ScannerLost
from kiosk.hatch import MAX_CLIENTS, MAX_LINE
from kiosk.model import Annulment, Answer, Direction, Moment, Order, Reading

FILE = "gate.sock"


class SocketScanner:
    """A listening socket and its clients, behind one descriptor to poll."""

    def __init__(self, path: Path, lane: str) -> None:
        self._path, self._lane = path, lane
        self._listener = _listen(path)
        self._leaving: list[_Client] = []
        self._poll = selectors.EpollSelector()
        self._poll.register(self._listener, selectors.EVENT_READ)

    def fileno(self) -> int:
        return self._poll.fileno()

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that clients have handed in."""
        readings = []
        for key, _ in self._poll.select(0):
            if key.fileobj is self._listener:
                self._welcome()
            else:
                readings += self._listen_to(key.data, moment)
        return readings

    def due_ns(self) -> int | None:
        return None

    def _welcome(self) -> None:
        connection, _ = self._listener.accept()
        if len(self._poll.get_map()) > MAX_CLIENTS:
            connection.close()
            return
        client = _Client(connection)
        self._poll.register(connection, selectors.EVENT_READ, client)

    def _listen_to(self, client: _Client, moment: Moment) -> list[Reading]:
        found = [_reading(line, self._lane, moment, client) for line in client.lines()]
        if client.finished:
            self._poll.unregister(client.connection)
            client.leave()
            self._leaving = [left for left in (*self._leaving, client) if left.connection.fileno() >= 0]
        return [reading for reading in found if reading is not None]

    def close(self) -> None:
        for key in list(self._poll.get_map().values()):
            if key.data is not None:
                key.data.close()
        for client in self._leaving:
            client.close()
        self._poll.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)


class _Client:
    """One connection. The ears read it, the mind answers on it: the lock keeps an answer off a closed descriptor."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.finished = False
        self._lock = threading.Lock()
        self._received = b""
        self._waiting = 0

    def lines(self) -> list[bytes]:
        """Return the lines that are whole by now; `finished` is set when the client has said all, or talks too long."""
        try:
            data = self.connection.recv(MAX_LINE)
        except BlockingIOError:
            return []
        except OSError:  # reset by the client: it has gone
            data = b""
        *lines, self._received = (self._received + data).split(b"\n")
        self.finished = not data or len(self._received) > MAX_LINE
        with self._lock:
            self._waiting += len(lines)
        return lines

    def leave(self) -> None:
        """Close once every question has its answer: who has said all may still listen."""
        with self._lock:
            if self._waiting <= 0:
                self.connection.close()

    def tell(self, answer: Answer) -> None:
        """Send the answer, if the client still wants it."""
        words = {
            "seq": answer.scan.seq if answer.scan is not None else None,
            "message": answer.message,
            "repeated": answer.repeated,
            **answer.facts,
        }
        with self._lock:
            self._waiting -= 1
            if self.connection.fileno() >= 0:
                _send(self.connection, words)
                if self.finished and self._waiting <= 0:
                    self.connection.close()

    def close(self) -> None:
        with self._lock:
            self.connection.close()


def _listen(path: Path) -> socket.socket:
    try:
        return hatch.listen(path)
    except OSError as error:
        raise ScannerLost(f"{path}: {error}") from error


def _send(connection: socket.socket, words: object) -> bool:
    """Send without waiting; a client that does not read, or has gone, misses its answer."""
    try:
        connection.send(json.dumps(words).encode() + b"\n")
    except OSError:
        return False
    return True


def _reading(line: bytes, lane: str, moment: Moment, client: _Client) -> Reading | None:
    try:
        words = json.loads(line)
        if "do" in words:
            return Reading(lane, "", b"", moment, asker=client.tell, order=_order(words))
        if "annul" in words:
            return Reading(lane, "", b"", moment, asker=client.tell, annuls=_annulment(words))
        raw = words["code"].encode("utf-8", "surrogateescape")
        direction = Direction(words["type"]) if words.get("type") else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        client.tell(Answer(None, f"this is not a code handed in: {error}"))
        return None
    reading = decode.whole(raw, lane, moment, direction, client.tell)
    if reading is None:
        client.tell(Answer(None, "the code is empty"))
    return reading


def _order(words: dict[str, Any]) -> Order:
    return Order(str(words["do"]), {name: value for name, value in words.items() if name != "do"})


def _annulment(words: dict[str, Any]) -> Annulment:
    seq, force = words["annul"], words.get("force", False)
    if type(seq) is not int or type(force) is not bool or not 0 < seq < 1 << 63:
        raise ValueError("annul needs a scan's number")
    return Annulment(seq, force)


def ask(path: Path, code: str, direction: Direction | None) -> dict[str, Any]:
    """Hand a code to the running gate and return its answer. Raises GateNotRunning."""
    return bid(path, {"code": code, "type": direction})


def annul(path: Path, seq: int, *, force: bool) -> dict[str, Any]:
    """Have the running gate take an admission back and return its answer. Raises GateNotRunning."""
    return bid(path, {"annul": seq, "force": force})


def bid(path: Path, question: dict[str, object]) -> dict[str, Any]:
    """Give the running gate an order and return its answer. Raises GateNotRunning."""
    try:
        return hatch.ask(path, question)
    except (OSError, ValueError) as error:
        raise GateNotRunning(f"the gate does not answer on {path} ({error}): start `kiosk gate`") from error
    try:
        return hatch.ask(path, question)
    except (OSError, ValueError) as error:
        raise GateNotRunning(f"the gate does not answer on {path} ({error}): start `kiosk gate`") from error
