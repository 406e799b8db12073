"""A scan's journey from the journal to the cloud: take it in, mark it under way, post it, settle what became of it.

`plan.next_action` decides, this carries it out. Every state is on disk before the step it stands for.
"""

from __future__ import annotations

import itertools
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from kiosk import plan
from kiosk.cloud.answers import ScanRow
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NoListYet, NotSent, Rejected, Unauthorized
from kiosk.model import Delivery, Scan
from kiosk.store import journal
from kiosk.store.ledger import Ledger

log = logging.getLogger(__name__)

CHUNK = 5_000
"""How many new scans enter the ledger in one transaction."""

SLACK = timedelta(seconds=1)
"""How much wider than the scans themselves the window is in which they are looked for."""


class ScansService(Protocol):
    """Raises CloudError."""

    def wait_s(self) -> float: ...
    def hand_in(self, scans: Sequence[Scan]) -> None: ...
    def stored(self, event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]: ...


class Upload:
    """Delivers, one step at a time. Belongs to one thread."""

    def __init__(self, directory: Path, ledger: Ledger, service: ScansService, batch_size: int) -> None:
        self._directory, self._ledger, self._service = directory, ledger, service
        self._journal: sqlite3.Connection | None = None
        self._pace = plan.Pace(batch_size, batch_size)
        self.problem: CloudError | None = None
        ledger.doubt_inflight()
        if ledger.numbers(Delivery.UNKNOWN, 1):
            self._pace = self._pace.settling(time.monotonic())

    def step(self) -> float | None:
        """Do the next thing there is to do; return how long to wait for the one after, None when all is delivered."""
        self._take_in()
        match plan.next_action(self._standing()):
            case plan.Post(numbers):
                self._carry_out(self._post, numbers)
            case plan.ReadBack(numbers):
                self._carry_out(self._read_back, numbers)
            case plan.Wait(seconds):
                return seconds
            case plan.Nothing():
                return None
        return 0.0

    def _standing(self) -> plan.Standing:
        now_s = time.monotonic()
        return plan.Standing(
            pending=self._ledger.numbers(Delivery.PENDING, self._pace.size),
            unknown=self._ledger.numbers(Delivery.UNKNOWN, self._pace.full),
            size=self._pace.size,
            now_s=now_s,
            not_before_s=max(self._pace.not_before_s, now_s + self._service.wait_s()),
        )

    def _take_in(self) -> None:
        """Enter what the gate has recorded since."""
        try:
            self._journal = self._journal or journal.reader(self._directory)
        except NoListYet:
            return
        scans = journal.scans_after(self._journal, self._ledger.upto)
        while chunk := list(itertools.islice(scans, CHUNK)):
            self._ledger.take_in(chunk)

    def _scans(self, numbers: Sequence[int]) -> list[Scan]:
        return journal.scans(self._journal, numbers) if self._journal is not None else []

    def _carry_out(self, step: Callable[[Sequence[Scan]], None], numbers: Sequence[int]) -> None:
        """Take a step with these scans, if the journal still has them."""
        scans = self._scans(numbers)
        if scans:
            step(scans)
            return
        self.problem = NotSent(f"the journal has lost scan {numbers[0]}, which was to be delivered")
        self._wait(self.problem)

    def _post(self, scans: Sequence[Scan]) -> None:
        numbers = [scan.seq for scan in scans]
        self._ledger.mark(numbers, Delivery.INFLIGHT)
        try:
            self._service.hand_in(scans)
        except NoAnswer as error:
            self._settle(numbers, Delivery.UNKNOWN, error)
            self._pace = self._pace.settling(time.monotonic())
        except Rejected as error:
            self._refuse(numbers, error)
        except CloudError as error:  # nothing of it was stored
            self._settle(numbers, Delivery.PENDING, error)
            self._wait(error)
        else:
            self._settle(numbers, Delivery.ACKED)
            self._pace = self._pace.went_through()
            log.info("delivered %d scans, the last one %d", len(numbers), numbers[-1])

    def _refuse(self, numbers: Sequence[int], error: Rejected) -> None:
        """Halve the batch until the one bad scan stands alone; the good ones then go on without it."""
        alone = len(numbers) == 1
        self._settle(numbers, Delivery.REFUSED if alone else Delivery.PENDING, error)
        self._pace = self._pace.was_refused(len(numbers))

    def _read_back(self, scans: Sequence[Scan]) -> None:
        """Ask the cloud which of these it has; only what it does not have may be sent again."""
        try:
            for event_id, ours in plan.by_event(scans).items():
                found = plan.arrived(ours, self._marks(event_id, ours))
                missing = [scan.seq for scan in ours if scan.seq not in found]
                self._settle(found, Delivery.ACKED)
                self._settle(missing, Delivery.PENDING)
                log.info("read back: %d of %d scans had arrived", len(found), len(ours))
        except CloudError as error:
            self.problem = error
            log.warning("cannot see which scans have arrived: %s", error)
            self._wait(error)
        else:
            self._pace = self._pace.looked()

    def _marks(self, event_id: str, ours: Sequence[Scan]) -> Iterator[plan.Mark]:
        """What the cloud has from the time of these scans; it ends as soon as all of them are found."""
        since, until = min(scan.at for scan in ours) - SLACK, max(scan.at for scan in ours) + SLACK
        missing = {plan.mark(scan) for scan in ours}
        for row in self._service.stored(event_id, since, until):
            mark = row.mark()
            if mark in missing:
                missing.discard(mark)
                yield mark
            if not missing:
                return

    def _settle(self, numbers: Iterable[int], state: Delivery, error: CloudError | None = None) -> None:
        self._ledger.mark(numbers, state, str(error) if error is not None else None)
        self.problem = error

    def _wait(self, error: CloudError) -> None:
        self._pace = self._pace.failed(time.monotonic(), random.random(), error.wait_s)  # noqa: S311  # jitter
        if isinstance(error, Unauthorized | Misaddressed):  # a person is about to mend it, and wants to see it work
            self._pace = self._pace.at_most(time.monotonic(), plan.MENDING_S)

    @property
    def failures(self) -> int:
        """How many steps have failed in a row."""
        return self._pace.failures

    def hurry(self) -> None:
        """The cloud is back: do not wait for the end of a back-off."""
        self._pace = self._pace.hurried(time.monotonic())
