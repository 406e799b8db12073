"""The ears: one thread that listens to all scanners and puts whole readings on one queue.

It never touches a database, a sound or a file: the kernel queues only 64 events of a keyboard, about ten characters,
and then drops the lot. A scanner that is lost is closed at once, its half code dropped, and opened again by the same
recipe until it is back. Opening may take long, with a device that is ill, so it is done on a thread of its own. What
others want of a lane, to lend it for a calibration or to open it in another way, they leave here; the ears do it.
"""

from __future__ import annotations

import logging
import os
import queue
import selectors
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from kiosk.clock import boottime_ns
from kiosk.decode import HALF
from kiosk.errors import ScannerLost
from kiosk.lanes import Ear, Lane, Loan, Plugs, Scanner, lost
from kiosk.model import Moment, Reading
from kiosk.openings import Openings, close

log = logging.getLogger(__name__)

RETRY_S = 0.5
"""How long after a failure a lost scanner is tried again: a re-plug is ready within a second."""

TICK_S = 1.0
"""How often the ears wake at least, to show that they live."""

MAX_BACKLOG = 500
"""How many readings of one lane may wait for the mind: a scanner gone mad keeps the others waiting no longer than those
take, and a disk that stops for ten seconds costs no code."""

PAUSE_NS = 50_000_000
"""For how long a lane with so many is left alone."""

PIPE = 4096


class Ears:
    """Listens until told to stop. `heard` is called with each reading, on this thread, and must not block."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        heard: Callable[[Reading], None],
        backlog: Callable[[str], int],
        now: Callable[[], Moment],
        plugs: Plugs | None = None,
    ) -> None:
        self._ears = [Ear(lane) for lane in lanes]
        self._heard, self._backlog, self._now = heard, backlog, now
        self._plugs = plugs
        self._openings = Openings(self.wake)
        self._wanted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._poll = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._poll.register(self._wake_read, selectors.EVENT_READ)
        if plugs is not None:
            self._poll.register(plugs.fileno(), selectors.EVENT_READ, plugs)
        self._stopping = self._over = False
        self._lock = threading.Lock()
        self.ticked_ns = self._looked_ns = boottime_ns()
        self.tried = threading.Event()
        """Set once every scanner was tried: what a person does from then on is heard, if it can be."""

    def run(self) -> None:
        """Listen; returns after `stop`, with every device closed."""
        try:
            while not self._stopping:
                self._open_what_is_missing()
                self._hear_out()
                self._take_in_what_was_opened()
                self._do_what_is_wanted()
                if not any(ear.scanner is None and ear.problem is None for ear in self._ears):
                    self.tried.set()
                self.ticked_ns = boottime_ns()
        finally:
            self._close_all()

    def stop(self) -> None:
        """End `run` soon. May be called from any thread, and more than once."""
        self._stopping = True
        self.wake()

    def lend(self, name: str, loan: Loan) -> None:
        """Close a lane's device and give it away until the loan is over. May be called from any thread."""
        self._want(partial(self._lend, name, loan))

    def change(self, lane: Lane) -> None:
        """Open the lane of this name by another recipe from now on. May be called from any thread."""
        self._want(partial(self._change, lane))

    def wake(self) -> None:
        """Have the ears look around now. May be called from any thread."""
        with self._lock:
            if not self._over:
                os.write(self._wake_write, b"x")

    def state(self) -> list[dict[str, object]]:
        """What is plugged in, for people."""
        return [ear.state() for ear in self._ears]

    def _want(self, deed: Callable[[], None]) -> None:
        self._wanted.put(deed)
        self.wake()

    def _do_what_is_wanted(self) -> None:
        while not self._wanted.empty():
            self._wanted.get()()
        for ear in self._ears:
            if ear.loan is not None and ear.loan.over(boottime_ns()):
                ear.loan = None
                self._open_anew(ear)

    def _lend(self, name: str, loan: Loan) -> None:
        for ear in self._ears:
            if ear.lane.name == name:
                ear.loan = loan
                self._open_anew(ear)

    def _change(self, lane: Lane) -> None:
        for ear in self._ears:
            if ear.lane.name == lane.name:
                ear.lane = lane
                self._open_anew(ear)

    def _open_anew(self, ear: Ear) -> None:
        """Close what is open and open it by the recipe of now; what is just being opened by another one comes first."""
        before = self._take_out(ear)
        ear.begin_anew()
        if ear.opening is None:
            self._openings.begin(ear, before)

    def _hear_out(self) -> None:
        patience_s, began_ns = self._patience_s(), boottime_ns()
        ready = [key.data for key, _ in self._poll.select(patience_s)]
        moment = self._now()
        overslept_ns = moment.boottime_ns - began_ns - int(patience_s * 1e9)
        moment = replace(moment, late_ns=max(0, overslept_ns, began_ns - self._looked_ns))
        self._looked_ns = moment.boottime_ns
        if None in ready:
            os.read(self._wake_read, PIPE)
        if self._plugs is not None and self._plugs in ready:
            self._look_again(self._plugs)
        for ear in self._ears:
            if ear in ready or ear.due_ns() <= moment.boottime_ns:
                self._listen(ear, moment)

    def _look_again(self, plugs: Plugs) -> None:
        """Something was plugged in: what is missing may be there. Without its word it is found a little later."""
        try:
            changed = plugs.changed()
        except Exception:
            log.exception("nobody tells of new scanners any more")
            self._poll.unregister(plugs.fileno())
            self._plugs = None
            return
        if changed:
            for ear in self._ears:
                ear.retry_ns = 0

    def _open_what_is_missing(self) -> None:
        for ear in self._ears:
            if ear.missing and boottime_ns() >= ear.retry_ns:
                self._openings.begin(ear)

    def _take_in_what_was_opened(self) -> None:
        for ear, opened in self._openings.taken():
            if isinstance(opened, ScannerLost):
                self._note(ear, opened)
                continue
            ear.scanner, ear.problem, ear.halves, ear.resting_ns = opened, None, 0, 0
            self._poll.register(opened.fileno(), selectors.EVENT_READ, ear)
            log.info("scanner %s: %s", ear.lane.name, "connected" if ear.loan is None else "open to be calibrated")

    def _listen(self, ear: Ear, moment: Moment) -> None:
        if ear.scanner is None or self._is_resting(ear, ear.scanner, moment.boottime_ns):
            return
        try:
            readings = ear.scanner.read(moment)
        except Exception as error:  # noqa: BLE001
            self._lose(ear, lost(ear, error))
            return
        for reading in readings:
            if reading.flaw == HALF:
                ear.note_half(reading)
            elif ear.may_say(reading):
                ear.halves = 0
                self._heard(replace(reading, direction=reading.direction or ear.lane.direction))

    def _is_resting(self, ear: Ear, scanner: Scanner, now_ns: int) -> bool:
        """Leave a lane alone of which too much waits: the kernel keeps what it sends, as far as it can."""
        too_much = self._backlog(ear.lane.name) > MAX_BACKLOG
        if too_much and not ear.resting_ns:
            self._poll.unregister(scanner.fileno())
        elif ear.resting_ns and not too_much:
            self._poll.register(scanner.fileno(), selectors.EVENT_READ, ear)
        ear.resting_ns = now_ns + PAUSE_NS if too_much else 0
        return too_much

    def _lose(self, ear: Ear, loss: ScannerLost) -> None:
        self._close(ear)
        ear.over = ear.lane.ends
        self._note(ear, loss)

    def _note(self, ear: Ear, loss: ScannerLost) -> None:
        if ear.problem != str(loss):
            log.warning("scanner %s: %s", ear.lane.name, loss)
        ear.problem = str(loss)
        ear.retry_ns = boottime_ns() + int(RETRY_S * 1e9)
        if ear.loan is not None:
            ear.loan.lose(str(loss))

    def _patience_s(self) -> float:
        """Return how long nothing may come: until a scanner is to be tried again, or wants to be read all the same."""
        times = [ear.retry_ns if ear.missing else ear.due_ns() for ear in self._ears]
        times += [ear.loan.due_ns() for ear in self._ears if ear.loan is not None]
        return min([TICK_S, *(max(0.0, (at_ns - boottime_ns()) / 1e9) for at_ns in times)])

    def _take_out(self, ear: Ear) -> Scanner | None:
        """Return what an ear has open, to be closed; it is not listened to any more."""
        scanner, ear.scanner = ear.scanner, None
        try:
            if scanner is not None and not ear.resting_ns:
                self._poll.unregister(scanner.fileno())
        except Exception as error:  # noqa: BLE001
            lost(ear, error)
        return scanner

    def _close(self, ear: Ear) -> None:
        if (scanner := self._take_out(ear)) is not None:
            close(ear, scanner)

    def _close_all(self) -> None:
        self._openings.end(self._ears)
        with self._lock:
            self._stopping = self._over = True
            os.close(self._wake_read)
            os.close(self._wake_write)
        for ear in self._ears:
            self._close(ear)
        self._poll.close()
