"""Sync's two hands, each on its own thread, and the one pass of `kiosk sync --once`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from kiosk import clock, config
from kiosk.errors import CloudError, NoAnswer, NotSent
from kiosk.plan import back_off_s
from kiosk.sync.download import Download
from kiosk.sync.upload import Upload
from kiosk.words import stamp

log = logging.getLogger(__name__)

ONCE_TRIES = 3
"""How many failures in a row end a pass of `--once`."""

UPLOAD, SETTINGS, TICKETS, OTHERS = "delivery", "settings", "tickets", "scans of other doors"
"""What is done with the cloud, as problems with it are told."""


@dataclass(slots=True)
class Contact:
    """How it is with the cloud, for people. Each part writes its own entry only, so that no lock is needed."""

    problems: dict[str, CloudError | None] = field(default_factory=dict)
    last_success: datetime | None = None
    came_back: threading.Event = field(default_factory=threading.Event)

    def went_well(self, part: str) -> None:
        if isinstance(self.problems.get(part), NotSent | NoAnswer):
            self.came_back.set()
        self.problems[part] = None
        self.last_success = clock.now().at

    def failed(self, part: str, error: CloudError) -> None:
        if str(self.problems.get(part)) != str(error):
            log.warning("%s: %s", part, error)
        self.problems[part] = error

    def facts(self) -> dict[str, object]:
        """Return the `cloud` of `kiosk status`. A cloud that refuses us is reachable all the same."""
        problems = [problem for problem in list(self.problems.values()) if problem is not None]
        silent = any(isinstance(problem, NotSent | NoAnswer) for problem in problems)
        return {
            "reachable": bool(self.problems) and not silent,
            "lastSuccess": stamp(self.last_success) if self.last_success is not None else None,
            "lastError": str(problems[0]) if problems else None,
        }


def run_upload(upload: Upload, contact: Contact, interval_s: float, stop: threading.Event) -> None:
    """Deliver until told to stop; a cloud that comes back is not left waiting for a long back-off to end."""
    while not stop.is_set():
        wait_s = _step(upload, contact)
        stop.wait(interval_s if wait_s is None else min(wait_s, interval_s))
        if contact.came_back.is_set():
            contact.came_back.clear()
            upload.hurry()


def upload_once(upload: Upload, contact: Contact, stop: threading.Event) -> bool:
    """Deliver until all is delivered, which is True, or something stays in the way."""
    while not stop.is_set():
        wait_s = _step(upload, contact)
        if wait_s is None:
            return True
        if upload.failures >= ONCE_TRIES:
            return False
        stop.wait(wait_s)
    return False


def _step(upload: Upload, contact: Contact) -> float | None:
    wait_s = upload.step()
    if upload.problem is not None:
        contact.failed(UPLOAD, upload.problem)
    elif wait_s == 0.0:  # something was delivered
        contact.went_well(UPLOAD)
    return wait_s


def download_once(download: Download, contact: Contact) -> None:
    """Look at everything once; a part that fails leaves the others alone."""
    for part, look in _parts(download).items():
        _look(part, look, contact)


def run_download(download: Download, contact: Contact, intervals: config.Sync, stop: threading.Event) -> None:
    """Look at each part at its interval until told to stop."""
    every = dict.fromkeys((SETTINGS, TICKETS), intervals.tickets_interval_s) | {OTHERS: intervals.scans_interval_s}
    due = dict.fromkeys(every, 0.0)
    while not stop.is_set():
        for part, look in _parts(download).items():
            if time.monotonic() >= due[part]:
                asked_s = _look(part, look, contact)
                due[part] = time.monotonic() + max(every[part], asked_s)
        stop.wait(max(0.0, min(due.values()) - time.monotonic()))


def _parts(download: Download) -> dict[str, Callable[[], None]]:
    return {
        SETTINGS: download.look_at_settings,
        TICKETS: download.look_at_tickets,
        OTHERS: download.look_elsewhere,
    }


def _look(part: str, look: Callable[[], None], contact: Contact) -> float:
    """Look once; return for how many seconds the cloud asks to be left alone."""
    try:
        look()
    except CloudError as error:
        contact.failed(part, error)
        return back_off_s(0, 0.0, error.wait_s)
    contact.went_well(part)
    return 0.0
