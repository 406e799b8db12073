"""What the gate wants is looked up: which codes, where, how often, and what is stored of the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from kiosk import clock, config
from kiosk.cloud.access import Access
from kiosk.cloud.line import Line
from kiosk.errors import CloudError, NoAnswer, NotSent, Unauthorized
from kiosk.model import Listed, Moment
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.tickets import ListState
from kiosk.sync import lookup, run
from kiosk.sync.lookup import LookUps
from kiosk.sync.run import Contact, run_download, run_lookups

EVENT, SECOND, THIRD, FOURTH = "62a1c0ffee0000000000e001", "e-2", "e-3", "e-4"
CODE = "JUSTBOUGHT01"
ONE = "/api/accessusers/tickets/"


@dataclass
class Interrupted:
    """The real access-control API, but all questions after the first ones come to nothing while there is an error."""

    behind: Access
    error: CloudError | None = None
    first: int = 0
    asked: list[str] = field(default_factory=list)

    def ticket(self, barcode: str, event_id: str | None) -> Listed | None:
        self.asked.append(barcode)
        if self.error is not None and len(self.asked) > self.first:
            raise self.error
        return self.behind.ticket(barcode, event_id)


class Door:
    """A journal in which the gate wants codes, and the look-ups that watch it, against the sandbox cloud."""

    def __init__(self, directory, box) -> None:
        self.directory, self.box, self.events = directory, box, [EVENT]
        self.woken: list[float] = []
        self.line = Line(f"{box.url}/api", lambda: {"token": "t"})
        self.access = Interrupted(Access(self.line))
        self.store, self.journal = Cache(directory), Journal(directory, "gate-1")
        self.begin()

    def begin(self) -> LookUps:
        """Start looking up, as after a restart."""
        self.lookups = LookUps(
            self.store, self.access, self.directory, lambda: self.events, lambda: self.woken.append(time.monotonic())
        )
        return self.lookups

    def want(self, *codes: str, age_s: float = 0.0, boot: str | None = None) -> None:
        now = clock.now()
        for code in codes:
            at = Moment(now.at, clock.boottime_ns() - int(age_s * 1e9), boot or now.boot_id)
            self.journal.want(code, at)

    def requests(self) -> list[tuple[str, str | None]]:
        """The codes that the cloud was asked for one by one, each with its event."""
        return [
            (request["path"].removeprefix(ONE), parse_qs(request["query"]).get("eventId", [None])[0])
            for request in self.box.requests()
        ]

    def here(self, code: str = CODE) -> list[tuple[str, str]]:
        """The tickets with this code, each with the event whose list it is on."""
        query = "SELECT ticket.id, list.event_id FROM ticket JOIN list ON no = list_no WHERE barcode = ?"
        return self.store.database.execute(query, (code,)).fetchall()

    def answered(self, code: str = CODE) -> bool:
        return tickets.has_word(self.store.database, code, clock.now())

    def close(self) -> None:
        self.lookups.close()
        self.journal.close()
        self.store.close()
        self.line.close()


@pytest.fixture
def door(tmp_path, cloud, monkeypatch) -> Iterator[Door]:
    """Without a pace, unless a test wants one."""
    monkeypatch.setattr(lookup, "PACE_S", 0.0)
    with closing(Door(tmp_path, cloud)) as opened:
        yield opened


def sell(cloud, code: str = CODE, event_id: str = EVENT, **more: Any) -> None:
    cloud.add_tickets([{"_id": f"id-{code}", "barcode": code, "eventId": event_id, **more}])


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_a_ticket_of_the_selected_event_is_on_its_list_after_one_question(door, cloud):
    sell(cloud)
    door.want(CODE)
    assert door.lookups.look()
    assert door.requests() == [(CODE, EVENT)]
    assert (door.here(), door.answered()) == ([(f"id-{CODE}", EVENT)], True)


def test_each_selected_event_is_asked_in_turn_up_to_three_and_then_any(door, cloud):
    door.events = [EVENT, SECOND, THIRD, FOURTH]
    sell(cloud, event_id=FOURTH)
    door.want(CODE)
    door.lookups.look()
    assert door.requests() == [(CODE, EVENT), (CODE, SECOND), (CODE, THIRD), (CODE, None)]
    assert door.here() == [(f"id-{CODE}", FOURTH)]


def test_no_other_event_is_asked_once_the_ticket_is_found(door, cloud):
    door.events = [EVENT, SECOND, THIRD]
    sell(cloud, event_id=SECOND)
    door.want(CODE)
    door.lookups.look()
    assert door.requests() == [(CODE, EVENT), (CODE, SECOND)]
    assert door.here() == [(f"id-{CODE}", SECOND)]


def test_a_ticket_of_another_event_is_kept_on_that_events_list_and_makes_none_complete(door, cloud):
    door.store.store((), ListState(EVENT, "cloud", complete=True))
    sell(cloud, event_id=SECOND)
    door.want(CODE)
    door.lookups.look()
    assert door.here() == [(f"id-{CODE}", SECOND)]
    assert {event: state.complete for event, state in tickets.lists(door.store.database).items()} == {
        EVENT: True, SECOND: False,
    }  # fmt: skip


def test_a_ticket_of_a_selected_events_child_is_on_the_list_of_the_selected_one(door, cloud):
    sell(cloud, event_id="matinee", parentEventId=EVENT)
    door.want(CODE)
    door.lookups.look()
    assert door.here() == [(f"id-{CODE}", EVENT)]


def test_that_there_is_no_such_ticket_is_kept_in_mind(door):
    door.want(CODE)
    assert door.lookups.look()
    assert (door.here(), door.answered()) == ([], True)


def test_what_the_list_says_of_itself_is_left_as_it_was(door, cloud):
    state = replace(door.store.list_of(EVENT), complete=True, watermark="2030-01-01T00:00:00.000Z", checked=clock.now())
    door.store.store_state(state)
    known = tickets.lists(door.store.database)
    sell(cloud)
    door.want(CODE, "NOSUCHCODE")
    assert door.lookups.look()
    assert door.lookups.look()
    assert tickets.lists(door.store.database) == known


def test_a_closed_gate_asks_nothing(door):
    door.events = []
    door.want(CODE)
    assert not door.lookups.look()
    assert door.requests() == []


HOSTILE = [
    "1234567", "x" * 129, "", "../../me/", "a/b/c/d/e", "back\\slash", "..\\..\\me", ".........", "TICKET\r\nX: y",
    "TICKET\x00\x00", "TICKET\u202e01",
]  # fmt: skip


def test_what_can_be_no_barcode_never_reaches_the_network(door):
    for code in HOSTILE:
        door.want(code)
        assert not door.lookups.look()
    assert door.requests() == []


@pytest.mark.parametrize("code", ["a?b=c&d#e", "100%25%2F%00", "..%2F..%2Fme", "Zoë 李 €€", "v2.....e1", "x" * 128])
def test_any_other_code_is_only_ever_a_name_in_its_place(door, cloud, code):
    sell(cloud, code)
    door.want(code)
    door.lookups.look()
    assert len(door.requests()) == 1
    assert door.here(code) == [(f"id-{code}", EVENT)]


# --- which codes, and how often --------------------------------------------------------------------------------------


def test_nothing_wanted_is_nothing_asked(door):
    for _ in range(5):
        assert not door.lookups.look()
    assert door.requests() == []


def test_what_was_wanted_before_the_start_is_not_asked_for(door):
    door.want("BEFORE0001")
    door.begin()
    door.want("AFTER00001")
    while door.lookups.look():
        continue
    assert {code for code, _ in door.requests()} == {"AFTER00001"}


def test_what_was_wanted_too_long_ago_or_in_another_boot_is_not_asked_for(door):
    door.lookups._since_ns = 0
    door.want("TOOOLD0001", age_s=5.1)
    door.want("OTHERBOOT1", boot="another")
    door.want("FRESH00001", age_s=4.5)
    while door.lookups.look():
        continue
    assert {code for code, _ in door.requests()} == {"FRESH00001"}


def test_the_newest_code_comes_first_and_none_is_asked_for_twice(door):
    door.want("FIRST00001", "SECOND0001", "THIRD00001")
    assert door.lookups.look()
    door.want("FOURTH0001")
    while door.lookups.look():
        continue
    assert list(dict.fromkeys(code for code, _ in door.requests())) == [
        "THIRD00001", "FOURTH0001", "SECOND0001", "FIRST00001",
    ]  # fmt: skip
    assert len(door.requests()) == 8


def test_one_code_a_second_at_most_reaches_the_network(door, monkeypatch):
    monkeypatch.setattr(lookup, "PACE_S", 0.3)
    began, asked = time.monotonic(), 0
    while time.monotonic() - began < 1.0:
        door.want(f"WAVED-{asked:04}-{time.monotonic_ns()}")
        asked += door.lookups.look()
        time.sleep(0.01)
    assert 2 <= asked <= 4
    assert len(door.requests()) == 2 * asked


def test_a_code_that_was_answered_is_not_asked_for_again_for_some_seconds_even_after_a_restart(door, monkeypatch):
    door.want(CODE)
    assert door.lookups.look()
    door.begin()
    door.want(CODE)
    assert not door.lookups.look()
    monkeypatch.setattr(tickets, "WORD_HOLDS_S", 0.0)
    door.want(CODE)
    assert door.lookups.look()


def test_before_a_gate_ever_ran_there_is_nothing_to_look_up(tmp_path, door, cloud):
    empty = tmp_path / "empty"
    empty.mkdir()
    lookups = replace(door.lookups, directory=empty, _journal=None)
    assert not lookups.look()
    with closing(Journal(empty, "gate-1")) as journal:
        journal.want(CODE, clock.now())
        assert lookups.look()
    lookups.close()


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["offline", "error_before", "captive_html", "cut_json", "unauthorized", "wrong_type"])
def test_whatever_is_not_an_answer_stores_nothing(door, cloud, fault):
    sell(cloud, event_id=SECOND)
    door.events = [EVENT, SECOND]
    cloud.arm(fault, 1, route=f"GET {ONE}")
    door.want(CODE)
    with pytest.raises(CloudError):
        door.lookups.look()
    assert (door.here(), door.answered(), door.woken) == ([], False, [])
    door.want(CODE)
    assert door.lookups.look()  # it may be asked for again
    assert door.answered()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_an_error_at_any_of_the_questions_stores_nothing(door, first):
    door.events = [EVENT, SECOND]
    door.access.error, door.access.first = NoAnswer("silence"), first
    door.want(CODE)
    with pytest.raises(NoAnswer):
        door.lookups.look()
    assert len(door.requests()) == first
    assert not door.answered()


def test_a_ticket_that_has_another_code_is_not_the_one(door, cloud):
    cloud.arm("answer_other", 2, route=f"GET {ONE}", answer={
        "_id": "t", "barcode": CODE.lower(), "eventId": EVENT, "ticketTypeId": "type",
    })  # fmt: skip
    door.want(CODE)
    assert door.lookups.look()
    assert (door.here(), door.here(CODE.lower()), door.answered()) == ([], [], True)


# --- the increment after it ------------------------------------------------------------------------------------------


def test_an_increment_follows_but_not_more_often_than_every_few_seconds(door, monkeypatch):
    for number in range(5):
        door.want(f"WAVED00{number}")
        assert door.lookups.look()
    assert len(door.woken) == 1
    monkeypatch.setattr(lookup, "INCREMENT_EVERY_S", 0.0)
    door.lookups._increment_at_s = 0.0
    door.want("WAVED005")
    door.lookups.look()
    assert len(door.woken) == 2


@dataclass
class Eyes:
    """Stands in for a Download and for the eye on other doors: notes what is looked at, and when."""

    sync: config.Sync
    problem: CloudError | None = None
    seen: list[str] = field(default_factory=list)

    def look_at_settings(self) -> None:
        self.seen.append("settings")

    def look_at_tickets(self) -> None:
        self.seen.append("tickets")
        if self.problem is not None:
            raise self.problem

    def look(self) -> None:
        self.seen.append("others")

    def interval_s(self) -> float:
        return self.sync.tickets_interval_s


def fetched(eyes: Eyes, wakings: int) -> list[str]:
    """What is looked at after the first round, when somebody wakes the fetching hand so often."""
    stop, wake = threading.Event(), threading.Event()
    hand = threading.Thread(target=run_download, args=(eyes, eyes, Contact(), stop, wake))
    hand.start()
    for _ in range(wakings):
        time.sleep(0.1)
        wake.set()
    time.sleep(0.1)
    stop.set()
    hand.join(5)
    assert not hand.is_alive()
    return eyes.seen[3:]


SLOW = config.Sync(tickets_interval_s=3600.0, scans_interval_s=3600.0)


def test_whoever_fetches_is_woken_for_the_list_alone():
    assert fetched(Eyes(SLOW), 2) == ["tickets", "tickets"]


def test_whoever_fetches_is_not_woken_while_the_cloud_wants_to_be_left_alone():
    assert fetched(Eyes(SLOW, NotSent("429", wait_s=3600.0)), 2) == []
    assert fetched(Eyes(SLOW, Unauthorized("401")), 2) == ["tickets", "tickets"]


# --- on its thread ---------------------------------------------------------------------------------------------------


@pytest.fixture
def running(door, monkeypatch):
    """Look-ups on a thread of their own, which opened everything that it uses."""
    monkeypatch.setattr(run, "QUIET_S", 0.3)
    stop, contact, ready = threading.Event(), Contact(), threading.Event()
    contact.went_well("tickets")
    access = Interrupted(Access(door.line))

    def work() -> None:
        with closing(Cache(door.directory)) as store:
            lookups = LookUps(store, access, door.directory, lambda: [EVENT], lambda: None)
            ready.set()
            with closing(lookups):
                run_lookups(lookups, contact, stop)

    hand = threading.Thread(target=work)
    hand.start()
    assert ready.wait(5)
    yield contact, access
    stop.set()
    hand.join(5)
    assert not hand.is_alive()


def test_what_is_wanted_is_here_within_moments(door, cloud, running, eventually):
    sell(cloud)
    began = time.monotonic()
    door.want(CODE)
    eventually("it is here", door.here)
    assert time.monotonic() - began < 0.5


def test_a_failure_is_told_as_one_of_looking_up_and_is_no_news_after_a_while(door, running, eventually):
    contact, access = running
    access.error = NoAnswer("silence")
    door.want(CODE)
    eventually("it is told", lambda: contact.facts()["lastError"] == "silence")
    assert list(contact.problems) == ["tickets", "look-ups"]
    assert contact.facts()["reachable"] is False
    door.want("MEANWHILE01")
    eventually("it is forgotten", lambda: contact.facts()["reachable"])
    access.error = None
    door.want("AFTERWARDS1")
    eventually("it is asked for", lambda: door.answered("AFTERWARDS1"))
    assert access.asked[0] == CODE
    assert contact.problems["look-ups"] is None


def test_nothing_is_looked_up_for_as_long_as_the_cloud_asked_to_be_left_alone(door, running, eventually):
    contact, access = running
    access.error = NotSent("the cloud asks us to slow down (429)", wait_s=2.0)
    door.want(CODE)
    eventually("it is told", lambda: not contact.facts()["reachable"])
    access.error = None
    door.want("MEANWHILE01")
    time.sleep(0.6)
    assert access.asked == [CODE]
