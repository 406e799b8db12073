"""What the jobs of `kiosk sync` work with: lines to the cloud, each with its share of the budget, and the files."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from kiosk import __version__, disk, hatch
from kiosk.cli.progress import Lists
from kiosk.cloud.access import Access
from kiosk.cloud.budget import Budget, Share, Use
from kiosk.cloud.line import Line, bearer, token
from kiosk.cloud.portier import Portier
from kiosk.config import Config
from kiosk.pulse import Pulse
from kiosk.store import chosen, tickets
from kiosk.store.cache import Cache
from kiosk.store.ledger import Ledger
from kiosk.sync.cloudtime import CloudTime
from kiosk.sync.download import Download, selected
from kiosk.sync.elsewhere import Elsewhere
from kiosk.sync.errands import SOCKET, Errands
from kiosk.sync.lookup import LookUps
from kiosk.sync.register import Register
from kiosk.sync.report import Reports
from kiosk.sync.run import Contact
from kiosk.sync.stamping import Stamping
from kiosk.sync.upload import Service, Upload


class Hands:
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
