"""`kiosk sync`: the hands of the cloud, put together."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from pathlib import Path
from typing import TypeVar

import click

from kiosk.cli.hands import Hands
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.cli.progress import Backlog
from kiosk.errors import NoListYet, StoreError, TooNew
from kiosk.pulse import BEAT_S, Pulse
from kiosk.store import dates, journal, ledger, recovery, ticketrows
from kiosk.store.database import is_damage, own
from kiosk.store.ledger import withdraw_reports
from kiosk.sync.errands import SOCKET
from kiosk.sync.run import (
    QUIET_S,
    REPORTS,
    TICKETS,
    UPLOAD,
    download_once,
    run_download,
    run_lookups,
    run_upload,
    upload_once,
)  # fmt: skip
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
        hands = Hands(setup.config, data_dir, pulse, ran_before=ran_before)
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


def _pass(hands: Hands) -> bool:
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


def _report_once(hands: Hands) -> bool:
    try:
        with hands.reports() as upload:
            return upload_once(upload, hands.contact, hands.stop, REPORTS)
    except NoListYet:
        return True  # whatever there is to report was not taken in yet


def _run(hands: Hands) -> None:
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


def _work(jobs: Sequence[Callable[[], R]], hands: Hands) -> list[R]:
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
