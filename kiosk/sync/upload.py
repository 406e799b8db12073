"""A scan's journey from the journal to the cloud: take it in, mark it under way, post it, settle what became of it.

`plan.next_action` decides, this carries it out; `outcome.py` says which state follows. Every state is on disk before
the step it stands for.

The oldest always goes first, so that the cloud gets everything in order; the newest is seen by other doors soon all
the same, because nothing is waited for but the cloud's own answer: a night's backlog is a few hundred requests.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kiosk import clock, plan
from kiosk.errors import CloudError, Misaddressed, NoAnswer, Paced, Rejected, TooLarge, Unauthorized
from kiosk.model import Delivery, Parcel
from kiosk.outcome import Outcome
from kiosk.plan import Doubt
from kiosk.store.ledger import Ledger
from kiosk.sync.cloudtime import CloudTime
from kiosk.sync.readback import VANISHED, ReadBack, StoredScans
from kiosk.sync.register import Register
from kiosk.sync.stamping import Stamping

log = logging.getLogger(__name__)

FORBIDDEN = (Unauthorized, Misaddressed, Rejected)
"""How a cloud says that it does not let us read back what it has."""

NO_JOURNAL_S = 1.0
"""How often to look whether the journal is back, where there is something to deliver."""

HELD = "%s; whether some scans arrived cannot be looked up, so they are held: `kiosk retry --unknown` sends them again"


class Service(StoredScans, Protocol):
    """Raises CloudError. Without `can_look` nothing can ever be read back, and `page` is never asked for."""

    can_look: bool

    def wait_s(self) -> float: ...
    def prepare(self, parcels: Sequence[Parcel]) -> None: ...
    def hand_in(self, parcels: Sequence[Parcel], meanwhile: Callable[[], object] | None = None) -> None: ...


class Upload:
    """Delivers, one step at a time. Belongs to one thread.

    `quiet_s`: for how long, at least, no earlier sync can have sent anything.
    """

    def __init__(
        self,
        register: Register,
        ledger: Ledger,
        service: Service,
        batch_size: int,
        *,
        on_unknown: plan.OnUnknown = "hold",
        quiet_s: float = 0.0,
    ) -> None:
        self._register, self._ledger, self._service = register, ledger, service
        self.stamping = Stamping(register, ledger, CloudTime(), 0.0)
        self._ask_time_s = 0.0
        self._on_unknown: plan.OnUnknown = on_unknown
        self._quiet_s = quiet_s
        self._pace = plan.Pace(batch_size, batch_size)
        self._looking = ReadBack(register, ledger, service, lambda: self.stamping.anchors(clock.now()))
        self._ready: Sequence[Parcel] = ()
        self._confirmed: Sequence[int] = ()
        self.asks_person = self.heard = self.waits_for_time = False
        self.problem: CloudError | None = None
        stopped, older = ledger.numbers(Delivery.INFLIGHT), bool(ledger.numbers(Delivery.UNKNOWN, 1))
        ledger.move(Outcome.STOPPED, stopped, "sync was stopped while this was under way")
        self._doubt = self._doubts(quiet_s)
        if ledger.attempt() is not None:
            doubt = self._doubts_of_last_attempt()
            self._doubt = replace(doubt, sent_s=None) if older else doubt  # those were sent before it, who knows when

    def step(self) -> float | None:
        """Do the next thing there is to do; return how long to wait for the one after, None when all is delivered."""
        self.heard = False
        if self._register.take_in():
            self._doubt_all()
        if not self._register.is_open:
            return NO_JOURNAL_S if self._ledger.outstanding() else None
        action = plan.next_action(self._standing())
        self.asks_person = isinstance(action, plan.AskPerson)
        self.waits_for_time = self.stamping.waits_s is not None and isinstance(action, plan.Wait)
        if not isinstance(action, plan.Post):
            self.conclude()
        try:
            return self._take(action)
        except Paced as error:
            return error.wait_s

    def conclude(self) -> None:
        """Write down what was delivered last; where more is to be sent at once, that is written with it."""
        if self._confirmed:
            self._ledger.move(Outcome.CONFIRMED, self._confirmed)
            self._confirmed = ()

    def _take(self, action: plan.Action) -> float | None:
        match action:
            case plan.Post(numbers):
                self._post(numbers)
            case plan.ReadBack(final):
                self._read_back(final=final)
            case plan.SendBlindly():
                self._ledger.move(Outcome.SENT_BLINDLY, self._ledger.numbers(Delivery.UNKNOWN))
            case plan.AskTime():
                self._ask_time()
            case plan.Wait(seconds) | plan.AskPerson(seconds):
                return seconds
            case plan.Nothing():
                return None
        return 0.0

    def _standing(self) -> plan.Standing:
        now_s, now = time.monotonic(), clock.now()
        return plan.Standing(
            pending=self.stamping.ready(self._ledger.numbers(Delivery.PENDING, self._pace.size), now),
            unknown=bool(self._ledger.numbers(Delivery.UNKNOWN, 1)),
            doubt=self._doubt,
            looking=self._looking.under_way,
            on_unknown=self._on_unknown,
            size=self._pace.size,
            now_s=now_s,
            not_before_s=max(self._pace.not_before_s, now_s + self._service.wait_s()),
            waits_s=self.stamping.waits_s,
            may_ask_time=self._service.can_look and now_s >= self._ask_time_s,
        )

    # --- posting -----------------------------------------------------------------------------------------------------

    def _post(self, numbers: Sequence[int]) -> None:
        parcels = self._read(numbers)
        if lost := sorted(set(numbers) - {parcel.seq for parcel in parcels}):
            log.error("the journal has lost %d scans that were to be delivered, the first one %d", len(lost), lost[0])
            self._ledger.move(Outcome.VANISHED, lost, VANISHED)
        if parcels:
            self._hand_in(parcels)

    def _read(self, numbers: Sequence[int]) -> Sequence[Parcel]:
        """Return these scans, which may be prepared already, unless a time has become known since."""
        ready, self._ready = self._ready, ()
        prepared = [parcel.seq for parcel in ready] == numbers and self._register.dated(ready) == ready
        return ready if prepared else self._register.parcels(numbers)

    def _prepare_next(self) -> None:
        """Make what comes next ready while the cloud is at work."""
        numbers = self.stamping.ready(self._ledger.numbers(Delivery.PENDING, self._pace.full), clock.now())
        self._ready = self._register.parcels(numbers) if numbers else ()
        if self._ready:
            self._service.prepare(self._ready)

    def _hand_in(self, parcels: Sequence[Parcel]) -> None:
        numbers, held = [parcel.seq for parcel in parcels], bool(self._ledger.numbers(Delivery.UNKNOWN, 1))
        confirmed, self._confirmed = self._confirmed, ()
        if self._ledger.post(numbers, clock.now(), confirmed) != len(
            numbers
        ):  # the journal was put in another's place just now
            return
        self._looking.drop()
        self._quiet_s = 0.0
        try:
            self._service.hand_in(parcels, self._prepare_next)
        except NoAnswer as error:
            self._settle(Outcome.NO_ANSWER, numbers, error)
            self._pace, doubt = self._pace.settling(time.monotonic(), running=error.running)
            self._doubt = self._as_can(doubt.beside(self._doubt) if held else doubt)
        except Rejected as error:
            self._refuse(numbers, error)
        except Paced:
            self._ledger.move(Outcome.NOT_SENT, numbers)
            raise
        except CloudError as error:  # nothing of it was stored
            self._settle(Outcome.NOT_SENT, numbers, error)
            self._wait(error)
        else:
            self._confirmed, self.problem, self.heard = numbers, None, True
            if not self._ready:
                self.conclude()
            self._pace = self._pace.went_through()
            log.info("delivered %d scans, the last one %d", len(numbers), numbers[-1])

    def _refuse(self, numbers: Sequence[int], error: Rejected) -> None:
        """Halve the batch until the one bad scan stands alone; the good ones then go on without it."""
        alone = len(numbers) == 1
        self._settle(Outcome.REFUSED_ALONE if alone else Outcome.REFUSED_AMONG, numbers, error)
        too_large = isinstance(error, TooLarge)
        self._pace = (self._pace.was_too_large if too_large else self._pace.was_refused)(len(numbers))

    def _settle(self, outcome: Outcome, numbers: Sequence[int], error: CloudError | None = None) -> None:
        self._ledger.move(outcome, numbers, str(error) if error is not None else None)
        self.problem = error

    # --- reading back ------------------------------------------------------------------------------------------------

    def _read_back(self, *, final: bool) -> None:
        """Look at one page more of what the cloud has."""
        try:
            found = self._looking.step(final=final, sent_ago_s=self._sent_ago_s())
        except Paced:
            raise
        except CloudError as error:
            if isinstance(error, FORBIDDEN):
                self._looking.drop()
            self._cannot_look(error)
            return
        self.heard, self.problem = True, None
        self._pace = self._pace.looked(arrived=bool(found))
        if not self._looking.under_way:
            self._doubt = self._doubt.looked()

    def _cannot_look(self, error: CloudError) -> None:
        forbidden = isinstance(error, FORBIDDEN)
        log.warning("cannot see which scans have arrived: %s", error)
        if forbidden:
            self._doubt = self._doubt.not_allowed(time.monotonic())
            self.problem = type(error)(HELD % error if self._on_unknown == "hold" else str(error))
        else:
            self.problem = error
            self._wait(error)

    def _ask_time(self) -> None:
        """Let the cloud say what time it is: with any answer, the shortest will do."""
        (parcel,) = self._register.parcels(self._ledger.numbers(Delivery.PENDING, 1))
        self._ask_time_s = time.monotonic() + plan.LOOK_AGAIN_S
        try:
            page = self._service.page(parcel.event_id or "", 0, 1)
        except FORBIDDEN as error:
            log.info("the cloud could not be asked what time it is: %s", error)
            return
        except Paced:
            self._ask_time_s = 0.0
            raise
        except CloudError as error:
            self._ask_time_s = 0.0
            self.problem = error
            self._wait(error)
            return
        self.heard, self.problem = True, None
        self.stamping.hear(page.date, clock.now())

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _doubt_all(self) -> None:
        """Nobody knows any more what the cloud has."""
        self._looking.drop()
        self._ready = self._confirmed = ()
        self._doubt = self._doubts(self._quiet_s)

    def _doubts(self, quiet_s: float) -> Doubt:
        """Look at once; what is not found may still be under way for a while."""
        now_s = time.monotonic()
        return self._as_can(Doubt(now_s, now_s + max(0.0, plan.RUN_S - quiet_s)))

    def _as_can(self, doubt: Doubt) -> Doubt:
        return doubt if self._service.can_look else replace(doubt, look_at_s=math.inf, forbidden=True)

    def _doubts_of_last_attempt(self) -> Doubt:
        """Whoever sent it may have waited for it until just now. One of another boot was given up before this one."""
        boot_id, boottime_ns = self._ledger.attempt() or ("", 0)
        now, here = clock.now(), boot_id == clock.boot_id()
        ago_s = (now.boottime_ns - (boottime_ns if here else 0)) / 1e9
        doubts = self._doubts(max(0.0, ago_s - plan.GIVE_UP_S) if here else ago_s)
        return replace(doubts, sent_s=time.monotonic() - ago_s if here else None)

    def _sent_ago_s(self) -> float | None:
        return time.monotonic() - self._doubt.sent_s if self._doubt.sent_s is not None else None

    def _wait(self, error: CloudError) -> None:
        self._pace = self._pace.failed(time.monotonic(), random.random(), error.wait_s)  # noqa: S311  # jitter
        if isinstance(error, Unauthorized | Misaddressed):  # a person is about to mend it, and wants to see it work
            self._pace = self._pace.at_most(time.monotonic(), plan.MENDING_S)

    @property
    def failures(self) -> int:
        """How many steps have failed in a row."""
        return self._pace.failures

    def outstanding(self) -> int:
        """Return how many scans are still to be delivered."""
        return self._ledger.outstanding()

    def hurry(self) -> None:
        """The cloud is back: do not wait for the end of a back-off."""
        now_s = time.monotonic()
        self._pace, self._doubt = self._pace.hurried(now_s), self._as_can(self._doubt.hurried(now_s))
