"""What is wrong with the way to the cloud: one sentence that somebody at the door can act on.

It names the host, begins with what counts (a screen shows 160 characters), and holds nothing that changes from one try
to the next: the log writes what is new only.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterable
from datetime import datetime

import httpx

from kiosk.errors import NoAnswer, NotSent
from kiosk.words import plain

NOTHING_SENT = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol,
)  # fmt: skip
"""What can only happen before a request leaves."""

NO_WAY = {errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}

NOT_YET_VALID, EXPIRED = 9, 10
OTHER_NAME = {62, 64}
UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21, 27}
"""X509_V_ERR_… of OpenSSL's x509_vfy.h."""

UNREACHED: Iterable[tuple[type[BaseException], str]] = (
    (ssl.SSLError, "no secure connection comes about: a wrong port, or somebody in between who does not speak TLS"),
    (ConnectionRefusedError, "connection refused: nobody listens there, or a firewall forbids it: a wrong address?"),
    (ConnectionError, "the connection is cut off at once: a firewall or a filter in this network?"),
    (TimeoutError, "no answer in time: no internet behind this network, or a firewall that swallows everything"),
)  # fmt: skip
BROKEN_OFF: Iterable[tuple[type[BaseException], str]] = (
    (httpx.WriteTimeout, "it does not take what is sent: the line is dead or far too slow"),
    (TimeoutError, "it stays silent: the line has gone dead, or the cloud is overloaded"),
    (ssl.SSLError, "the secure connection broke: the line is bad, or somebody in between meddles with it"),
    (ConnectionError, "the connection was cut off (reset): a firewall, a filter, or a restart over there"),
    (httpx.DecodingError, "what it sends is packed in a way that cannot be read"),
)
UNKNOWN = "its certificate is of an unknown authority: a log-in page, a proxy that listens in, or no ca-certificates"
LOST = "no way there: this machine has no network, or no router; check cable, Wi-Fi and address"


def failure(error: Exception, host: str, peer: str, now: datetime, *, unsent: bool) -> NotSent | NoAnswer:
    """Return what a request that ended in an error of httpx comes to; `peer` is who was to be reached for `host`."""
    root = _root(error)
    if unsent or isinstance(error, NOTHING_SENT):
        return NotSent(f"cannot reach {peer}: {_unreached(error, root, now)}")
    return NoAnswer(f"no answer from {host}: {_broken_off(error, root)}", running=_running(error))


def late(host: str, peer: str, *, unsent: bool) -> NotSent | NoAnswer:
    """Return what a request without a whole answer in time comes to."""
    if unsent:
        return NotSent(f"cannot reach {peer}: no answer in time, perhaps not even of a name server; is the network up?")
    return NoAnswer(f"no whole answer from {host} in time: the line has gone dead or is far too slow", running=True)


def stranger(host: str, status: int, what: str) -> str:
    """Say that an answer is not the cloud's."""
    return f"somebody else answers instead of {host} ({status} with {plain(what)[:60]}): a log-in page of this network?"


def _root(error: BaseException) -> BaseException:
    """Return what it all began with. httpcore takes the cause away from its errors and leaves the context."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return error


def _unreached(error: Exception, root: BaseException, now: datetime) -> str:
    if isinstance(root, ssl.SSLCertVerificationError):
        return _certificate(root, now)
    if isinstance(root, socket.gaierror):
        return _nameless(root)
    if isinstance(error, httpx.ProxyError):
        return f"the proxy answers {plain(str(error))[:60]}"
    return _first(UNREACHED, error, root)


def _broken_off(error: Exception, root: BaseException) -> str:
    if isinstance(error, httpx.RemoteProtocolError):
        hung_up = "closed" in str(error) or "disconnected" in str(error)
        return "it hung up before its answer was whole" if hung_up else "what it sends is no HTTP: a wrong port?"
    return _first(BROKEN_OFF, error, root)


def _first(sentences: Iterable[tuple[type[BaseException], str]], error: Exception, root: BaseException) -> str:
    if isinstance(root, OSError) and root.errno in NO_WAY:
        return LOST
    fitting = (sentence for kind, sentence in sentences if isinstance(root, kind) or isinstance(error, kind))
    return next(fitting, None) or plain(str(root))[:100] or type(root).__name__


def _nameless(root: socket.gaierror) -> str:
    if root.errno == socket.EAI_AGAIN:
        return "no name server answers for its name: is the network up, and does it lead to the internet?"
    return "its name is not known here: check the address in the configuration, and this network's name server"


def _certificate(root: ssl.SSLCertVerificationError, now: datetime) -> str:
    today = f"{now.astimezone():%Y-%m-%d}"
    if root.verify_code == NOT_YET_VALID:
        return f"its certificate is not valid yet: this machine's clock says {today}, which is probably wrong"
    if root.verify_code == EXPIRED:
        return f"its certificate has expired, or this machine's clock runs ahead: it says {today}"
    if root.verify_code in OTHER_NAME:
        return "its certificate is for another name: a log-in page of this network, or a wrong address"
    if root.verify_code in UNKNOWN_AUTHORITY:
        return UNKNOWN
    return f"its certificate is not accepted: {plain(root.verify_message)[:100]}"


def _running(error: Exception) -> bool:
    """Whether the request may still be at work over there: it was somebody in between, perhaps, who hung up."""
    return not isinstance(error, httpx.DecodingError)
