"""A scans service to be driven by hand, and a door that delivers to it: time, faults, kills and reboots are set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kiosk.cloud.answers import scan_rows
from kiosk.cloud.portier import ScanPage, wire
from kiosk.errors import Misaddressed, NoAnswer, NotSent, Paced, Rejected, TooLarge, TooMany, Unauthorized
from kiosk.model import ClockQuality, Direction, Moment, Parcel, Reading, Reason, Result, Scan, Ticket, Verdict
from kiosk.store import ledger as ledgers
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.sync.cloudtime import CloudTime
from kiosk.sync.register import Register
from kiosk.sync.stamping import Stamping
from kiosk.sync.upload import Upload

DEVICE = "gate-1"
START = datetime(2030, 1, 23, 18, tzinfo=UTC)
TIME_OUT_S = 10.0
LATE_S = 25.0
"""How long a request that nobody waits for any more may still be at work: less than `plan.RUN_S`."""


class Clock:
    """All clocks of a machine, moved by hand; stands in for `time`, `clock` and the cloud's own time."""

    def __init__(self) -> None:
        self.now_s, self.booted_s, self.boots = 1000.0, 0.0, 1
        self.wrong_s, self.quality = 0.0, ClockQuality.SYNCED

    def monotonic(self) -> float:
        return self.now_s

    def boot_id(self) -> str:
        return f"boot-{self.boots}"

    def now(self) -> Moment:
        since_s = self.now_s - self.booted_s
        wall = START + timedelta(seconds=self.now_s + self.wrong_s)
        return Moment(wall, int(since_s * 1e9), self.boot_id(), self.quality)

    def reboot(self, seconds: float) -> None:
        self.now_s += seconds
        self.booted_s, self.boots = self.now_s, self.boots + 1
        self.now_s += 1.0

    @property
    def date(self) -> datetime:
        return START + timedelta(seconds=self.now_s)


class Dice:
    """Jitter that always falls in the middle."""

    @staticmethod
    def random() -> float:
        return 0.5


class Killed(BaseException):
    """The process ends here."""


NOTHING_DONE = {
    "refused connection": lambda: NotSent("nobody listens"),
    "slow down": lambda: TooMany("too many requests", wait_s=30.0),
    "budget": lambda: Paced("only so many an hour", wait_s=4.0),
    "unauthorized": lambda: Unauthorized("401"),
    "misaddressed": lambda: Misaddressed("404"),
}
"""Faults by which nothing gets to the cloud."""

HALF_DONE = ["lost before", "lost after", "lost half", "timed out before", "timed out after", "timed out late",
             "killed before", "killed after", "killed late"]  # fmt: skip
"""Faults after which the client does not know. Late: stored some time after the client gave up."""


@dataclass
class Cloud:
    """A scans service with a store of its own. The faults of `script` are played in order, one a request."""

    clock: Clock
    can_look: bool = True
    stored: list[dict[str, Any]] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    largest: int = 10_000
    by_time: bool = False
    honours_time: bool = False
    cap: int = 1000
    may_read: bool = True
    late: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    posts: list[list[str]] = field(default_factory=list)
    prepared: list[list[str]] = field(default_factory=list)
    reads: int = 0
    watch: Callable[[], None] = lambda: None
    heard: Callable[[], None] = lambda: None

    def wait_s(self) -> float:
        return 0.0

    def prepare(self, parcels: Sequence[Parcel]) -> None:
        self.prepared.append([parcel.barcode for parcel in parcels])

    def hand_in(self, parcels: Sequence[Parcel], meanwhile: Callable[[], object] | None = None) -> None:
        self.settle()
        self.watch()
        if meanwhile is not None:
            meanwhile()
        sent = [wire(parcel) for parcel in parcels]
        assert sent, "an empty batch was sent"
        fault = self._next_fault()
        self.posts.append([parcel.barcode for parcel in parcels])
        if fault.endswith("late"):
            self.late.append((self.clock.now_s + TIME_OUT_S * fault.startswith("timed") + LATE_S, sent))
        elif not fault.endswith("before"):
            self._take(sent[: len(sent) // 2] if fault.endswith("half") else sent)
        self._end(fault)

    def page(
        self, event_id: str, skip: int, top: int, since: datetime | None = None, until: datetime | None = None
    ) -> ScanPage:
        self.settle()
        fault = self._next_fault()
        self.reads += 1
        if not self.may_read:
            raise Unauthorized("403: not allowed to read")
        self._end(fault)
        rows = [scan for scan in reversed(self.stored) if scan["eventId"] == event_id]
        if self.by_time:
            rows.sort(key=lambda scan: scan.get("time") or scan["createdAt"], reverse=True)
        if self.honours_time and since and until:
            limits = stamp(since), stamp(until)
            rows = [scan for scan in rows if limits[0] <= (scan.get("time") or scan["createdAt"]) <= limits[1]]
        page = rows[skip : skip + min(top, self.cap)]
        self.heard()
        return ScanPage(scan_rows(page), len(page), len(rows), self.clock.date)

    def _next_fault(self) -> str:
        fault = self.script.pop(0) if self.script else ""
        if fault in NOTHING_DONE:
            raise NOTHING_DONE[fault]()
        return fault

    def _end(self, fault: str) -> None:
        if fault.startswith("killed"):
            raise Killed
        if fault.startswith("timed out"):
            self.clock.now_s += TIME_OUT_S
            raise NoAnswer("no answer in time", running=True)
        if fault.startswith("lost"):
            raise NoAnswer("the line was closed", running=False)

    def _take(self, sent: list[dict[str, Any]]) -> None:
        if len(sent) > self.largest:
            raise TooLarge("413")
        if any(scan["barcode"] in self.bad for scan in sent):
            raise Rejected("400: one of them is bad")
        self.store(sent)

    def store(self, sent: list[dict[str, Any]]) -> None:
        first = len(self.stored)
        self.stored += [
            scan | {"_id": f"s-{first + number}", "createdAt": stamp(self.clock.date)}
            for number, scan in enumerate(sent)
        ]

    def settle(self) -> None:
        """Store what was still at work here."""
        for entry in [entry for entry in self.late if entry[0] <= self.clock.now_s]:
            self.late.remove(entry)
            if not any(scan["barcode"] in self.bad for scan in entry[1]):
                self.store(entry[1])

    def codes(self) -> list[str]:
        """What has come from us, in order of arrival."""
        return [scan["barcode"] for scan in self.stored if scan.get("deviceId") == DEVICE]


def like(scan: Scan) -> dict[str, Any]:
    """A scan as it went, or would go, to the cloud."""
    ticket, verdict = scan.verdict.ticket, scan.verdict
    assert ticket is not None
    return wire(
        Parcel(
            scan.seq, scan.at, scan.device_id, scan.barcode, verdict.direction.value, verdict.result.value, ticket.id,
            ticket.event_id, None, ticket.ticket_type_id,
        )
    )  # fmt: skip


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class MortalLedger(Ledger):
    """A ledger whose process may be killed before or after any of its writes: `deaths` counts them down."""

    deaths: list[int]

    def take_in(self, entries: Any) -> None:
        self._live(lambda: super(MortalLedger, self).take_in(self._counted(entries)))

    def move(self, *arguments: Any) -> int:
        return self._live(lambda: super(MortalLedger, self).move(*arguments))

    def post(self, *arguments: Any) -> int:
        return self._live(lambda: super(MortalLedger, self).post(*arguments))

    def _counted(self, entries: Any) -> Any:
        for entry in entries:
            self._count()
            yield entry

    def _live(self, write: Callable[[], Any]) -> Any:
        self._count()
        found = write()
        self._count()
        return found

    def _count(self) -> None:
        if self.deaths:
            self.deaths[0] -= 1
            if self.deaths[0] < 0:
                self.deaths.pop(0)
                raise Killed


class Door:
    """A journal, a ledger and an upload in a directory, on a clock of their own."""

    def __init__(self, directory: Path, cloud: Cloud, batch_size: int = 200) -> None:
        self.directory, self.cloud, self.batch_size = directory, cloud, batch_size
        self.clock = cloud.clock
        self.journal = Journal(directory, DEVICE)
        self.scans: list[Scan] = []
        self.deaths: list[int] = []
        self.ran_before = False
        self.alive_s = 0.0
        self.on_unknown: Any = "hold"
        self.clock_wait_s = 0.0
        self.ledger: Ledger | None = None
        self.register: Register | None = None
        self.upload: Upload | None = None

    def start(self) -> Upload:
        """Start anew, as after a kill."""
        self.end()
        here = self.alive_s >= self.clock.booted_s and self.ran_before
        quiet_s = self.clock.now_s - (self.alive_s if here else self.clock.booted_s)
        mortal = MortalLedger(self.directory)
        mortal.deaths = self.deaths
        self.ledger = mortal
        self.register = Register(self.directory, mortal, ran_before=self.ran_before)
        self.ran_before = True
        self.upload = Upload(
            self.register, mortal, self.cloud, self.batch_size, on_unknown=self.on_unknown, quiet_s=quiet_s
        )  # fmt: skip
        self.listen(CloudTime())
        return self.upload

    def listen(self, cloud_time: CloudTime) -> Upload:
        """Let what the cloud says be heard, as a line does."""
        assert self.upload is not None
        assert self.register is not None
        assert self.ledger is not None
        self.upload.stamping = Stamping(self.register, self.ledger, cloud_time, self.clock_wait_s)
        self.cloud.heard = lambda: cloud_time.note(self.clock.date, self.clock.now())
        return self.upload

    def end(self) -> None:
        """The process is gone, and with it whatever it had open."""
        for part in (self.register, self.ledger):
            if part is not None:
                part.close()
        self.register = self.ledger = self.upload = None

    def record(self, count: int = 1, event: str = "fest") -> None:
        for _ in range(count):
            number = len(self.scans) + 1
            self._append(Ticket(f"t-{number}", f"CODE{number:05}", event, "standing"), number)

    def record_unknown(self) -> None:
        self._append(None, len(self.scans) + 1)

    def _append(self, ticket: Ticket | None, number: int) -> None:
        code = ticket.barcode if ticket is not None else "NOBODYKNOWS"
        reason = Reason.OK if ticket is not None else Reason.UNKNOWN
        result = Result.APPROVED if ticket is not None else Result.DECLINED
        moment = self.clock.now()
        self.scans.append(
            self.journal.append(
                Reading("left", code, code.encode(), moment), Verdict(Direction.CHECKIN, result, reason, ticket)
            )
        )

    def step(self) -> float | None:
        """Do one step; a process that is killed in it is started again; the clock moves on by what it wants to wait."""
        try:
            waited = (self.upload or self.start()).step()
        except Killed:
            self.end()
            return 0.0
        finally:
            self.alive_s = self.clock.now_s
        if waited:
            self.clock.now_s += waited
        return waited

    def finish(self, patience: int = 3000) -> None:
        """Go on until all is delivered."""
        for _ in range(patience):
            if self.step() is None:
                return
        raise AssertionError(f"it never comes to an end: {self.states()}")

    def states(self) -> dict[str, list[int]]:
        database = ledgers.reader(self.directory)
        found: dict[str, list[int]] = {}
        for seq, (state, _) in ledgers.states(database, 1, 10_000_000).items():
            found.setdefault(state.value, []).append(seq)
        database.close()
        return found

    def expected(self) -> list[str]:
        """What the cloud must have of us in the end, in this order."""
        codes = [scan.barcode for scan in self.scans if scan.deliverable]
        return [code for code in codes if code not in self.cloud.bad]

    def lose(self, *names: str) -> None:
        """Delete files, with nothing running."""
        self.end()
        for name in names:
            for file in self.directory.glob(f"{name}*"):
                file.unlink()

    def close(self) -> None:
        self.end()
        self.journal.close()
