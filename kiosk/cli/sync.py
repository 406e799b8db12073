"""`kiosk sync`: the hands of the cloud, put together."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import click

from kiosk import __version__
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.cli.progress import Lists
from kiosk.cloud.access import Access
from kiosk.cloud.budget import Budget, Share, Use
from kiosk.cloud.line import Line, bearer, token
from kiosk.cloud.portier import Portier
from kiosk.config import Config
from kiosk.errors import NoListYet, StoreError, TooNew
from kiosk.pulse import BEAT_S, Pulse
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.database import own
from kiosk.store.ledger import Ledger
from kiosk.sync.download import Download
from kiosk.sync.elsewhere import Elsewhere
from kiosk.sync.lookup import LookUps
from kiosk.sync.run import QUIET_S, Contact, download_once, run_download, run_lookups, run_upload, upload_once
from kiosk.sync.upload import Upload

R = TypeVar("R")

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a request in the air is waited for at the end."""

NO_LIST_S = 0.5
"""How often who looks codes up sees whether there is a list by now."""

DAMAGED = "%s: remove it, and it is fetched again"


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
    with own(data_dir / "sync.lock", "sync"):
        hands = _Hands(setup.config, data_dir, pulse)
        with on_signal(hands.stop.set):
            if once:
                sys.exit(0 if _pass(hands) else 1)
            _run(hands)


class _Hands:
    """Everything real that the jobs need; each job opens its own, on its own thread."""

    def __init__(self, found: Config, data_dir: Path, pulse: Pulse) -> None:
        self.config, self.pulse = found, pulse
        self.stop, self.contact = threading.Event(), Contact()
        self._data_dir = data_dir
        said = pulse.last().get("budget")
        self._budgets = {name: Budget(found.cloud.requests_per_hour) for name in ("scans", "access")}
        for name, budget in self._budgets.items():
            budget.resume(said.get(name) if isinstance(said, dict) else None)

    def beat(self) -> None:
        budget = {name: budget.facts() for name, budget in self._budgets.items()}
        self.pulse.beat(version=__version__, cloud=self.contact.facts(), budget=budget)

    def _scans(self, use: Use) -> Line:
        cloud = self.config.cloud
        return Line(cloud.scans_url, bearer(cloud.api_key_file), Share(self._budgets["scans"], use))

    def _access(self, use: Use) -> Line:
        cloud = self.config.cloud
        return Line(cloud.access_url, token(cloud.token_file), Share(self._budgets["access"], use))

    def _cache(self) -> Cache:
        return Cache(self._data_dir, names=self.config.sync.store_names)

    @contextmanager
    def upload(self) -> Iterator[Upload]:
        with closing(self._scans(Use.DELIVERY)) as line, closing(Ledger(self._data_dir)) as ledger:
            yield Upload(self._data_dir, ledger, Portier(line), self.config.sync.batch_size)

    @contextmanager
    def download(self) -> Iterator[tuple[Download, Elsewhere]]:
        line, scans, found = self._access(Use.LIST), self._scans(Use.OTHER_DOORS), self.config
        with closing(line), closing(scans), closing(self._cache()) as store, Lists() as lists:
            download = Download(store, Access(line), found.gate, found.sync, lists)
            others = Elsewhere(store, Portier(scans), self._data_dir, found.device.id, download.events)
            with closing(others):
                yield download, others

    @contextmanager
    def lookups(self, then: Callable[[], None]) -> Iterator[LookUps]:
        """Raises NoListYet: only who fetches the list makes its file."""
        tickets.reader(self._data_dir).close()
        with closing(self._access(Use.LOOKUP)) as line, closing(self._cache()) as store:
            access = Access(line)
            selected = Download(store, access, self.config.gate, self.config.sync).events
            with closing(LookUps(store, access, self._data_dir, selected, then)) as lookups:
                yield lookups


def _pass(hands: _Hands) -> bool:
    def work() -> bool:
        try:
            with hands.download() as parts:
                download_once(*parts, hands.contact, hands.stop)
        except TooNew:
            raise
        except (StoreError, sqlite3.Error) as error:  # a list that is damaged costs a list, never a delivery
            log.error(DAMAGED, error)
        with hands.upload() as upload:
            return upload_once(upload, hands.contact, hands.stop)

    return _work([work], hands) == [True]


def _run(hands: _Hands) -> None:
    wake, stop, sync = threading.Event(), hands.stop, hands.config.sync

    def deliver() -> None:
        with hands.upload() as upload:
            run_upload(upload, hands.contact, sync.upload_interval_s, stop)

    def fetch() -> None:
        with hands.download() as parts:
            run_download(*parts, hands.contact, stop, wake)

    def look_up() -> None:
        with hands.lookups(wake.set) as lookups:
            run_lookups(lookups, hands.contact, stop)

    _work((deliver, _lasting(fetch, stop, DAMAGED, sync.tickets_interval_s), _lasting(look_up, stop)), hands)


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
                log.error(words, error)
                stop.wait(again_s)

    return last


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
