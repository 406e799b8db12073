"""What a client that does not behave can do to the server: nothing to the screens."""

import socket
import time

import pytest

from kiosk.clock import boottime_ns
from kiosk.display import serve
from kiosk.display.feed import Feed
from kiosk.display.serve import MOST_OPEN, Service, listen
from kiosk.display.site import site
from kiosk.display.snapshot import Snapshot

STREAM = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "nothing": b"",
    "half a request": b"GET /health HTTP/1.1\r\nHost: local",
    "half a body": b"POST /staff/api/state HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    "a second half": HEALTH + b"GET /hea",
}


class Served:
    def __init__(self):
        self.feed = Feed(boottime_ns)
        listener = listen("127.0.0.1", 0)
        self.address = listener.getsockname()
        self.service = Service(site(self.feed, "127.0.0.1"), listener)
        self.clients = []

    def say(self, words):
        client = socket.create_connection(self.address, timeout=30)
        self.clients.append(client)
        client.sendall(words)
        return client

    def screen(self):
        """A screen that has its stream."""
        client = self.say(STREAM)
        assert b"200 OK" in client.recv(4096)
        return client

    def is_fed(self, screen):
        """Tell whether a screen hears what is said now."""
        mark = str(time.monotonic_ns())
        self.feed.publish(Snapshot({"mark": mark}, None, boottime_ns()))
        heard = b""
        while mark.encode() not in heard:
            piece = screen.recv(65_536)
            if not piece:
                return False
            heard += piece
        return True


@pytest.fixture
def served():
    made = Served()
    with made.service:
        yield made
        for client in made.clients:
            client.close()
        made.feed.close()


def ends(client):
    """Wait until the server has ended this connection."""
    try:
        while client.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def dribbled(client):
    """Return for how many seconds a client may go on with one request."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        try:
            client.sendall(b"X-A: b\r\n")
        except OSError:
            break
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("words", HALVES.values(), ids=HALVES)
def test_who_does_not_finish_a_request_is_not_waited_for_and_a_screen_is(served, monkeypatch, words):
    monkeypatch.setattr(serve, "PATIENCE_S", 0.2)
    screen = served.screen()
    assert ends(served.say(words))
    assert served.is_fed(screen)


def test_who_dribbles_is_not_waited_for_either(served, monkeypatch):
    monkeypatch.setattr(serve, "PATIENCE_S", 0.5)
    assert dribbled(served.say(b"GET /health HTTP/1.1\r\n")) < 10


def test_any_number_of_connections_leaves_a_screen_its_stream_and_the_program_its_files(served, eventually):
    screen = served.screen()
    for _ in range(2 * MOST_OPEN):
        served.say(b"")
    connections = served.service._server.server_state.connections
    eventually("no more than so many are open", lambda: len(connections) == MOST_OPEN)
    assert served.is_fed(screen)
