"""Sync's two hands: when they act, when they rest, when they stop, and what people are told of the cloud."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from kiosk import config, plan
from kiosk.clock import now
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, Rejected, Unauthorized
from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.sync.run import Contact, download_once, run_download, run_upload, upload_once
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

    def step(self) -> float | None:
        self.steps += 1
        if len(self.script) == 1:
            self.stop.set()
        wait_s, self.problem = self.script.pop(0)
        return wait_s

    def hurry(self) -> None:
        self.hurried.append(self.steps)


@dataclass
class Eyes:
    """Stands in for a Download: notes what is looked at, and raises what it is told to."""

    problems: dict[str, CloudError] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    rounds: int = 1

    def _look(self, part: str) -> None:
        self.seen.append(part)
        if part == "tickets" and self.seen.count(part) == self.rounds:
            self.stop.set()
        if part in self.problems:
            raise self.problems[part]

    def look_at_settings(self) -> None:
        self._look("settings")

    def look_at_tickets(self) -> None:
        self._look("tickets")

    def look_elsewhere(self) -> None:
        self._look("elsewhere")


# --- contact ---------------------------------------------------------------------------------------------------------


def test_a_cloud_that_nobody_has_spoken_to_is_not_reachable():
    assert Contact().facts() == {"reachable": False, "lastSuccess": None, "lastError": None}


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
    assert contact.facts() == {"reachable": True, "lastSuccess": None, "lastError": "the cloud answers 401"}


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
    assert contact.came_back.is_set() is back


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
    monkeypatch.setattr(plan, "FIRST_WAIT_S", 0.001)
    journal = Journal(tmp_path, "gate-1")
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket("t", "CODE00001", "fest", "standing"))
    moment: Moment = now()
    journal.append(Reading("left", "CODE00001", b"CODE00001", moment), verdict)
    line = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"})
    ledger = Ledger(tmp_path)
    yield Upload(tmp_path, ledger, Portier(line), 200)
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


# --- fetching --------------------------------------------------------------------------------------------------------


def test_everything_is_looked_at_once_settings_first():
    eyes, contact = Eyes(), Contact()
    download_once(eyes, contact)
    assert eyes.seen == ["settings", "tickets", "elsewhere"]
    assert contact.facts()["reachable"] is True


@pytest.mark.parametrize("part", ["settings", "tickets", "elsewhere"])
def test_a_part_that_fails_leaves_the_others_alone(part):
    eyes, contact = Eyes({part: NoAnswer(f"no {part}")}), Contact()
    download_once(eyes, contact)
    assert eyes.seen == ["settings", "tickets", "elsewhere"]
    assert contact.facts()["lastError"] == f"no {part}"
    assert contact.facts()["lastSuccess"] is not None


def test_fetching_looks_at_the_list_at_its_interval_until_it_is_told_to_stop():
    eyes = Eyes(rounds=4)
    run_download(eyes, Contact(), config.Sync(tickets_interval_s=0.001, scans_interval_s=3600.0), eyes.stop)
    assert eyes.seen.count("tickets") == eyes.seen.count("settings") == 4
    assert eyes.seen.count("elsewhere") == 1


def test_the_scans_of_other_doors_have_an_interval_of_their_own():
    eyes = Eyes(rounds=4)
    run_download(eyes, Contact(), config.Sync(tickets_interval_s=0.02, scans_interval_s=0.001), eyes.stop)
    assert eyes.seen.count("elsewhere") > eyes.seen.count("tickets")


def test_fetching_goes_on_after_a_failure():
    eyes = Eyes({"tickets": NotSent("x"), "settings": Unauthorized("y")}, rounds=3)
    run_download(eyes, Contact(), config.Sync(tickets_interval_s=0.001, scans_interval_s=0.001), eyes.stop)
    assert eyes.seen.count("elsewhere") == 3


def test_fetching_leaves_the_cloud_alone_for_as_long_as_it_asked():
    eyes = Eyes({"tickets": NotSent("429", wait_s=3600.0)}, rounds=3)
    guard = threading.Timer(0.3, eyes.stop.set)
    guard.start()
    run_download(eyes, Contact(), config.Sync(tickets_interval_s=0.001, scans_interval_s=0.001), eyes.stop)
    guard.cancel()
    assert eyes.seen.count("tickets") == 1
