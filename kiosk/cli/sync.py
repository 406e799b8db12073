"""`kiosk sync`: both hands of the cloud, put together."""

from __future__ import annotations

import logging
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

from kiosk import __version__
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.cloud.access import Access
from kiosk.cloud.line import Line, bearer, token
from kiosk.cloud.portier import Portier
from kiosk.errors import StoreError, TooNew
from kiosk.pulse import BEAT_S, Pulse
from kiosk.store.database import own
from kiosk.store.ledger import Ledger
from kiosk.store.tickets import Tickets
from kiosk.sync.download import Download
from kiosk.sync.run import Contact, download_once, run_download, run_upload, upload_once
from kiosk.sync.upload import Upload

R = TypeVar("R")

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a request in the air is waited for at the end."""


@click.command("sync")
@click.option("--once", is_flag=True, help="One full pass, then exit: 0 when nothing is left to deliver, else 1.")
@with_setup
def command(setup: Setup, once: bool) -> None:
    """Fetch the ticket list and the settings, and deliver the scans.

    Runs in the foreground until Ctrl-C or SIGTERM. It touches no device and may be stopped at any time: what was
    under way is cleared up with the cloud at the next start.
    """
    log_to_stderr("sync")
    data_dir, runtime_dir = setup.data_dir(), setup.runtime_dir()
    stop, contact = threading.Event(), Contact()
    with own(data_dir / "sync.lock", "sync"), on_signal(stop.set):
        if once:
            sys.exit(0 if _pass(setup, data_dir, contact, stop, Pulse(runtime_dir, "sync")) else 1)
        _run(setup, data_dir, contact, stop, Pulse(runtime_dir, "sync"))


def _pass(setup: Setup, data_dir: Path, contact: Contact, stop: threading.Event, pulse: Pulse) -> bool:
    def work() -> bool:
        try:
            with _download(setup, data_dir) as download:
                download_once(download, contact)
        except TooNew:
            raise
        except (StoreError, sqlite3.Error) as error:  # a list that is damaged costs a list, never a delivery
            log.error("%s: remove it, and it is fetched again", error)
        with _upload(setup, data_dir) as upload:
            return upload_once(upload, contact, stop)

    return _work([work], stop, partial(_beat, pulse, contact), pulse) == [True]


def _run(setup: Setup, data_dir: Path, contact: Contact, stop: threading.Event, pulse: Pulse) -> None:
    def deliver() -> None:
        with _upload(setup, data_dir) as upload:
            run_upload(upload, contact, setup.config.sync.upload_interval_s, stop)

    def fetch() -> None:
        while not stop.is_set():
            try:
                with _download(setup, data_dir) as download:
                    run_download(download, contact, setup.config.sync, stop)
            except TooNew:
                raise
            except (StoreError, sqlite3.Error) as error:  # a list that is damaged costs a list, never a delivery
                log.error("%s: remove it, and it is fetched again", error)
                stop.wait(setup.config.sync.tickets_interval_s)

    _work([deliver, fetch], stop, partial(_beat, pulse, contact), pulse)


def _work(jobs: Sequence[Callable[[], R]], stop: threading.Event, beat: Callable[[], None], pulse: Pulse) -> list[R]:
    """Run each job on its own thread and beat until all are done, one breaks, or we are told to stop.

    One that breaks takes the program down, for systemd to start it anew. A request that is in the air at the end is
    not waited for: the ledger says that it was, and the next start clears it up.
    """
    hands = [_start(job) for job in jobs]
    beat()
    try:
        while not _over(hands, stop):
            beat()
        stop.set()
        wait(hands, GRACE_S)
        beat()
    finally:
        pulse.end()
    return [hand.result() for hand in hands if hand.done()]


def _over(hands: Sequence[Future[R]], stop: threading.Event) -> bool:
    done, moving = wait(hands, BEAT_S / 2, FIRST_EXCEPTION)
    return not moving or stop.is_set() or any(hand.exception() is not None for hand in done)


def _start(job: Callable[[], R]) -> Future[R]:
    """Run a job on a thread that does not keep the process alive."""
    hand: Future[R] = Future()

    def work() -> None:
        try:
            hand.set_result(job())
        except BaseException as error:  # noqa: BLE001  # it is raised again where the hands come together
            hand.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return hand


def _beat(pulse: Pulse, contact: Contact) -> None:
    pulse.beat(version=__version__, cloud=contact.facts())


@contextmanager
def _upload(setup: Setup, data_dir: Path) -> Iterator[Upload]:
    with closing(_portier_line(setup)) as line, closing(Ledger(data_dir)) as ledger:
        yield Upload(data_dir, ledger, Portier(line), setup.config.sync.batch_size)


@contextmanager
def _download(setup: Setup, data_dir: Path) -> Iterator[Download]:
    cloud, gate = setup.config.cloud, setup.config.gate
    access = Line(cloud.access_url, token(cloud.token_file))
    with closing(access), closing(_portier_line(setup)) as scans, closing(Tickets(data_dir)) as store:
        yield Download(store, Access(access), Portier(scans), gate, setup.config.device.id)


def _portier_line(setup: Setup) -> Line:
    return Line(setup.config.cloud.scans_url, bearer(setup.config.cloud.api_key_file))
