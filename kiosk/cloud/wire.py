"""The way to one host: a kept-alive connection of httpx, and one request at a time on it, never longer than its time.

Redirects are never followed, certificates always verified: a captive portal must not pass for the cloud.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

import certifi
import httpx

from kiosk.errors import ConfigError

LONGEST = 32 << 20
"""Bytes of the longest answer: a page of tickets has about one million."""

UNPACKED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
"""What no longer holds for a body that was read."""

HEADERS = {"Accept": "application/json", "User-Agent": "kiosk"}


@cache
def trust() -> ssl.SSLContext:
    """Return what all wires trust: this machine's authorities, or those of SSL_CERT_FILE, and certifi's.

    A bare Debian has none of its own, and an organiser's own is not among certifi's. It takes some 30 ms.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Wire:
    """Carries requests on a thread that may be left behind, but never sends anything that has been given up.

    A name that resolves after we stopped waiting would otherwise send a batch behind the back of the read-back. A wire
    that has given up a request is of no more use.
    """

    def __init__(self, url: httpx.URL, timeout: httpx.Timeout, *, proxies: bool) -> None:
        self.peer = url.host
        self.unsent = False
        self._place = (url.host, url.port or (443 if url.scheme == "https" else 80))
        self._client = _client(url, timeout, proxies=proxies)
        self._socket: socket.socket | None = None
        self._given_up = False
        self._is_out = threading.Event()
        self._asked: SimpleQueue[tuple[Callable[[], httpx.Response], Future[httpx.Response]] | None] = SimpleQueue()
        self._carrier: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(
        self, method: str, path: str, seconds: float, meanwhile: Callable[[], object] | None = None, **content: Any
    ) -> httpx.Response:
        """Return the answer; `meanwhile` is done while it is on its way.

        Raises httpx.HTTPError; TimeoutError when there is no whole answer in time. Afterwards `peer` says who was
        spoken to, and `unsent` whether it is certain that the request never left.
        """
        self.unsent = False
        self._is_out.clear()
        found: Future[httpx.Response] = Future()
        ask = partial(self._fetch, method, path, extensions={"trace": self._notice}, **content)
        self._hand_over(ask, found)
        until_s = time.monotonic() + seconds
        if meanwhile is not None and self._is_out.wait(seconds):  # before that it would only be in the way
            meanwhile()
        try:
            return found.result(max(0.0, until_s - time.monotonic()))
        except TimeoutError:
            self._give_up()
            raise

    def close(self) -> None:
        self._asked.put(None)
        self._client.close()

    def _fetch(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Read an answer to its end, or until it is longer than any can be."""
        body = bytearray()
        with self._client.stream(method, path, **content) as answer:
            for part in answer.iter_bytes():
                body += part
                if len(body) > LONGEST:
                    raise httpx.DecodingError("an answer without end", request=answer.request)
            kept = [(name, value) for name, value in answer.headers.raw if name.lower() not in UNPACKED]
            return httpx.Response(answer.status_code, headers=kept, content=bytes(body), request=answer.request)

    def _hand_over(self, ask: Callable[[], httpx.Response], found: Future[httpx.Response]) -> None:
        if self._carrier is None:
            self._carrier = threading.Thread(target=self._carry, name="line", daemon=True)
            self._carrier.start()
        self._asked.put((ask, found))

    def _carry(self) -> None:
        while (asked := self._asked.get()) is not None and not self._given_up:
            ask, found = asked
            try:
                found.set_result(ask())
            except Exception as error:  # noqa: BLE001  # it is raised again where the answer is waited for
                found.set_exception(error)
            self._is_out.set()

    def _give_up(self) -> None:
        """End the request, and with it the waiting of the thread that made it.

        The thread itself then closes the connection. Closed from here, the thread would wait on, and the connection's
        number would be the next one's: it would read, or even write, what belongs there.
        """
        with self._lock:
            self._given_up = True
        self._asked.put(None)
        if self._socket is not None:
            with suppress(OSError):  # already closed
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS's own would first turn to plain text

    def _notice(self, event: str, details: Mapping[str, Any]) -> None:
        """Hear from httpcore what it is about to do (its trace extension); an error raised here stops it."""
        if event.endswith(".connect_tcp.started"):
            self.unsent, self.peer = True, self._named(details["host"], details["port"])
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = details["return_value"].get_extra_info("socket")
        elif event.endswith(".send_request_headers.started"):
            self._let_out(tunnel=details["request"].method == b"CONNECT")
        elif event.endswith(".send_request_body.complete"):
            self._is_out.set()

    def _let_out(self, *, tunnel: bool) -> None:
        with self._lock:
            if self._given_up:
                raise ConnectionAbortedError("given up before anything was sent")
            self.unsent = tunnel

    def _named(self, host: str, port: int) -> str:
        by_proxy = "" if (host, port) == self._place else f"{self._place[0]} by the proxy "
        return f"{by_proxy}{host} (port {port})"


def _client(url: httpx.URL, timeout: httpx.Timeout, *, proxies: bool) -> httpx.Client:
    """Make a client that takes nothing but proxies from the environment, and those only where told to.

    Raises ConfigError. What a plain http:// needs to trust is nobody.
    """
    verify = trust() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.Client(
            base_url=url, timeout=timeout, follow_redirects=False, trust_env=proxies, verify=verify, headers=HEADERS,
        )  # fmt: skip
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # SOCKS, or junk; their texts may hold a password
        text = "a proxy named by the environment cannot be used: it needs an address such as http://proxy.example:3128"
        raise ConfigError(f"cloud.proxy_from_environment: {text}") from error
