"""Sync's hands: when they act, when they rest, when they stop, and what people are told of the cloud."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from kiosk import config, plan
from kiosk.clock import now
from kiosk.cloud import budget
from kiosk.cloud.access import Access
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, Paced, Rejected, TooMany, Unauthorized
from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger
from kiosk.sync.register import Register
from kiosk.sync.report import Reports
from kiosk.sync.run import (
    REPORTS,
    UPLOAD,
    Contact,
    Estimate,
    download_once,
    run_download,
    run_upload,
    upload_once,
)
from kiosk.sync.upload import Upload


@dataclass
class Hand:
    """Stands in for an Upload: plays its steps in order, each a wait with the problem there is then."""

    script: list[tuple[float | None, CloudError | None]]
    stop: threading.Event = field(default_factory=threading.Event)
    problem: CloudError | None = None
    failures: int = 0
    steps: int = 0
    hurried: list[int] = field(default_factory=list)
    asks_person: bool = False
    waits_for_time: bool = False
    heard: bool = False
    concluded: bool = False

    def outstanding(self) -> int:
        """As many as there are steps to come."""
        return len(self.script)

    def step(self) -> float | None:
        self.steps += 1
        if len(self.script) == 1:
            self.stop.set()
        wait_s, self.problem = self.script.pop(0)
        self.heard = wait_s == 0.0 and self.problem is None
        return wait_s

    def conclude(self) -> None:
        self.concluded = True

    def hurry(self) -> None:
        self.hurried.append(self.steps)


@dataclass
class Eyes:
    """Stands in for a Download and for the eye on other doors: notes what is looked at, raises what it is told to."""

    problems: dict[str, CloudError] = field(default_factory=dict)
    sync: config.Sync = field(default_factory=lambda: config.Sync(tickets_interval_s=0.001, scans_interval_s=0.001))
    rounds: int = 1
    more: int = 0
    seen: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def _look(self, part: str) -> None:
        self.seen.append(part)
        if part == "tickets" and self.seen.count(part) == self.rounds:
            self.stop.set()
        if part in self.problems:
            raise self.problems[part]

    def look_at_settings(self) -> None:
        self._look("settings")

    def look_at_tickets(self) -> bool:
        self._look("tickets")
        return self.seen.count("tickets") <= self.more

    def look(self) -> None:
        self._look("elsewhere")

    def interval_s(self) -> float:
        return self.sync.tickets_interval_s


class Until(threading.Event):
    """Is set when it has been waited for so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def wait(self, timeout: float | None = None) -> bool:
        self.times -= 1
        if not self.times:
            self.set()
        return super().wait(timeout)


# --- contact ---------------------------------------------------------------------------------------------------------


UNKNOWN = {"reachable": False, "lastSuccess": None, "lastError": None, "deliveryRefused": None}


def test_a_cloud_that_nobody_has_spoken_to_is_not_reachable():
    assert Contact().facts() == UNKNOWN


def test_a_success_is_remembered_with_its_time():
    contact = Contact()
    contact.went_well("tickets")
    facts = contact.facts()
    assert facts["reachable"] is True
    assert facts["lastError"] is None
    assert facts["lastSuccess"].endswith("Z")


@pytest.mark.parametrize("error", [NotSent, NoAnswer])
def test_a_cloud_that_is_silent_to_one_hand_is_not_reachable(error):
    contact = Contact()
    contact.went_well("tickets")
    contact.failed("delivery", error("silence"))
    assert contact.facts()["reachable"] is False
    assert contact.facts()["lastError"] == "silence"
    assert contact.facts()["lastSuccess"] is not None


@pytest.mark.parametrize("error", [Rejected, Unauthorized, Misaddressed])
def test_a_cloud_that_refuses_us_is_reachable_and_what_it_says_is_kept(error):
    contact = Contact()
    contact.failed("delivery", error("the cloud answers 401"))
    facts = contact.facts()
    assert (facts["reachable"], facts["lastSuccess"], facts["lastError"]) == (True, None, "the cloud answers 401")


@pytest.mark.parametrize(
    ("part", "error", "refused"),
    [
        ("delivery", Unauthorized, "no"), ("delivery", Misaddressed, "no"), ("delivery", Rejected, None),
        ("delivery", NotSent, None), ("delivery", TooMany, None), ("tickets", Unauthorized, None),
    ],
)  # fmt: skip
def test_only_a_refusal_of_all_deliveries_is_said_to_stop_them(part, error, refused):
    contact = Contact()
    contact.failed(part, error("no"))
    assert contact.facts()["deliveryRefused"] == refused
    contact.went_well(part)
    assert contact.facts()["deliveryRefused"] is None


def test_an_error_is_gone_once_the_same_part_goes_well_and_stays_while_only_another_does():
    contact = Contact()
    contact.failed("delivery", Unauthorized("401"))
    contact.went_well("tickets")
    assert contact.facts()["lastError"] == "401"
    contact.went_well("delivery")
    assert contact.facts()["lastError"] is None


def test_the_same_error_again_and_again_is_one_line_of_log(caplog):
    contact = Contact()
    for _ in range(5):
        contact.failed("tickets", NotSent("nobody listens"))
    contact.failed("tickets", NotSent("another reason"))
    assert [record.getMessage() for record in caplog.records] == ["tickets: nobody listens", "tickets: another reason"]


@pytest.mark.parametrize(("error", "back"), [(NotSent, True), (NoAnswer, True), (Unauthorized, False)])
def test_it_is_noticed_when_a_silent_cloud_comes_back(error, back):
    contact = Contact()
    contact.failed("tickets", error("x"))
    contact.went_well("tickets")
    assert contact.comebacks == back


# --- how long it will take -------------------------------------------------------------------------------------------


def estimated(*notes: tuple[float, int]) -> float | None:
    estimate = Estimate()
    for now_s, outstanding in notes:
        estimate.note(outstanding, now_s)
    return estimate.seconds


@pytest.mark.parametrize(
    ("notes", "seconds"),
    [
        ([(0, 1000), (10, 800)], 40.0), ([(0, 1000), (4, 900), (10, 500)], 10.0), ([(0, 1000), (10, 999)], 9990.0),
        ([], None), ([(0, 1000)], None), ([(0, 1000), (10, 1000)], None), ([(0, 10), (10, 0)], None),
    ],
)  # fmt: skip
def test_a_backlog_takes_as_long_as_it_shrinks_and_nobody_can_tell_while_it_does_not(notes, seconds):
    assert estimated(*notes) == seconds


def test_an_estimate_goes_by_the_last_minute_not_by_the_whole_evening():
    fast, slow = [(float(s), 10_000 - 100 * s) for s in range(60)], [(60.0 + s, 4_100 - s) for s in range(120)]
    assert estimated(*fast, *slow) == 4_100 - 119


def test_a_pause_longer_than_that_is_no_pace():
    assert estimated((0.0, 1000), (500.0, 900)) is None


def test_new_scans_begin_a_new_estimate():
    assert estimated((0.0, 100), (10.0, 50), (20.0, 60)) is None
    assert estimated((0.0, 100), (10.0, 50), (20.0, 60), (30.0, 30)) == 10.0


def test_what_whoever_asks_on_another_thread_has_in_hand_is_never_changed_under_them():
    """Between two looks at it a deque that is cleared raises IndexError, which takes the program down."""
    estimate = Estimate()
    estimate.note(100, 0.0)
    estimate.note(50, 10.0)
    in_hand = estimate._marks
    estimate.note(60, 20.0)
    assert list(in_hand) == [(0.0, 100), (10.0, 50)]


# --- delivering ------------------------------------------------------------------------------------------------------


def test_one_pass_goes_on_until_all_is_delivered():
    hand = Hand([(0.0, None), (0.0, None), (None, None)])
    assert upload_once(hand, Contact(), threading.Event()) is True
    assert hand.script == []


def test_one_pass_waits_as_long_as_it_is_told_between_its_tries():
    hand = Hand([(0.0, NotSent("x")), (0.01, NotSent("x")), (0.0, None), (None, None)])
    assert upload_once(hand, Contact(), threading.Event()) is True


def test_one_pass_gives_up_after_three_failures_in_a_row():
    hand = Hand([(0.0, NotSent("x"))] * 3 + [(None, None)], failures=3)
    assert upload_once(hand, Contact(), threading.Event()) is False
    assert hand.steps == 1


def test_one_pass_leaves_to_a_person_what_only_a_person_can_decide():
    """However long it might wait for one."""
    hand = Hand([(float("inf"), None), (None, None)], asks_person=True)
    assert upload_once(hand, Contact(), threading.Event()) is False
    assert hand.steps == 1


def test_one_pass_does_not_wait_for_somebody_who_knows_the_time():
    hand = Hand([(600.0, None), (None, None)], waits_for_time=True)
    assert upload_once(hand, Contact(), threading.Event()) is False
    assert hand.steps == 1


def test_one_pass_tells_after_each_step_how_many_are_left():
    told: list[int] = []
    assert upload_once(Hand([(0.0, None)] * 3 + [(None, None)]), Contact(), threading.Event(), progress=told.append)
    assert told == [3, 2, 1, 0]


def test_a_backlog_is_estimated_while_it_is_delivered_and_reports_have_no_part_in_that():
    contact = Contact()
    upload_once(Hand([(0.02, None)] * 5), contact, Until(3), UPLOAD)
    told = contact.estimate.seconds
    assert told > 0.02
    upload_once(Hand([(0.0, None)] * 999), contact, Until(2), REPORTS)
    assert contact.estimate.seconds == told


def test_what_is_wrong_with_reports_is_told_as_theirs_and_the_deliverys_success_does_not_end_it():
    contact = Contact()
    upload_once(Hand([(0.0, Unauthorized("401"))] * 3, failures=3), contact, threading.Event(), REPORTS)
    upload_once(Hand([(0.0, None), (None, None)]), contact, threading.Event())
    assert contact.problems == {REPORTS: contact.problems[REPORTS], UPLOAD: None}
    assert contact.facts()["lastError"] == "401"
    run_upload(hand := Hand([(0.0, None), (0.0, None)]), contact, 0.001, hand.stop, REPORTS)
    assert contact.facts()["lastError"] is None


def test_one_pass_ends_when_it_is_told_to_stop():
    hand = Hand([(3600.0, NotSent("x")), (None, None)])
    told = threading.Event()
    threading.Timer(0.05, told.set).start()
    assert upload_once(hand, Contact(), told) is False
    assert hand.steps == 1


def test_delivering_ends_when_it_is_told_to_stop_however_long_it_wants_to_wait():
    hand = Hand([(0.0, None), (9.0, NotSent("x"))])
    run_upload(hand, Contact(), 3600.0, hand.stop)
    assert hand.steps == 2


def test_delivering_looks_for_new_scans_at_its_interval_even_during_a_long_back_off():
    hand = Hand([(3600.0, NotSent("x"))] * 5)
    run_upload(hand, Contact(), 0.001, hand.stop)
    assert hand.steps == 5


def test_a_cloud_that_comes_back_to_the_other_hand_hurries_this_one_once():
    contact = Contact()
    hand = Hand([(3600.0, NotSent("x"))] * 4)
    contact.failed("tickets", NotSent("x"))
    contact.went_well("tickets")
    run_upload(hand, contact, 0.001, hand.stop)
    assert hand.hurried == [1]


def test_a_cloud_that_comes_back_hurries_delivery_though_reports_have_noticed_it_first():
    """Else scans wait for up to five minutes in front of a cloud that is there."""
    contact = Contact()
    reports, delivery = Hand([(9.0, NotSent("x"))] * 2), Hand([(300.0, NotSent("x"))] * 2)
    contact.failed("tickets", NotSent("x"))
    contact.went_well("tickets")
    run_upload(reports, contact, 0.001, reports.stop, REPORTS)
    run_upload(delivery, contact, 0.001, delivery.stop)
    assert (reports.hurried, delivery.hurried) == ([1], [1])


def test_what_delivering_meets_is_told_and_success_only_when_something_was_delivered():
    contact = Contact()
    upload_once(Hand([(None, None)]), contact, threading.Event())
    assert contact.facts()["lastSuccess"] is None
    upload_once(Hand([(0.0, None), (None, None)]), contact, threading.Event())
    assert contact.facts()["reachable"] is True
    hand = Hand([(0.0, NotSent("gone"))])
    upload_once(hand, contact, hand.stop)
    assert contact.facts()["lastError"] == "gone"


@pytest.fixture
def upload(cloud, tmp_path, monkeypatch) -> Iterator[Upload]:
    """A real one, with one scan to deliver and hardly any waits."""
    monkeypatch.setattr(plan, "SETTLE_S", 0.005)
    monkeypatch.setattr(plan, "RUN_S", 0.005)
    monkeypatch.setattr(plan, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(budget, "HOLD_S", 0.005)
    journal = Journal(tmp_path, "gate-1")
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket("t", "CODE00001", "fest", "standing"))
    moment: Moment = now()
    journal.append(Reading("left", "CODE00001", b"CODE00001", moment), verdict)
    line = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"})
    ledger = Ledger(tmp_path)
    register = Register(tmp_path, ledger, ran_before=False)
    yield Upload(register, ledger, Portier(line), 200)
    register.close()
    ledger.close()
    line.close()
    journal.close()


@pytest.mark.parametrize("fault", ["error_before", "captive_html", "unauthorized", "rate_limited", "offline"])
def test_one_pass_comes_to_an_end_whatever_the_cloud_makes_of_every_upload(upload, cloud, fault):
    parameters = {"retry_after": "none"} if fault == "rate_limited" else {}
    cloud.arm(fault, None, route="POST /api/scans", **parameters)
    stop = threading.Event()
    guard = threading.Timer(3.0, stop.set)
    guard.start()
    assert upload_once(upload, Contact(), stop) is False
    guard.cancel()
    assert not stop.is_set(), "it went on until it was told to stop"


@pytest.mark.parametrize(("fault", "seconds"), [("forbidden", 3.0), ("not_found_html", 3.0)])
def test_one_pass_comes_to_an_end_where_reading_back_is_not_allowed(upload, cloud, fault, seconds):
    cloud.arm("lost_reply", 1, route="POST /api/scans")
    cloud.arm(fault, None, route="GET /api/scans")
    stop = threading.Event()
    guard = threading.Timer(seconds, stop.set)
    guard.start()
    assert upload_once(upload, Contact(), stop) is False
    guard.cancel()
    assert not stop.is_set(), "it went on until it was told to stop"


def test_a_cloud_that_says_what_has_arrived_is_reachable(upload, cloud):
    """Else everything is delivered, and the screen says that the network is down, until the next guest."""
    contact = Contact()
    cloud.arm("lost_reply", 1, route="POST /api/scans")
    assert upload_once(upload, contact, threading.Event()) is True
    assert len(cloud.scans()) == 1
    assert contact.facts()["reachable"] is True
    assert contact.facts()["lastError"] is None


def test_a_step_in_which_nobody_spoke_with_the_cloud_is_no_success(tmp_path, cloud):
    """Here: a report that is to be sent again unseen, while nobody listens."""
    cloud.arm("offline", None)
    contact, line = Contact(), Line(f"{cloud.url}/api", lambda: {"token": "t"})
    with closing(line), closing(Ledger(tmp_path, report=True)) as ledger:
        verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
        with closing(Journal(tmp_path, "gate-1")) as journal:
            scan = journal.append(Reading("left", "NOBODYKNOWS", b"NOBODYKNOWS", now()), verdict)
        ledger.take_in([Entry(scan, Delivery.UNKNOWN, report=True)])
        with closing(Register(tmp_path, ledger, ran_before=True, report=True)) as register:
            reports = Reports(Access(line), lambda: ["fest"])
            upload = Upload(register, ledger, reports, 200, on_unknown="resend", quiet_s=3600.0)
            upload_once(upload, contact, Until(1), REPORTS)
    assert contact.facts() == UNKNOWN


# --- fetching --------------------------------------------------------------------------------------------------------


def once(eyes: Eyes, contact: Contact | None = None) -> list[str]:
    """What one pass looks at."""
    download_once(eyes, eyes, contact or Contact(), threading.Event())
    return eyes.seen


def lasting(eyes: Eyes, contact: Contact | None = None) -> list[str]:
    """What is looked at until the list was so many times."""
    run_download(eyes, eyes, contact or Contact(), eyes.stop)
    return eyes.seen


def test_everything_is_looked_at_once_settings_first():
    contact = Contact()
    assert once(Eyes(), contact) == ["settings", "tickets", "elsewhere"]
    assert contact.facts()["reachable"] is True


@pytest.mark.parametrize("part", ["settings", "tickets", "elsewhere"])
def test_a_part_that_fails_leaves_the_others_alone(part):
    contact = Contact()
    assert once(Eyes({part: NoAnswer(f"no {part}")}), contact) == ["settings", "tickets", "elsewhere"]
    assert contact.facts()["lastError"] == f"no {part}"
    assert contact.facts()["lastSuccess"] is not None


def test_one_pass_looks_at_a_long_list_to_its_end():
    assert once(Eyes(more=3)) == ["settings", "tickets", "tickets", "tickets", "tickets", "elsewhere"]


def test_one_pass_ends_in_the_middle_of_a_long_list_when_it_is_told_to_stop():
    eyes = Eyes(more=1_000_000, rounds=3)
    download_once(eyes, eyes, Contact(), eyes.stop)
    assert eyes.seen == ["settings", "tickets", "tickets", "tickets"]


def test_fetching_looks_at_the_list_at_its_interval_until_it_is_told_to_stop():
    seen = lasting(Eyes(rounds=4, sync=config.Sync(tickets_interval_s=0.001, scans_interval_s=3600.0)))
    assert seen.count("tickets") == 4
    assert seen.count("settings") >= 4  # due a moment before the list: once more, if the stop comes late
    assert seen.count("elsewhere") == 1


def test_the_scans_of_other_doors_have_an_interval_of_their_own():
    seen = lasting(Eyes(rounds=4, sync=config.Sync(tickets_interval_s=0.1, scans_interval_s=0.001)))
    assert seen.count("elsewhere") > seen.count("tickets")


def test_a_list_with_more_to_do_is_looked_at_again_at_once_whatever_the_interval():
    slow = config.Sync(tickets_interval_s=3600.0, scans_interval_s=3600.0)
    assert lasting(Eyes(more=3, rounds=4, sync=slow)) == [
        "settings", "tickets", "elsewhere", "tickets", "tickets", "tickets",
    ]  # fmt: skip


def test_a_long_list_keeps_nothing_else_from_its_turn():
    seen = lasting(Eyes(more=1_000_000, rounds=5, sync=config.Sync(tickets_interval_s=3600.0, scans_interval_s=1e-6)))
    assert seen == ["settings", "tickets", "elsewhere", *["tickets", "elsewhere"] * 4]


def test_an_interval_that_the_cloud_changes_holds_from_the_next_look_on():
    eyes = Eyes(rounds=4, sync=config.Sync(tickets_interval_s=3600.0, scans_interval_s=3600.0))
    eyes.interval_s = lambda: 0.001 if eyes.seen.count("tickets") < 4 else 3600.0
    assert lasting(eyes).count("tickets") == 4


def test_fetching_goes_on_after_a_failure():
    eyes = Eyes({"tickets": NotSent("x"), "settings": Unauthorized("y")}, rounds=3)
    assert lasting(eyes).count("elsewhere") >= 2  # the third time may fall together with the stop


def test_fetching_leaves_the_cloud_alone_for_as_long_as_it_asked():
    eyes = Eyes({"tickets": NotSent("429", wait_s=3600.0)}, rounds=3)
    guard = threading.Timer(0.3, eyes.stop.set)
    guard.start()
    seen = lasting(eyes)
    guard.cancel()
    assert seen.count("tickets") == 1


@dataclass
class Scarce(Eyes):
    """Where the list's budget allows one request now and then, and whoever asks first gets it."""

    every_s: float = 0.02
    got: list[str] = field(default_factory=list)
    free_at_s: float = 0.0

    def _look(self, part: str) -> None:
        left_s = self.free_at_s - time.monotonic()
        if part == "elsewhere" or left_s > 0:
            raise Paced("only so many an hour", wait_s=max(left_s, 0.001))
        self.free_at_s = time.monotonic() + self.every_s
        self.got.append(part)
        if len(self.got) == 20:
            self.stop.set()


def test_where_requests_are_few_settings_and_lists_take_turns():
    eyes = Scarce()
    run_download(eyes, eyes, Contact(), eyes.stop)
    assert eyes.got == ["settings", "tickets"] * 10
