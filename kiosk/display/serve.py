"""The web server, on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MAX_CONNECTIONS = 64
"""More than all screens of a door together; who comes on top of that is sent away."""

MOST_OPEN = 4 * MAX_CONNECTIONS
"""How many connections may be open at all: files are opened by the same program, and run out where nobody counts."""

PATIENCE_S = 10.0
"""How long a client may owe the rest of a request: who says nothing, or half of it, would have a screen's place."""

DEAD_CLIENT_MS = 10_000
"""How long a screen may leave its messages lying before it is dropped (tcp(7), TCP_USER_TIMEOUT)."""

SEND_BUFFER = 65_536
"""How much the kernel may hold for one screen: some dozen messages, which are worth nothing when they are late."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.create_server(address[:2], family=family)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_CLIENT_MS)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listener


class Patience(H11Protocol):
    """A connection that ends when its client says nothing, or goes on saying the same request, for too long.

    uvicorn itself only ends one that is silent behind an answer.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_OPEN:
            transport.abort()
            return
        self._look_later(None)

    def _look_later(self, before: RequestResponseCycle | None) -> None:
        self.loop.call_later(PATIENCE_S, self._look, before)

    def _look(self, before: RequestResponseCycle | None) -> None:
        """End it where nothing has come of it since the last look; what streams owes nothing."""
        cycle: RequestResponseCycle | None = self.cycle
        owes = cycle is None or cycle.response_complete or cycle.more_body
        if self.transport.is_closing():
            return
        if owes and cycle is before:
            self.transport.close()
        else:
            self._look_later(cycle)


class Service:
    """Serves from `with` to its end. The streams must have been ended before that."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Patience,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="server", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
