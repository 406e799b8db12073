"""The cloud: two hosts and a credential for each, looked at side by side, within one time limit.

Each host is spoken to at most twice: a secure connection, which shows its certificate, and one small request.
"""

from __future__ import annotations

import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from kiosk import clock
from kiosk.cloud import trouble
from kiosk.cloud.access import Access
from kiosk.cloud.line import Credential, Line, bearer, credential_file, token
from kiosk.cloud.portier import Portier
from kiosk.cloud.wire import trust
from kiosk.config import Cloud
from kiosk.doctor.finding import Colour, Finding, amber, green, look, red, worst, worst_of_each
from kiosk.doctor.times import skew
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, TooMany, Unauthorized

DEADLINE_S = 10.0
CONNECT_S = 4.0
DAYS_LEFT = 14

NETWORK = "see to the network; the door goes on without it, and sync delivers as soon as it is back"


@dataclass(frozen=True, slots=True)
class Host:
    """One of the cloud's two, the credential for it, and one cheap question to it, which returns its time."""

    name: str
    url: httpx.URL
    file: Path
    credential: Credential
    ask: Callable[[Line], datetime | None]


def hosts(cloud: Cloud, event_id: str) -> list[Host]:
    """Return both; `event_id` is any event that the scans service may be asked about."""
    return [
        Host(
            "scans service", httpx.URL(cloud.scans_url), cloud.api_key_file, bearer(cloud.api_key_file),
            lambda line: Portier(line).page(event_id, 0, 1).date,
        ),
        Host(
            "access-control API", httpx.URL(cloud.access_url), cloud.token_file, token(cloud.token_file),
            lambda line: Access(line).settings().date,
        ),
    ]  # fmt: skip


def cloud_checks(cloud: Cloud, event_id: str) -> dict[str, Callable[[], list[Finding]]]:
    """Return what there is to ask of each host, by its name."""
    proxies = cloud.proxy_from_environment
    return {host.name: partial(check, host, proxies=proxies) for host in hosts(cloud, event_id)}


def side_by_side(checks: Mapping[str, Callable[[], list[Finding]]], deadline_s: float = DEADLINE_S) -> list[Finding]:
    """Make these checks at the same time; one that is not done in time is a finding itself."""
    running = {name: _begin(name, make) for name, make in checks.items()}
    wait(running.values(), deadline_s)
    late = f"no answer within {deadline_s:.0f} s"
    return [
        finding
        for name, found in running.items()
        for finding in (found.result() if found.done() else [red(name, late, NETWORK)])
    ]


def _begin(name: str, make: Callable[[], list[Finding]]) -> Future[list[Finding]]:
    found: Future[list[Finding]] = Future()
    threading.Thread(target=lambda: found.set_result(look(name, make)), name=name, daemon=True).start()
    return found


def check(host: Host, *, proxies: bool) -> list[Finding]:
    """Check one host: its credential, the way there, its certificate, and that it takes us."""
    kept = credential(host)
    way = [] if proxies else connection(host)
    if worst([kept, *way]) is Colour.RED:
        return [kept, *way]
    return worst_of_each([kept, *way, *question(host, proxies=proxies)])


def credential(host: Host) -> Finding:
    """Check that a credential is there, and this user's alone to read."""
    name, file = f"credential for the {host.name}", credential_file(host.file)
    try:
        host.credential()
    except Unauthorized as error:
        return red(name, str(error), f"put it into {host.file}, one line, for the kiosk's user to read")
    mode = file.stat().st_mode
    if file == host.file and mode & (stat.S_IRWXG | stat.S_IRWXO):
        return amber(name, f"{file} may be read by others than its owner ({mode & 0o777:03o})", f"chmod 600 {file}")
    return green(name, f"{file}, readable")


def connection(host: Host) -> list[Finding]:
    """Check the way to a host, and its certificate where it has one."""
    port = host.url.port or (443 if host.url.scheme == "https" else 80)
    began = time.monotonic()
    try:
        with socket.create_connection((host.url.host, port), CONNECT_S) as plain:
            if host.url.scheme != "https":
                return [green(host.name, f"{host.url.host} is reached in {_ms(began)} ms")]
            with trust().wrap_socket(plain, server_hostname=host.url.host) as secure:
                ends = (secure.getpeercert() or {}).get("notAfter")
    except OSError as error:
        told = trouble.failure(error, host.url.host, f"{host.url.host} (port {port})", clock.now().at, unsent=True)
        return [red(host.name, str(told), NETWORK)]
    found = green(host.name, f"{host.url.host} is reached in {_ms(began)} ms")
    return [found, *([certificate(host.url.host, str(ends), clock.now().at)] if ends else [])]


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def certificate(host: str, ends: str, now: datetime) -> Finding:
    """Check for how long a certificate is valid; `ends` is as OpenSSL writes it."""
    days = (datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - now).days
    name = f"certificate of {host}"
    if days < DAYS_LEFT:
        mend = "whoever runs that host has to renew it; a proxy that listens in may be it, too"
        return amber(name, f"valid for {days} more days only", mend)
    return green(name, f"valid for {days} more days")


def question(host: Host, *, proxies: bool) -> list[Finding]:
    """Ask one thing, by which the host takes the credential or does not, and tells its time."""
    with closing(Line(str(host.url), host.credential, proxies=proxies)) as line:
        try:
            date = host.ask(line)
        except CloudError as error:
            return [meaning(host.name, error)]
    taken = green(f"credential for the {host.name}", "accepted")
    return [taken, *([skew(clock.now().at, date, host.url.host)] if date is not None else [])]


def meaning(name: str, error: CloudError) -> Finding:
    """Say what a question that did not end well comes to."""
    wrong = f"credential for the {name}"
    if isinstance(error, Unauthorized) and name == "scans service" and "answers 403" in str(error):
        mend = "nothing, if it may hand scans in: only what is in doubt has to be looked up by a person then"
        return amber(wrong, f"it may not look at scans: {error}", mend)
    if isinstance(error, Unauthorized):
        return red(wrong, str(error), "make a new one in the cloud and put it into its file; no restart is needed")
    if isinstance(error, Misaddressed):
        return red(name, str(error), "mend the address in [cloud]")
    if isinstance(error, TooMany):
        return amber(name, str(error), "wait; where doors share a credential, lower cloud.requests_per_hour")
    if isinstance(error, NotSent | NoAnswer):
        return red(name, str(error), NETWORK)
    return amber(name, str(error), "ask again in a minute")
