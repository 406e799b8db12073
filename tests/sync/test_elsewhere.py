"""What other doors did is heard of from the cloud, against the sandbox cloud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from kiosk import clock
from kiosk.cloud.portier import ScanPage
from kiosk.dating import Stamp
from kiosk.errors import Misaddressed, NoAnswer
from kiosk.model import ClockQuality, Direction, Listed, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import tickets as store
from kiosk.store.database import to_ms
from kiosk.store.dates import Date
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.sync import elsewhere as elsewhere_room
from kiosk.sync.elsewhere import Elsewhere
from kiosk.words import stamp

EVENT_ID = "62a1c0ffee0000000000e001"
SCANS = "GET /api/scans"
AT = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)


@dataclass
class Watched:
    """The real scans service, but the requests with these numbers come to nothing; `before` is called at each."""

    behind: Any
    fails: set[int] = field(default_factory=set)
    before: Any = lambda _number: None
    asked: list[tuple[int, int]] = field(default_factory=list)

    def page(self, event_id: str, skip: int, top: int) -> ScanPage:
        self.asked.append((skip, top))
        self.before(len(self.asked))
        if len(self.asked) in self.fails:
            raise NoAnswer("the line went dead")
        return self.behind.page(event_id, skip, top)

    def children(self, parent_event_id: str, skip: int, top: int) -> ScanPage:
        found: ScanPage = self.behind.children(parent_event_id, skip, top)
        return found


@pytest.fixture
def others(door) -> Iterator[Elsewhere]:
    """What hears of other doors, of the event that the cloud selects."""
    door.download.look_at_settings()
    listening = door.listen()
    listening.scans = Watched(listening.scans)
    with closing(listening):
        yield listening


@pytest.fixture
def by_tens(monkeypatch) -> None:
    """Ten scans at first, and ten on each page after it."""
    monkeypatch.setattr(elsewhere_room, "FIRST", 10)
    monkeypatch.setattr(elsewhere_room, "PAGE", 10)


def scan(number: int, **fields: object) -> dict[str, object]:
    made = {
        "ticketId": f"t-{number}", "eventId": EVENT_ID, "barcode": f"CODE{number:05}", "ticketTypeId": "standing",
        "type": "checkin", "scanResult": "approved", "time": stamp(AT), "deviceId": "gate-2",
    } | fields  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def scanned(door, *scans: dict[str, object]) -> None:
    door.line.post("/scans", list(scans))


def heard(door) -> dict[str, str | None]:
    query = "SELECT ticket_id, device_id FROM elsewhere WHERE ticket_id IS NOT NULL ORDER BY ticket_id"
    return dict(door.store.database.execute(query))


# --- whose scans -----------------------------------------------------------------------------------------------------


def test_the_approved_scans_of_other_doors_are_kept_and_declined_ones_and_other_events_are_not(door, others):
    scanned(
        door, scan(1), scan(2, deviceId=None), scan(4, scanResult="declined"),
        scan(5, type="checkout"), scan(6, eventId="gala"),
    )  # fmt: skip
    others.look()
    assert heard(door) == {"t-1": "gate-2", "t-2": None, "t-5": "gate-2"}
    (passage,) = store.elsewhere(door.store.database, "t-5")
    assert (passage.direction, passage.at, passage.gate) == (Direction.CHECKOUT, AT, "gate-2")


def test_a_device_that_the_cloud_gives_as_null_is_another_door(door, box, others):
    door.fill(5)
    box.arm("null_device", 1, count=2)
    others.look()
    assert list(heard(door).values()) == [None, None]


def at_this_door(directory, count: int = 3) -> list[dict[str, object]]:
    """Scan at this door; return what sync delivers of it."""
    with closing(Journal(directory, "gate-1")) as journal:
        made = [
            journal.append(
                Reading("left", f"CODE{number:05}", b"", clock.now()),
                Verdict(
                    Direction.CHECKIN, Result.APPROVED, Reason.OK,
                    Ticket(f"t-{number}", f"CODE{number:05}", EVENT_ID, "standing"),
                ),
            )
            for number in range(count)
        ]  # fmt: skip
    return [scan(number, deviceId="gate-1", time=stamp(one.at)) for number, one in enumerate(made)]


def test_what_the_journal_has_is_no_history_of_another_door(door, others):
    scanned(door, *at_this_door(door.directory), scan(9))
    others.look()
    assert heard(door) == {"t-9": "gate-2"}


def test_our_own_scans_are_known_though_the_cloud_lost_which_device_made_them(door, others):
    ours = at_this_door(door.directory)
    scanned(door, *({name: value for name, value in one.items() if name != "deviceId"} for one in ours))
    others.look()
    assert heard(door) == {}


def test_under_our_name_what_the_journal_does_not_have_is_history_all_the_same(door, others):
    """A device that got a new card does not forget what the old one did."""
    (ours, *_), before = at_this_door(door.directory), scan(7, deviceId="gate-1")
    other_ticket = scan(8, deviceId="gate-1", time=ours["time"])
    scanned(door, ours, before, other_ticket)
    others.look()
    assert heard(door) == {"t-7": "gate-1", "t-8": "gate-1"}


def test_a_scan_of_another_door_at_the_very_moment_of_our_own_is_its_own(door, others):
    scanned(door, *(one | {"deviceId": "gate-2"} for one in at_this_door(door.directory)))
    others.look()
    assert set(heard(door)) == {"t-0", "t-1", "t-2"}


def test_our_own_scans_are_known_by_the_times_that_they_went_out_with(door, others):
    """A clock that was not set: the cloud has another time of them than the journal."""
    ours = at_this_door(door.directory)
    with closing(Ledger(door.directory)) as ledger:
        stamps = [Stamp(seq, 0, 0, "boot-1", 0, ClockQuality.GUESSED) for seq in range(1, len(ours) + 1)]
        ledger.dates().write({each: Date(to_ms(AT) + each.seq) for each in stamps})
    moved = [one | {"time": stamp(AT + timedelta(milliseconds=seq))} for seq, one in enumerate(ours, start=1)]
    other_ticket, other_door = moved[0] | {"ticketId": "t-8"}, moved[1] | {"ticketId": "t-1", "deviceId": "gate-9"}
    scanned(door, *moved, other_ticket, other_door)
    others.look()
    assert heard(door) == {"t-8": "gate-1", "t-1": "gate-9"}


def test_without_a_journal_all_scans_are_other_doors(door, others):
    scanned(door, scan(1, deviceId="gate-1"))
    others.look()
    assert heard(door) == {"t-1": "gate-1"}


# --- how much is asked for -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_tens")
def test_the_second_time_one_page_is_enough_whatever_is_new_on_it(door, others):
    scanned(door, *(scan(number) for number in range(35)))
    others.look()
    assert len(heard(door)) == 35
    others.scans.asked.clear()
    others.look()
    assert others.scans.asked == [(0, 10)]
    scanned(door, scan(101), scan(102))
    others.look()
    assert others.scans.asked == [(0, 10), (0, 10)]
    assert len(heard(door)) == 37


def test_no_time_is_asked_for(door, others):
    scanned(door, scan(1))
    others.look()
    (asked,) = [parse_qs(request["query"]) for request in door.box.requests() if request["path"] == "/api/scans"][1:]
    assert (asked["top"], "time" in asked) == (["100"], False)


@pytest.mark.usefixtures("by_tens")
def test_what_a_door_delivers_hours_late_is_heard_of(door, others):
    scanned(door, *(scan(number) for number in range(35)))
    others.look()
    late = stamp(AT - timedelta(hours=9))
    scanned(door, *(scan(number, time=late) for number in range(100, 125)))
    others.look()
    assert len(heard(door)) == 60


@pytest.mark.usefixtures("by_tens")
def test_scans_that_are_sorted_far_down_are_looked_for_until_the_count_is_right(door, others):
    """A service that sorts by the time at the door shows what comes late further down, behind what is known."""
    scanned(door, *(scan(number) for number in range(35)))
    others.look()
    newest = others.scans.behind
    scanned(door, scan(99))

    class Below:
        def page(self, event_id: str, skip: int, top: int) -> ScanPage:
            whole = newest.page(event_id, 0, 1000)
            rows = [*whole.rows[1:], whole.rows[0]][skip : skip + top]
            return ScanPage(rows, len(rows), whole.total)

    others.scans = Watched(Below())
    others.look()
    assert "t-99" in heard(door)
    assert len(others.scans.asked) == 4
    others.look()
    assert len(others.scans.asked) == 5


@pytest.mark.usefixtures("by_tens")
def test_scans_that_can_never_be_had_are_not_looked_for_every_time(door, box, others):
    scanned(door, *(scan(number) for number in range(35)))
    box.arm("bad_row", 4, route=SCANS, index=3)
    others.look()
    assert len(heard(door)) == 31
    others.scans.asked.clear()
    box.arm("bad_row", None, route=SCANS, index=3)
    others.look()
    others.look()
    assert others.scans.asked == [(0, 10), (0, 10)]
    scanned(door, scan(99))
    others.look()
    assert "t-99" in heard(door)


@pytest.mark.usefixtures("by_tens")
def test_there_is_an_end_to_what_is_fetched_at_once(door, others, monkeypatch, caplog):
    monkeypatch.setattr(elsewhere_room, "MOST_PAGES", 3)
    scanned(door, *(scan(number) for number in range(50)))
    others.look()
    assert others.scans.asked == [(0, 10), (10, 10), (20, 10)]
    assert len(heard(door)) == 30
    assert "more scans of other doors than can be fetched at once" in caplog.text


@pytest.mark.usefixtures("by_tens")
def test_a_service_that_never_comes_to_its_end_does_not_keep_us_for_ever(door, others):
    class Endless:
        def page(self, event_id: str, skip: int, top: int) -> ScanPage:
            return replace(behind.page(event_id, 0, top), total=10**9)

    scanned(door, *(scan(number) for number in range(20)))
    behind = others.scans.behind
    others.scans = Watched(Endless())
    others.look()
    assert len(others.scans.asked) <= elsewhere_room.MOST_PAGES


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_tens")
@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_a_look_that_breaks_off_forgets_nothing(door, others, page):
    scanned(door, *(scan(number) for number in range(35)))
    others.scans.fails = {page}
    with pytest.raises(NoAnswer):
        others.look()
    assert len(heard(door)) == 10 * (page - 1)
    others.look()
    assert len(heard(door)) == 35


@pytest.mark.usefixtures("by_tens")
def test_scans_are_heard_of_page_by_page_though_the_list_grows_meanwhile(door, others):
    scanned(door, *(scan(number) for number in range(1, 36)))
    others.scans.before = lambda number: number == 2 and scanned(door, scan(36), scan(37))
    others.look()
    others.look()
    assert len(heard(door)) == 37


@pytest.mark.parametrize("fault", ["bare_scans", "ignore_time_filter", "unknown_fields"])
def test_what_is_strange_but_allowed_in_scans_does_no_harm(door, box, others, fault):
    scanned(door, scan(1), scan(2, time=None))
    box.arm(fault, None, route=SCANS)
    others.look()
    assert set(heard(door)) == {"t-1", "t-2"}


def test_one_event_whose_scans_cannot_be_read_leaves_the_others_alone(door, box, others):
    box.add_event("later", "Matinée")
    door.download.look_at_settings()
    scanned(door, scan(1), scan(2, eventId="later"))
    behind = others.scans

    class Partly:
        def page(self, event_id: str, skip: int, top: int) -> ScanPage:
            if event_id == EVENT_ID:
                raise Misaddressed("404")
            return behind.page(event_id, skip, top)

    others.scans = Partly()
    with pytest.raises(Misaddressed):
        others.look()
    assert set(heard(door)) == {"t-2"}


def test_a_journal_that_comes_later_is_found(door, others):
    scanned(door, scan(5))
    others.look()
    scanned(door, *at_this_door(door.directory))
    others.look()
    assert heard(door) == {"t-5": "gate-2"}


def test_closing_leaves_no_journal_open(door, others):
    def is_open() -> bool:
        links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
        return any(str(link.resolve()).startswith(str(door.directory / "journal.db")) for link in links)

    scanned(door, *at_this_door(door.directory))
    others.look()
    assert is_open()
    others.close()
    assert not is_open()


# --- one ticket, several names ---------------------------------------------------------------------------------------


def test_scans_of_a_childs_tickets_are_heard_of_where_its_parent_is_selected(door, others):
    child = Ticket("t-1", "CODE00001", "child", "standing", parent_event_id=EVENT_ID)
    scanned(door, scan(1, eventId="child", parentEventId=EVENT_ID))
    others.look()
    assert store.elsewhere(door.store.database, "t-1") == []
    door.store.store([Listed(child)], door.store.list_of(EVENT_ID))
    for _ in range(2):
        others.look()
        assert [passage.gate for passage in store.elsewhere(door.store.database, "t-1")] == ["gate-2"]
    door.store.purge([door.store.list_of(EVENT_ID)])
    assert store.elsewhere(door.store.database, "t-1") == []


def test_a_scan_that_another_door_delivered_twice_happened_once(door, others):
    scanned(door, scan(1), scan(1))
    others.look()
    assert len(store.elsewhere(door.store.database, "t-1")) == 1


def test_a_late_scan_is_not_taken_for_one_of_those_that_the_cloud_removed(door, others, by_tens):
    scanned(door, *(scan(number) for number in range(1, 41)))
    others.look()
    door.store.database.execute("DELETE FROM elsewhere WHERE ticket_id = 't-1'")
    lacking = f"scans of {EVENT_ID} that cannot be had"
    door.store.store_setting(lacking, 5)  # as though five had been lacking when it last looked
    others.look()
    assert store.setting(door.store.database, lacking) == 1
