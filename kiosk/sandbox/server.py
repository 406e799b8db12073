"""The HTTP server: one thread a connection, which is kept alive until either side has had enough of it."""

import socketserver
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Any

from kiosk.sandbox import checks
from kiosk.sandbox.cloud import Cloud
from kiosk.sandbox.messages import Reply, Request, RequestError, http_date, refusal
from kiosk.sandbox.routing import CONTROL, answer
from kiosk.sandbox.wire import Wire

MAX_BODY = 5_000_000
MAX_CONTROL_BODY = 256_000_000

_MAX_DISCARDED = 64_000_000
_CHUNK = 65_536
_FAREWELL_S = 0.5

_LENGTH = checks.number(0, 10**15)


class Conversation(BaseHTTPRequestHandler):
    """Read one client's requests and play the replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def converse(self) -> None:
        """Answer the request whose head was just read."""
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, client=str(self.client_address[0]))
        reply = self._reply(request)
        if not path.startswith(CONTROL):
            # Before it is sent: who has the answer will find the request on record.
            self.server.cloud.log.add(request, reply.status_seen, self.server.cloud.clock.now())
        self._play(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = converse  # noqa: N815 - http.server's names

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP in the same shape as everything else."""
        self.close_connection = True
        self._play(refusal(code, explain or message or responses.get(code, "")))

    def log_message(self, *_args: Any, **_kwargs: Any) -> None:
        """Say nothing; requests are kept on record instead."""

    def _reply(self, request: Request) -> Reply:
        try:
            body = self._body(MAX_CONTROL_BODY if request.path.startswith(CONTROL) else MAX_BODY)
        except RequestError as error:
            self.close_connection = True
            return error.reply
        return answer(replace(request, body=body), self.server.cloud)

    def _body(self, limit: int) -> bytes:
        announced = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            raise RequestError(411, "the body must come with a Content-Length")
        if problem := _LENGTH(announced):
            raise RequestError(400, f"Content-Length {problem}")
        if int(announced) > limit:
            self._discard(min(int(announced), _MAX_DISCARDED))
            raise RequestError(413, f"the body is larger than {limit} bytes")
        body = self.rfile.read(int(announced))
        if len(body) < int(announced):
            raise ConnectionError("the client left in the middle of its request")
        return body

    def _discard(self, length: int) -> None:
        """Read what nobody wants: a client that is still sending would not see the refusal."""
        while length > 0 and (chunk := self.rfile.read(min(length, _CHUNK))):
            length -= len(chunk)

    def _play(self, reply: Reply) -> None:
        body = b"" if self.command == "HEAD" else reply.body
        wire = Wire(self.connection, self.server.closing)
        if not wire.play(self._head(reply), body, reply.delivery):
            self.close_connection = True

    def _head(self, reply: Reply) -> bytes:
        lines = [
            f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}",
            f"Date: {http_date(self.server.cloud.clock.now())}",
            "Server: kiosk-sandbox",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        if reply.content_type:
            lines.append(f"Content-Type: {reply.content_type}")
        if reply.status != 204:
            lines.append(f"Content-Length: {len(reply.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Listener(ThreadingHTTPServer):
    """Hold a port from the beginning, and serve on it once, until told to quit."""

    request_queue_size = 128
    allow_reuse_port = False  # newer Pythons would let a second server share the port in silence
    timeout = 0.5

    def __init__(self, address: tuple[str, int], cloud: Cloud) -> None:
        super().__init__(address, Conversation, bind_and_activate=False)
        self.cloud = cloud
        self.closing = threading.Event()
        self.ended = threading.Event()
        self.opened = False
        self._lock = threading.Lock()
        self._guests: dict[threading.Thread, Any] = {}
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Take the port without asking the name service who we are, which can take long."""
        socketserver.TCPServer.server_bind(self)

    def open(self) -> None:
        """Let clients connect; raises RuntimeError where they already can."""
        if self.opened:
            raise RuntimeError("the sandbox is already running")
        self.opened = True
        self.server_activate()

    def run(self) -> None:
        """Serve until told to quit, then send everybody away."""
        try:
            while not self.closing.is_set():
                self.handle_request()
        finally:
            self.close()

    def quit(self) -> None:
        """Let `run` come to its end, soon; may be called from any thread and from a signal handler."""
        self.closing.set()
        # On Linux this wakes the accepting thread; elsewhere it notices at its next timeout.
        with suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Give up the port and every connection."""
        self.closing.set()
        self.server_close()
        with self._lock:
            guests = dict(self._guests)
        for connection in guests.values():
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        end = time.monotonic() + _FAREWELL_S
        for thread in guests:
            thread.join(max(0.0, end - time.monotonic()))
        self.ended.set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Converse with a client, on the list of those who are to be sent away at the end."""
        with self._lock:
            self._guests[threading.current_thread()] = request
        if self.closing.is_set():
            self.shutdown_request(request)
        else:
            super().process_request_thread(request, client_address)
        with self._lock:
            del self._guests[threading.current_thread()]

    def shutdown_request(self, request: Any) -> None:
        """Close a connection without the usual farewell, which would spoil a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that leave; show everything else, which is a defect of this server."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
