"""Sync's hands, each on its own thread, and the one pass of `kiosk sync --once`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from kiosk import clock
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, Paced, Unauthorized
from kiosk.plan import back_off_s
from kiosk.sync.download import Download
from kiosk.sync.elsewhere import Elsewhere
from kiosk.sync.lookup import LookUps
from kiosk.sync.upload import Upload
from kiosk.watchdog import Mark
from kiosk.words import stamp

log = logging.getLogger(__name__)

ONCE_TRIES = 3
"""How many failures in a row end a pass of `--once`."""

WATCH_S = 0.03
"""How often the journal is looked at for codes that are wanted at once."""

QUIET_S = 10.0
"""How long nothing is looked up after a failure; then the failure is no news any more, and the door may try again."""

ESTIMATE_OVER_S = 60.0
"""How far back an estimate looks."""

NOTICE_S = 0.25
"""How soon a hand that waits to be woken notices that it is to stop."""

UPLOAD, SETTINGS, TICKETS, OTHERS = "delivery", "settings", "tickets", "scans of other doors"
LOOKUPS, REPORTS = "look-ups", "reports"
SHARING = {SETTINGS, TICKETS}
"""What shares a budget: while one of them waits for its turn, the other does not take it."""

PARTS = (UPLOAD, SETTINGS, TICKETS, OTHERS, REPORTS, LOOKUPS)
"""What is done with the cloud, as problems with it are told, the one that matters most first."""


@dataclass(slots=True)
class Estimate:
    """How long a backlog will still take, by how fast it has shrunk lately."""

    _marks: tuple[tuple[float, int], ...] = ()

    def note(self, outstanding: int, now_s: float) -> None:
        """Take note of how many are still to be delivered. Replaced whole: another thread may be reading."""
        kept = () if self._marks and outstanding > self._marks[-1][1] else self._marks
        self._marks = (*(mark for mark in kept if mark[0] >= now_s - ESTIMATE_OVER_S), (now_s, outstanding))

    @property
    def seconds(self) -> float | None:
        """None while nobody can tell."""
        marks = self._marks
        if not marks or not marks[-1][1]:
            return None
        (began_s, before), (now_s, left) = marks[0], marks[-1]
        return left * (now_s - began_s) / (before - left) if before > left else None


@dataclass(slots=True)
class Contact:
    """How it is with the cloud, for people. Each part writes its own entry only, so that no lock is needed."""

    problems: dict[str, CloudError | None] = field(default_factory=dict)
    last_success: datetime | None = None
    comebacks: int = 0
    estimate: Estimate = field(default_factory=Estimate)
    marks: dict[str, Mark] = field(default_factory=lambda: {UPLOAD: Mark(), TICKETS: Mark(), REPORTS: Mark()})
    """When each hand last moved, for systemd's watchdog."""

    def went_well(self, part: str) -> None:
        if isinstance(self.problems.get(part), NotSent | NoAnswer):
            self.comebacks += 1
        self.problems[part] = None
        self.last_success = clock.now().at

    def failed(self, part: str, error: CloudError) -> None:
        if str(self.problems.get(part)) != str(error):
            log.warning("%s: %s", part, error)
        self.problems[part] = error

    def forget(self, part: str) -> None:
        """A part that does not try any more has nothing to say about the cloud."""
        self.problems.pop(part, None)

    def facts(self) -> dict[str, object]:
        """Return the `cloud` of `kiosk status`. A cloud that refuses us is reachable all the same.

        `deliveryRefused` says why no delivery goes through before a person has mended something.
        """
        ranked = sorted(self.problems.copy().items(), key=lambda entry: PARTS.index(entry[0]))
        problems = [problem for _, problem in ranked if problem is not None]
        silent = any(isinstance(problem, NotSent | NoAnswer) for problem in problems)
        delivery = self.problems.get(UPLOAD)
        return {
            "reachable": bool(self.problems) and not silent,
            "lastSuccess": stamp(self.last_success) if self.last_success is not None else None,
            "lastError": str(problems[0]) if problems else None,
            "deliveryRefused": str(delivery) if isinstance(delivery, Unauthorized | Misaddressed) else None,
        }


def run_upload(upload: Upload, contact: Contact, interval_s: float, stop: threading.Event, part: str = UPLOAD) -> None:
    """Deliver until told to stop; a cloud that comes back is not left waiting for a long back-off to end."""
    noticed = 0
    while not stop.is_set():
        contact.marks[part].move()
        before = contact.comebacks
        wait_s = _step(upload, contact, part)
        noticed += contact.comebacks - before  # that we got through ourselves is no news
        stop.wait(interval_s if wait_s is None else min(wait_s, interval_s))
        if contact.comebacks != noticed:
            noticed = contact.comebacks
            upload.hurry()
    upload.conclude()


def upload_once(
    upload: Upload,
    contact: Contact,
    stop: threading.Event,
    part: str = UPLOAD,
    progress: Callable[[int], None] = lambda _outstanding: None,
) -> bool:
    """Deliver until all is delivered, which is True, or something stays in the way."""
    while not stop.is_set():
        wait_s = _step(upload, contact, part)
        progress(upload.outstanding())
        if wait_s is None:
            return True
        if upload.failures >= ONCE_TRIES or upload.asks_person or upload.waits_for_time:
            return False
        stop.wait(wait_s)
    upload.conclude()
    return False


def _step(upload: Upload, contact: Contact, part: str) -> float | None:
    wait_s = upload.step()
    if upload.problem is not None:
        contact.failed(part, upload.problem)
    elif upload.heard:  # the cloud has spoken
        contact.went_well(part)
    if part == UPLOAD:
        contact.estimate.note(upload.outstanding(), time.monotonic())
    return wait_s


def download_once(download: Download, others: Elsewhere, contact: Contact, stop: threading.Event) -> None:
    """Look at everything once, to its end; a part that fails leaves the others alone."""
    for part, look in _parts(download, others).items():
        while not stop.is_set() and (next_ := _look(part, look, contact)).unfinished:
            stop.wait(next_.wait_s)


def run_download(
    download: Download, others: Elsewhere, contact: Contact, stop: threading.Event, wake: threading.Event | None = None
) -> None:
    """Look at each part at its interval until told to stop; a part with more to do lets the others have their turn.

    `wake` brings the next increment forward, though not into a time in which the cloud asked to be left alone.
    """
    parts, wake = _parts(download, others), wake or threading.Event()
    due, alone = dict.fromkeys(parts, 0.0), dict.fromkeys(parts, 0.0)
    waiting: str | None = None
    while not stop.is_set():
        contact.marks[TICKETS].move()
        for part, look in parts.items():
            if waiting not in {None, part} and part in SHARING:
                due[part] = max(due[part], due[waiting])  # and a pass later than that one
            elif time.monotonic() >= due[part]:
                next_ = _look(part, look, contact)
                if part in SHARING:
                    waiting = part if next_.unfinished and next_.wait_s else None
                alone[part] = time.monotonic() + next_.wait_s
                rest_s = 0.0 if next_.unfinished else _interval_s(part, download)
                due[part] = time.monotonic() + max(rest_s, next_.wait_s)
        if wake.wait(max(0.0, min(NOTICE_S, min(due.values()) - time.monotonic()))):
            wake.clear()
            due[TICKETS] = alone[TICKETS]


def run_lookups(lookups: LookUps, contact: Contact, stop: threading.Event) -> None:
    """Look up what the gate wants, as soon as it does, until told to stop."""
    while not stop.wait(WATCH_S):
        try:
            if lookups.look():
                contact.went_well(LOOKUPS)
        except Paced as error:
            stop.wait(error.wait_s)
        except CloudError as error:
            contact.failed(LOOKUPS, error)
            stop.wait(max(QUIET_S, back_off_s(0, 0.0, error.wait_s)))
            contact.forget(LOOKUPS)


def _parts(download: Download, others: Elsewhere) -> dict[str, Callable[[], bool | None]]:
    return {SETTINGS: download.look_at_settings, TICKETS: download.look_at_tickets, OTHERS: others.look}


def _interval_s(part: str, download: Download) -> float:
    return download.sync.scans_interval_s if part == OTHERS else download.interval_s()


@dataclass(frozen=True, slots=True)
class _Next:
    """When a part is to be looked at again: not before `wait_s` are over, and right after that if it is unfinished."""

    unfinished: bool
    wait_s: float = 0.0


def _look(part: str, look: Callable[[], bool | None], contact: Contact) -> _Next:
    try:
        more = look()
    except Paced as error:
        return _Next(unfinished=True, wait_s=error.wait_s)
    except CloudError as error:
        contact.failed(part, error)
        return _Next(unfinished=False, wait_s=back_off_s(0, 0.0, error.wait_s))
    contact.went_well(part)
    return _Next(unfinished=bool(more))
