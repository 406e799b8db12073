"""`kiosk sync`: the hands of the cloud, put together."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from kiosk import __version__, disk, hatch
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.cli.progress import Backlog, Lists
from kiosk.cloud.access import Access
from kiosk.cloud.budget import Budget, Share, Use
from kiosk.cloud.line import Line, bearer, token
from kiosk.cloud.portier import Portier
from kiosk.config import Config
from kiosk.errors import NoListYet, StoreError, TooNew
from kiosk.pulse import BEAT_S, Pulse
from kiosk.store import chosen, dates, journal, ledger, recovery, ticketrows, tickets
from kiosk.store.cache import Cache
from kiosk.store.database import is_damage, own
from kiosk.store.ledger import Ledger, withdraw_reports
from kiosk.sync.cloudtime import CloudTime
from kiosk.sync.download import Download, selected
from kiosk.sync.elsewhere import Elsewhere
from kiosk.sync.errands import SOCKET, Errands
from kiosk.sync.lookup import LookUps
from kiosk.sync.register import Register
from kiosk.sync.report import Reports
from kiosk.sync.run import (
    QUIET_S,
    REPORTS,
    TICKETS,
    UPLOAD,
    Contact,
    download_once,
    run_download,
    run_lookups,
    run_upload,
    upload_once,
)  # fmt: skip
from kiosk.sync.stamping import Stamping
from kiosk.sync.upload import Service, Upload
from kiosk.watchdog import Part, Watchdog

R = TypeVar("R")

log = logging.getLogger(__name__)

LOCK = "sync.lock"

GRACE_S = 1.0
"""How long a request in the air is waited for at the end."""

STEP_S, ROUND_S = 120.0, 900.0
"""How long a step of the delivery may take, with a request that is given up in it; and a round of the list, in which
a million tickets may be compared with each other."""

NO_LIST_S = 0.5
"""How often who looks codes up sees whether there is a list by now."""

LOOK_S = 1.0
"""How long a start looks for damage in each file."""

DAMAGED = "the list: %s"
FULL = "%s: make room on the disk; the list is taken in then"


@click.command("sync")
@click.option("--once", is_flag=True, help="One full pass, then exit: 0 when nothing is left to deliver, else 1.")
@with_setup
def command(setup: Setup, once: bool) -> None:
    """Fetch the ticket list and the settings, and deliver the scans.

    Runs in the foreground until Ctrl-C or SIGTERM. It touches no device and may be stopped at any time: what was
    under way is cleared up with the cloud at the next start.
    """
    log_to_stderr("sync")
    data_dir, pulse = setup.data_dir(), Pulse(setup.runtime_dir(), "sync")
    ran_before = (data_dir / LOCK).exists() or bool(pulse.last()) or journal.is_of_another_boot(data_dir)
    with own(data_dir / LOCK, "sync"):
        _mend(data_dir, LOOK_S)
        hands = _Hands(setup.config, data_dir, pulse, ran_before=ran_before)
        try:
            if not setup.config.sync.report_unknown:
                withdraw_reports(data_dir)
            with on_signal(hands.stop.set):
                if once:
                    sys.exit(0 if _pass(hands) else 1)
                _run(hands)
        except (StoreError, sqlite3.Error) as error:
            if not is_damage(error):
                raise
            log.error("%s", error)
            _mend(data_dir, None)
            if once:
                raise
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # begin anew: a request in the air ends with us


def _mend(data_dir: Path, box_s: float | None) -> None:
    """Move what is damaged of our own files aside: it is fetched, or looked up in the cloud, again."""
    for name, why, place in recovery.mend(data_dir, (ledger.FILE, dates.FILE, ticketrows.FILE), box_s):
        log.error("%s is damaged (%s): it is kept in %s and made anew", name, why, place)


class _Hands:
    """Everything real that the jobs need; each job opens its own, on its own thread."""

    def __init__(self, found: Config, data_dir: Path, pulse: Pulse, *, ran_before: bool) -> None:
        self.config, self.pulse = found, pulse
        self.stop, self.contact = threading.Event(), Contact()
        self._data_dir, self._ran_before, self._quiet_s = data_dir, ran_before, pulse.quiet_s()
        self._cloud_time = CloudTime(pulse.last().get("clock"))
        said = pulse.last().get("budget")
        self._budgets = {name: Budget(found.cloud.requests_per_hour) for name in ("scans", "access")}
        for name, budget in self._budgets.items():
            budget.resume(said.get(name) if isinstance(said, dict) else None)

    def beat(self) -> None:
        budget = {name: budget.facts() for name, budget in self._budgets.items()}
        heard, eta_s = self._cloud_time.facts(), self.contact.estimate.seconds
        self.pulse.beat(version=__version__, cloud=self.contact.facts(), budget=budget, eta_s=eta_s, clock=heard)

    def _scans(self, use: Use) -> Line:
        cloud = self.config.cloud
        share = Share(self._budgets["scans"], use)
        return self._listening(
            Line(cloud.scans_url, bearer(cloud.api_key_file), share, proxies=cloud.proxy_from_environment)
        )

    def _access(self, use: Use) -> Line:
        cloud = self.config.cloud
        share = Share(self._budgets["access"], use)
        return self._listening(
            Line(cloud.access_url, token(cloud.token_file), share, proxies=cloud.proxy_from_environment)
        )

    def _listening(self, line: Line) -> Line:
        """Let all lines tell what time the cloud has."""
        line.heard = self._cloud_time.note
        return line

    def _selected(self, database: sqlite3.Connection) -> list[str]:
        return selected(database, self.config.gate, chosen.read(self._data_dir))

    def errands(self) -> None:
        """Do what people ask for, until told to stop."""
        found = Errands(self._data_dir, names=self.config.sync.store_names)
        hatch.serve(self.config.device.runtime_dir / SOCKET, found.answer, self.stop)

    def _cache(self) -> Cache:
        return Cache(self._data_dir, names=self.config.sync.store_names)

    @contextmanager
    def upload(self) -> Iterator[Upload]:
        with (
            closing(self._scans(Use.DELIVERY)) as line, closing(Ledger(self._data_dir)) as ledger,
            self._uploading(ledger, Portier(line)) as upload,
        ):  # fmt: skip
            yield upload

    @contextmanager
    def reports(self) -> Iterator[Upload]:
        """Raises NoListYet: without settings nobody knows which event is meant."""
        with (
            closing(tickets.reader(self._data_dir)) as database, closing(self._access(Use.DELIVERY)) as line,
            closing(Ledger(self._data_dir, report=True)) as ledger,
        ):  # fmt: skip
            events = partial(self._selected, database)
            with self._uploading(ledger, Reports(Access(line), events)) as upload:
                yield upload

    @contextmanager
    def _uploading(self, ledger: Ledger, service: Service) -> Iterator[Upload]:
        sync = self.config.sync
        register = Register(self._data_dir, ledger, ran_before=self._ran_before, report=sync.report_unknown)
        with closing(register):
            upload = Upload(
                register, ledger, service, sync.batch_size, on_unknown=sync.on_unknown, quiet_s=self._quiet_s
            )  # fmt: skip
            upload.stamping = Stamping(register, ledger, self._cloud_time, sync.clock_wait_s)
            yield upload

    @contextmanager
    def download(self) -> Iterator[tuple[Download, Elsewhere]]:
        line, scans, found = self._access(Use.LIST), self._scans(Use.OTHER_DOORS), self.config
        with closing(line), closing(scans), closing(self._cache()) as store, Lists() as lists:
            low = partial(disk.is_low, self._data_dir)
            choices = partial(chosen.read, self._data_dir)
            download = Download(store, Access(line), found.gate, found.sync, lists, low, choices)
            others = Elsewhere(store, Portier(scans), self._data_dir, download.events)
            with closing(others):
                yield download, others

    @contextmanager
    def lookups(self, then: Callable[[], None]) -> Iterator[LookUps]:
        """Raises NoListYet: only who fetches the list makes its file."""
        tickets.reader(self._data_dir).close()
        with closing(self._access(Use.LOOKUP)) as line, closing(self._cache()) as store:
            events = partial(self._selected, store.database)
            with closing(LookUps(store, Access(line), self._data_dir, events, then)) as lookups:
                yield lookups


def _pass(hands: _Hands) -> bool:
    def work() -> bool:
        with hands.upload() as upload, Backlog() as backlog:
            delivered = upload_once(upload, hands.contact, hands.stop, progress=backlog)
        try:
            with hands.download() as parts:
                download_once(*parts, hands.contact, hands.stop)
        except TooNew:
            raise
        except (StoreError, sqlite3.Error) as error:  # a list that is damaged costs a list, never a delivery
            log.error(_words(error, DAMAGED), error)
        return delivered and (not hands.config.sync.report_unknown or _report_once(hands))

    return _work([work], hands) == [True]


def _report_once(hands: _Hands) -> bool:
    try:
        with hands.reports() as upload:
            return upload_once(upload, hands.contact, hands.stop, REPORTS)
    except NoListYet:
        return True  # whatever there is to report was not taken in yet


def _run(hands: _Hands) -> None:
    wake, stop, sync = threading.Event(), hands.stop, hands.config.sync

    def deliver() -> None:
        with hands.upload() as upload:
            run_upload(upload, hands.contact, sync.upload_interval_s, stop)

    def report() -> None:
        with hands.reports() as upload:
            run_upload(upload, hands.contact, sync.upload_interval_s, stop, REPORTS)

    def fetch() -> None:
        hands.contact.marks[TICKETS].move()
        with hands.download() as parts:
            run_download(*parts, hands.contact, stop, wake)

    def look_up() -> None:
        with hands.lookups(wake.set) as lookups:
            run_lookups(lookups, hands.contact, stop)

    def serve() -> None:
        try:
            hands.errands()
        except OSError as error:  # a delivery does not depend on it
            log.warning("nobody can ask for anything at %s: %s", SOCKET, error)

    jobs = [deliver, serve, _lasting(fetch, stop, DAMAGED, sync.tickets_interval_s), _lasting(look_up, stop)]
    if sync.report_unknown:
        jobs.append(_lasting(report, stop, "not reported: %s"))
    marks = hands.contact.marks
    parts = {
        "delivery": Part(marks[UPLOAD].moved_ns, sync.upload_interval_s + STEP_S),
        "ticket list": Part(marks[TICKETS].moved_ns, sync.tickets_interval_s + ROUND_S),
    }
    with Watchdog() as watchdog:
        watchdog.ready(parts)
        _work(jobs, hands)


def _lasting(
    job: Callable[[], None], stop: threading.Event, words: str = "not looked up: %s", again_s: float = QUIET_S
) -> Callable[[], None]:
    """Make a job with the list begin anew until told to stop: what is wrong with a list never costs a delivery."""

    def last() -> None:
        while not stop.is_set():
            try:
                job()
            except TooNew:
                raise
            except NoListYet:
                stop.wait(NO_LIST_S)
            except (StoreError, sqlite3.Error) as error:
                if is_damage(error):
                    raise
                log.error(_words(error, words), error)
                stop.wait(again_s)

    return last


def _words(error: Exception, usual: str) -> str:
    """A full disk damages nothing, and removing a list would not mend it."""
    return FULL if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL else usual


def _work(jobs: Sequence[Callable[[], R]], hands: _Hands) -> list[R]:
    """Run each job on its own thread and beat until all are done, one breaks, or we are told to stop.

    One that breaks takes the program down, for systemd to start it anew. A request that is in the air at the end is
    not waited for: the ledger says that it was, and the next start clears it up.
    """
    running = [_start(job) for job in jobs]
    hands.beat()
    try:
        while not _over(running, hands.stop):
            hands.beat()
        hands.stop.set()
        wait(running, GRACE_S)
        hands.beat()
    finally:
        hands.pulse.end()
    return [job.result() for job in running if job.done()]


def _over(running: Sequence[Future[R]], stop: threading.Event) -> bool:
    done, moving = wait(running, BEAT_S / 2, FIRST_EXCEPTION)
    return not moving or stop.is_set() or any(job.exception() is not None for job in done)


def _start(job: Callable[[], R]) -> Future[R]:
    """Run a job on a thread that does not keep the process alive."""
    running: Future[R] = Future()

    def work() -> None:
        try:
            running.set_result(job())
        except BaseException as error:  # noqa: BLE001  # it is raised again where the jobs come together
            running.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return running
