"""A scan's journey from the journal to the cloud: exactly once, whatever happens on the way and whoever is killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import plan
from kiosk.cloud.answers import ScanRow, scan_rows
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier, wire
from kiosk.errors import Misaddressed, NoAnswer, NotSent, Rejected, Unauthorized
from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Scan, Ticket, Verdict
from kiosk.store import ledger as ledgers
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.sync import upload as uploads
from kiosk.sync.upload import Upload

DEVICE = "gate-1"
START = datetime(2030, 1, 23, 18, tzinfo=UTC)


class Clock:
    """A monotonic clock that moves when it is told to; it stands in for the module `time` in `upload`."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Dice:
    """Jitter that always falls in the middle; it stands in for the module `random` in `upload`."""

    @staticmethod
    def random() -> float:
        return 0.5


class Killed(BaseException):
    """The process ends here."""


NOTHING_DONE = {
    "refused connection": NotSent("nobody listens"),
    "slow down": NotSent("too many requests", wait_s=30.0),
    "unauthorized": Unauthorized("401"),
    "misaddressed": Misaddressed("404"),
}


def end(fault: str) -> None:
    """What becomes of a request that was sent, or of who sent it."""
    if fault.startswith("killed"):
        raise Killed
    if fault:
        raise NoAnswer("nothing came back")


@dataclass
class Cloud:
    """A scans service with a store of its own. The faults of `script` are played in order, one a request."""

    clock: Clock
    stored: list[dict[str, Any]] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    largest: int = 10_000
    late: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    posts: list[list[str]] = field(default_factory=list)
    reads: int = 0
    watch: Callable[[], None] = lambda: None

    def hand_in(self, scans: Sequence[Scan]) -> None:
        self.settle()
        self.watch()
        sent = [wire(scan) for scan in scans]
        assert sent, "an empty batch was sent"
        self.posts.append([scan.barcode for scan in scans])
        fault = self.next_fault()
        if "late" in fault:
            self.late.append((self.clock.now_s + 2.0, sent))
        elif "before" not in fault:
            self.take(sent)
        end(fault)

    def next_fault(self) -> str:
        """Take the next fault from the script; one by which nothing is done at all is played at once."""
        fault = self.script.pop(0) if self.script else ""
        if fault in NOTHING_DONE:
            raise NOTHING_DONE[fault]
        return fault

    def take(self, sent: list[dict[str, Any]]) -> None:
        if len(sent) > self.largest or any(scan["barcode"] in self.bad for scan in sent):
            raise Rejected("400: one of them is bad")
        self.stored += sent

    def settle(self) -> None:
        """Store what was still at work here."""
        for due, sent in [entry for entry in self.late if entry[0] <= self.clock.now_s]:
            self.late.remove((due, sent))
            if not any(scan["barcode"] in self.bad for scan in sent):
                self.stored += sent

    def read(self, event_id: str) -> Iterator[ScanRow]:
        self.settle()
        self.reads += 1
        rows = scan_rows(scan for scan in reversed(self.stored) if scan["eventId"] == event_id)
        fault = self.next_fault()
        if "after" in fault or not fault:
            yield from rows[:1] if fault else rows
        end(fault)


class Service:
    """The cloud by the names that sync calls it by; the window of time is ignored, as the live service does."""

    def __init__(self, cloud: Cloud) -> None:
        self.hand_in = cloud.hand_in
        self._cloud = cloud

    def stored(self, event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]:
        assert since is not None
        assert until is not None
        return self._cloud.read(event_id)


class MortalLedger(Ledger):
    """A ledger whose process may be killed before or after any of its writes: `deaths` counts them down."""

    deaths: list[int]

    def take_in(self, scans: Any, *arguments: Any) -> None:
        self._live(lambda: super(MortalLedger, self).take_in(scans, *arguments))

    def mark(self, numbers: Any, state: Delivery, error: str | None = None) -> None:
        self._live(lambda: super(MortalLedger, self).mark(numbers, state, error))

    def _live(self, write: Callable[[], None]) -> None:
        self._count()
        write()
        self._count()

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
        self.journal = Journal(directory, DEVICE)
        self.scans: list[Scan] = []
        self.deaths: list[int] = []
        self.ledger: Ledger | None = None
        self.upload: Upload | None = None

    def start(self) -> Upload:
        """Start anew, as after a kill."""
        if self.ledger is not None:
            self.ledger.close()
        self.upload = None
        mortal = MortalLedger(self.directory)
        mortal.deaths = self.deaths
        self.ledger = mortal
        self.upload = Upload(self.directory, mortal, Service(self.cloud), self.batch_size)
        return self.upload

    def record(self, count: int = 1, event: str = "fest") -> None:
        for _ in range(count):
            number = len(self.scans) + 1
            self._append(Ticket(f"t-{number}", f"CODE{number:05}", event, "standing"), number)

    def record_unknown(self) -> None:
        self._append(None, len(self.scans) + 1)

    def _append(self, ticket: Ticket | None, number: int) -> None:
        code = ticket.barcode if ticket is not None else "NOBODYKNOWS"
        moment = Moment(START + timedelta(seconds=number), number, "boot")
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
        self.scans.append(self.journal.append(Reading("left", code, code.encode(), moment), verdict))

    def step(self) -> float | None:
        """Do one step; a process that is killed in it is started again; the clock moves on by what it wants to wait."""
        try:
            waited = (self.upload or self.start()).step()
        except Killed:
            self.upload = None
            return 0.0
        if waited:
            self.cloud.clock.now_s += waited
        return waited

    def finish(self, patience: int = 2000) -> None:
        """Go on until all is delivered."""
        for _ in range(patience):
            if self.step() is None:
                return
        raise AssertionError("it never comes to an end")

    def states(self) -> dict[str, list[int]]:
        database = ledgers.reader(self.directory)
        found: dict[str, list[int]] = {}
        for seq, (state, _) in ledgers.states(database, 1, 10_000_000).items():
            found.setdefault(state.value, []).append(seq)
        database.close()
        return found

    def expected(self) -> list[str]:
        """What the cloud must have in the end, in this order."""
        codes = [scan.barcode for scan in self.scans if scan.deliverable]
        return [code for code in codes if code not in self.cloud.bad]

    def close(self) -> None:
        self.journal.close()
        if self.ledger is not None:
            self.ledger.close()


def codes(cloud: Cloud) -> list[str]:
    return [scan["barcode"] for scan in cloud.stored]


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(uploads, "time", made)
    monkeypatch.setattr(uploads, "random", Dice)
    return made


@pytest.fixture
def service(clock) -> Cloud:
    return Cloud(clock)


@pytest.fixture
def door(tmp_path, service) -> Iterator[Door]:
    made = Door(tmp_path, service)
    made.start()  # an empty journal: whatever comes now is new
    assert made.step() is None
    yield made
    made.close()


# --- one step after the other ----------------------------------------------------------------------------------------


def test_without_a_journal_there_is_nothing_to_do(tmp_path, service):
    upload = Upload(tmp_path, Ledger(tmp_path), Service(service), 200)
    assert upload.step() is None
    assert service.posts == []


def test_new_scans_are_delivered_oldest_first_in_full_batches(door, service):
    door.batch_size = 4
    door.start()
    door.record(10)
    door.finish()
    assert [len(batch) for batch in service.posts] == [4, 4, 2]
    assert codes(service) == door.expected()
    assert door.states() == {"acked": list(range(1, 11))}


def test_a_batch_is_on_disk_as_under_way_before_it_is_sent(door, service):
    seen: list[dict[str, list[int]]] = []
    service.watch = lambda: seen.append(door.states())
    door.record(3)
    door.finish()
    assert seen == [{"inflight": [1, 2, 3]}]


def test_scans_without_a_ticket_stay_here_and_do_not_hold_up_the_others(door, service):
    door.record()
    door.record_unknown()
    door.record()
    door.finish()
    assert codes(service) == ["CODE00001", "CODE00003"]
    assert door.states() == {"acked": [1, 3], "local": [2]}


def test_scans_that_come_while_others_are_under_way_go_out_after_them(door, service):
    door.record(2)
    service.watch = lambda: door.record() if len(door.scans) < 5 else None
    door.finish()
    assert codes(service) == door.expected()
    assert len(door.scans) == 5


@pytest.mark.parametrize("fault", ["refused connection", "slow down", "unauthorized", "misaddressed"])
def test_when_nothing_was_sent_or_taken_the_batch_is_pending_again_and_waits(door, service, fault):
    service.script = [fault]
    door.record(3)
    assert door.step() == 0.0
    assert door.states() == {"pending": [1, 2, 3]}
    assert door.upload.problem is not None
    assert door.upload.failures == 1
    assert door.upload.step() > 0.0
    assert service.reads == 0
    door.finish()
    assert codes(service) == door.expected()
    assert door.upload.problem is None
    assert door.upload.failures == 0


def test_the_wait_that_the_cloud_asks_for_is_kept(door, service):
    service.script = ["slow down"]
    door.record()
    door.step()
    assert door.upload.step() == 30.0


@pytest.mark.parametrize("fault", ["lost before", "lost after", "stored late"])
def test_what_was_sent_and_not_answered_is_read_back_after_it_has_settled_and_never_simply_sent_again(
    door, service, fault
):
    service.script = [fault]
    door.record(3)
    door.step()
    assert door.states() == {"unknown": [1, 2, 3]}
    assert door.upload.step() == plan.SETTLE_S
    door.record(2)  # newer ones do not overtake it
    door.step()
    door.finish()
    assert codes(service) == door.expected()
    assert service.reads == 1
    assert [code for batch in service.posts for code in batch].count("CODE00001") == (
        2 if fault == "lost before" else 1
    )


def test_a_scan_of_another_door_with_the_same_ticket_and_time_is_not_taken_for_ours(door, service):
    door.record()
    service.script = ["lost before"]
    door.step()
    foreign = wire(door.scans[0])
    service.stored += [foreign | {"deviceId": "gate-2"}, {k: v for k, v in foreign.items() if k != "deviceId"}]
    door.finish()
    assert [scan.get("deviceId") for scan in service.stored] == ["gate-2", None, DEVICE]


def test_a_batch_of_two_events_is_read_back_event_by_event(door, service):
    door.record(2, "fest")
    door.record(2, "gala")
    service.script = ["lost after"]
    door.step()
    door.finish()
    assert service.reads == 2
    assert codes(service) == door.expected()


def test_what_one_event_has_is_kept_when_the_other_cannot_be_read_back(door, service):
    door.record(2, "fest")
    door.record(2, "gala")
    service.script = ["lost after", "", "refused connection"]
    door.step()
    door.step()
    assert door.step() == 0.0
    assert door.states() == {"acked": [1, 2], "unknown": [3, 4]}
    door.finish()
    assert codes(service) == door.expected()


def test_reading_back_that_fails_is_said_and_tried_again_later(door, service):
    service.script = ["lost after", "refused connection"]
    door.record()
    door.step()
    door.step()
    door.step()
    assert isinstance(door.upload.problem, NotSent)
    assert door.upload.failures == 2
    assert door.states() == {"unknown": [1]}
    assert door.upload.step() > 0.0
    door.finish()
    assert codes(service) == door.expected()
    assert len(service.posts) == 1


def test_what_was_under_way_when_sync_was_killed_is_doubted_and_given_time_to_settle(door, service):
    service.script = ["killed, stored late"]
    door.record(3)
    door.step()
    door.start()
    assert door.states() == {"unknown": [1, 2, 3]}
    assert door.upload.step() == plan.SETTLE_S
    door.finish()
    assert codes(service) == door.expected()
    assert len(service.posts) == 1


def test_a_refused_scan_stands_alone_with_the_clouds_words_and_the_others_go_on(door, service):
    service.bad = {"CODE00004", "CODE00005"}
    door.record(9)
    door.finish()
    assert codes(service) == door.expected()
    assert door.states() == {"acked": [1, 2, 3, 6, 7, 8, 9], "refused": [4, 5]}
    database = ledgers.reader(door.directory)
    assert ledgers.states(database, 4, 4)[4] == (Delivery.REFUSED, "400: one of them is bad")
    database.close()


def test_a_refused_scan_that_a_person_hands_out_again_is_tried_again_alone(door, service):
    service.bad = {"CODE00002"}
    door.record(3)
    door.finish()
    service.bad.clear()
    assert door.ledger.hand_out_again([]) == [2]
    door.finish()
    assert codes(service) == ["CODE00001", "CODE00003", "CODE00002"]
    assert door.states() == {"acked": [1, 2, 3]}


def test_a_batch_that_is_too_large_shrinks_until_it_fits(door, service):
    service.largest = 30
    door.record(200)
    door.finish()
    assert codes(service) == door.expected()
    assert door.states() == {"acked": list(range(1, 201))}


def test_a_cloud_that_came_back_ends_a_long_back_off(door, service):
    service.script = ["refused connection"] * 5
    door.record()
    while service.script:
        door.step()
    assert door.upload.step() > plan.SETTLE_S
    door.upload.hurry()
    assert door.upload.step() == pytest.approx(plan.SETTLE_S)


def test_a_cloud_that_swallows_every_upload_is_asked_more_and_more_seldom(door, service, clock):
    """Reading back works, uploads are never answered: an hour of it must not cost a thousand requests."""
    service.script = ["lost before", ""] * 10_000
    door.record()
    end = clock.now_s + 3600
    while clock.now_s < end:
        door.step()
    assert len(service.posts) + service.reads < 200


def test_many_scans_enter_the_ledger_in_bounded_portions(door, service, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK", 100)
    door.record(350)
    door.finish()
    assert codes(service) == door.expected()


# --- files that are lost or do not fit together ----------------------------------------------------------------------


def lose(door: Door, *names: str) -> None:
    door.close()
    for name in names:
        for file in door.directory.glob(f"{name}*"):
            file.unlink()
    door.ledger = door.upload = None


@pytest.mark.parametrize("state", [Delivery.PENDING, Delivery.UNKNOWN])
def test_scans_whose_journal_is_gone_never_make_sync_run_hot(door, service, clock, state):
    door.record(3)
    service.script = ["refused connection"]
    door.step()
    door.ledger.mark([1, 2, 3], state)
    lose(door, "journal.db")
    door.start()
    clock.now_s += 1000.0
    waits = [door.upload.step() for _ in range(50)]
    assert waits[-1] is None or waits[-1] > 0.0
    assert len(service.posts) == 1


# --- any interleaving ------------------------------------------------------------------------------------------------

FAULTS = [
    *NOTHING_DONE, "", "lost before", "lost after", "stored late",
    "killed before", "killed after", "killed, stored late",
]  # fmt: skip
OPERATIONS = st.one_of(
    st.tuples(st.just("record"), st.integers(1, 6)),
    st.tuples(st.just("unknown code"), st.just(1)),
    st.tuples(st.just("step"), st.integers(1, 5)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("death"), st.integers(0, 12)),
    st.tuples(st.just("kill"), st.just(1)),
    st.tuples(st.just("hurry"), st.just(1)),
    st.tuples(st.just("time passes"), st.floats(0, 400)),
)


@pytest.fixture(scope="module")
def empty_files() -> Iterator[Path]:
    """A journal and a ledger as they begin, to be copied: making them anew is most of an example's time."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        Journal(directory, DEVICE).close()
        upload = Upload(directory, ledger := Ledger(directory), Service(Cloud(Clock())), 200)
        upload.step()
        ledger.close()
        yield directory


def play(door: Door, what: str, how: Any) -> None:
    match what:
        case "record":
            door.record(how, "fest" if how % 2 else "gala")
        case "unknown code":
            door.record_unknown()
        case "step":
            for _ in range(how):
                door.step()
        case "fault":
            door.cloud.script.append(how)
        case "death":
            door.deaths.append(how)
        case _:
            play_time(door, what, how)


def play_time(door: Door, what: str, how: Any) -> None:
    match what:
        case "kill":
            door.upload = None
        case "hurry" if door.upload is not None:
            door.upload.hurry()
        case "time passes":
            door.cloud.clock.now_s += how


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    story=st.lists(OPERATIONS, max_size=30),
    bad=st.sets(st.integers(1, 20), max_size=3),
    batch_size=st.integers(1, 9),
)
def test_any_interleaving_of_faults_and_kills_ends_with_every_scan_delivered_exactly_once_and_in_order(
    empty_files, story, bad, batch_size
):
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        clock = Clock()
        patch.setattr(uploads, "time", clock)
        directory = Path(shutil.copytree(empty_files, Path(name) / "data"))
        cloud = Cloud(clock, bad={f"CODE{number:05}" for number in bad})
        door = Door(directory, cloud, batch_size)
        try:
            for what, how in story:
                play(door, what, how)
            cloud.script.clear()
            door.deaths.clear()
            door.finish()
            assert codes(cloud) == door.expected()
            refused = [scan.seq for scan in door.scans if scan.barcode in cloud.bad]
            local = [scan.seq for scan in door.scans if not scan.deliverable]
            acked = [scan.seq for scan in door.scans if scan.seq not in {*refused, *local}]
            expected = {"acked": acked, "refused": refused, "local": local}
            found = door.states()
            assert {state: found.get(state, []) for state in found} == {s: n for s, n in expected.items() if n}
        finally:
            door.close()


# --- against the sandbox cloud ---------------------------------------------------------------------------------------


@pytest.fixture
def line(cloud) -> Iterator[Line]:
    drawn = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"})
    yield drawn
    drawn.close()


def deliver(upload: Upload, clock: Clock) -> None:
    for _ in range(500):
        waited = upload.step()
        if waited is None:
            return
        clock.now_s += waited
    raise AssertionError("it never comes to an end")


@pytest.fixture
def real(tmp_path, cloud, line, clock) -> Iterator[tuple[Door, Upload]]:
    door = Door(tmp_path, Cloud(clock))
    ledger = Ledger(tmp_path)
    upload = Upload(tmp_path, ledger, Portier(line), 200)
    upload.step()
    yield door, upload
    ledger.close()
    door.close()


@pytest.mark.parametrize(
    "faults",
    [
        [("lost_reply", {})] * 3, [("error_after", {}), ("error_before", {}), ("lost_reply", {})],
        [("rate_limited", {"retry_after": "date"}), ("rate_limited", {"retry_after": "none"})],
        [("offline", {}), ("half_reply", {}), ("cut_json", {}), ("wrong_ids", {}), ("partial_answer", {})],
        [("captive_html", {}), ("captive_204", {}), ("captive_redirect", {}), ("captive_meta", {})],
        [("unauthorized", {}), ("forbidden", {}), ("not_found_html", {}), ("answer_other", {})],
    ],
)  # fmt: skip
def test_the_sandboxs_faults_one_after_the_other_neither_lose_nor_double_a_scan(real, cloud, clock, faults):
    door, upload = real
    door.record(450)
    for name, parameters in faults:
        cloud.arm(name, 1, route="POST /api/scans", **parameters)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == door.expected()


def test_what_may_have_arrived_is_found_behind_thousands_of_newer_scans_though_the_time_filter_has_no_effect(
    real, cloud, clock, line
):
    door, upload = real
    door.record(150)
    cloud.arm("lost_reply", 1)
    cloud.arm("ignore_time_filter", None)
    upload.step()
    other = wire(door.scans[0]) | {"deviceId": "gate-2", "time": "2030-01-23T23:00:00.000Z"}
    for _ in range(3):
        line.post("/scans", [other] * 900)
    deliver(upload, clock)
    ours = [scan["barcode"] for scan in cloud.scans() if scan["deviceId"] == DEVICE]
    assert ours == door.expected()


def test_a_limit_in_the_way_only_makes_the_batches_smaller(real, cloud, clock):
    door, upload = real
    cloud.arm("too_large", None, limit=64)
    door.record(300)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == door.expected()


def test_scans_that_the_cloud_refuses_are_exactly_the_ones_left_over(real, cloud, clock):
    door, upload = real
    door.record(250)
    bad = {"CODE00003", "CODE00004", "CODE00199", "CODE00201", "CODE00250"}
    for barcode in bad:
        cloud.arm("refuse_scan", None, barcode=barcode)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == [code for code in door.expected() if code not in bad]
    assert door.states()["refused"] == [3, 4, 199, 201, 250]
