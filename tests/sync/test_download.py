"""The list's journey from the cloud to the door, against the sandbox cloud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from kiosk import config
from kiosk.cloud import access as access_room
from kiosk.cloud.access import Access, TicketPage
from kiosk.cloud.answers import ScanRow, scan_rows
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import CloudError, Misaddressed, NoAnswer
from kiosk.model import Direction
from kiosk.sandbox import Sandbox, generate_tickets
from kiosk.store import tickets as store
from kiosk.store.tickets import DEVICE_SETTINGS, Tickets
from kiosk.sync.download import Download

EVENT_ID = "62a1c0ffee0000000000e001"
MANY = 3456
LIST = "GET /api/accessusers/tickets/v2/"
ME = "GET /api/accessusers/me"


@dataclass
class Interrupted:
    """The real access-control API, but the requests for tickets with these numbers come to nothing."""

    behind: Access
    fails: set[int]
    error: BaseException = field(default_factory=lambda: NoAnswer("the line went dead"))
    asked: int = 0

    def __post_init__(self) -> None:
        self.settings, self.events = self.behind.settings, self.behind.events

    def tickets(self, event_id: str, **page: Any) -> TicketPage:
        self.asked += 1
        if self.asked in self.fails:
            raise self.error
        return self.behind.tickets(event_id, **page)


@dataclass
class Counted:
    """The real scans service; counts the rows that are taken from it."""

    behind: Portier
    taken: int = 0
    fail_after: int | None = None

    def stored(self, event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]:
        for number, row in enumerate(self.behind.stored(event_id, since, until)):
            if number == self.fail_after:
                raise NoAnswer("the line went dead")
            self.taken += 1
            yield row


class Door:
    """A download with its store, which can be begun anew as after a kill."""

    def __init__(self, directory: Path, box: Sandbox) -> None:
        self.directory, self.box = directory, box
        self.line = Line(f"{box.url}/api", lambda: {"token": "t", "Authorization": "Bearer k"})
        self.scans = Counted(Portier(self.line))
        self.gate = config.Gate()
        self.restart()

    def restart(self, fails: set[int] | None = None, error: BaseException | None = None) -> Download:
        if hasattr(self, "store"):
            self.store.close()
        self.store = Tickets(self.directory)
        self.access = Interrupted(Access(self.line), fails or set(), error or NoAnswer("the line went dead"))
        self.download = Download(self.store, self.access, self.scans, self.gate, "gate-1")
        return self.download

    def held(self) -> dict[str, str]:
        """The codes that the door knows, by their tickets."""
        return dict(self.store.database.execute("SELECT id, barcode FROM ticket"))

    def state(self, event_id: str = EVENT_ID) -> store.ListState:
        return store.lists(self.store.database)[event_id]

    def asked(self) -> list[dict[str, str]]:
        """What the requests for tickets asked for, oldest first."""
        return [
            {name: values[-1] for name, values in parse_qs(request["query"]).items()}
            for request in self.box.requests()
            if "/tickets/v2/" in request["path"]
        ]

    def look(self) -> None:
        self.download.look_at_settings()
        self.download.look_at_tickets()

    def close(self) -> None:
        self.store.close()
        self.line.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A cloud that can be filled before its event is known here; its clock is three years behind the kiosk's."""
    with Sandbox(clock_offset_s=-3 * 365 * 86_400.0) as made:
        made.add_event(EVENT_ID, "Summer Night")
        yield made


@pytest.fixture
def door(tmp_path, box) -> Iterator[Door]:
    made = Door(tmp_path, box)
    yield made
    made.close()


def fill(box: Sandbox, count: int, age: timedelta = timedelta(days=30)) -> dict[str, str]:
    """Give the cloud tickets that have not changed for a while; return their codes by their ids."""
    at = stamp(box, -age)
    rows = [row | {"updatedAt": at, "createdAt": at} for row in generate_tickets(count, EVENT_ID)]
    box.add_tickets(rows)
    return {row["_id"]: row["barcode"] for row in rows}


def stamp(box: Sandbox, distance: timedelta = timedelta(0)) -> str:
    """A moment by the cloud's clock, as the cloud writes it."""
    at = datetime.now(UTC) + timedelta(seconds=box.clock_offset_s) + distance
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- the whole list --------------------------------------------------------------------------------------------------


def test_3456_tickets_arrive_whole_in_at_most_eight_requests(door, box):
    expected = fill(box, MANY)
    door.look()
    assert door.held() == expected
    assert len(door.asked()) <= 8
    assert door.state().complete
    assert door.state().age_s is not None


def test_a_list_that_was_looked_at_in_vain_is_not_complete(door, box):
    fill(box, 10)
    door.download.look_at_settings()
    box.arm("error_before", None, route=LIST)
    with pytest.raises(CloudError):
        door.download.look_at_tickets()
    assert store.lists(door.store.database).get(EVENT_ID) is None


@pytest.mark.parametrize("page", [2, 3, 4])
@pytest.mark.parametrize("killed", [False, True])
def test_a_download_goes_on_where_it_broke_off_and_never_starts_over(door, box, page, killed):
    expected = fill(box, MANY)
    door.restart({page}, KeyboardInterrupt() if killed else None)
    with pytest.raises(KeyboardInterrupt if killed else NoAnswer):
        door.look()
    assert len(door.held()) == 1000 * (page - 1)
    assert not door.state().complete
    if killed:
        door.restart()
    door.look()
    assert door.held() == expected
    assert door.state().complete
    skips = [int(query["skip"]) for query in door.asked() if "from" not in query]
    assert [skip for skip in skips if skip] == [1000, 2000, 3000]


def test_the_list_counts_as_incomplete_until_its_last_page_is_here(door, box, monkeypatch):
    monkeypatch.setattr(access_room, "PAGE", 10)
    fill(box, 35)
    complete: list[bool] = []
    ask = door.access.tickets

    def watched(event_id: str, **page: Any) -> TicketPage:
        known = store.lists(door.store.database).get(event_id)
        complete.append(known is not None and known.complete)
        return ask(event_id, **page)

    door.access.tickets = watched
    door.look()
    assert complete[:4] == [False] * 4
    assert door.state().complete


def test_every_event_gets_its_list_and_one_that_fails_leaves_the_others_alone(door, box):
    expected = fill(box, 20)
    box.add_event("broken", "Gala")
    box.add_event("later", "Matinée")
    box.add_tickets([{"_id": "m", "barcode": "MATINEE1", "eventId": "later"}])
    box.arm("error_before", None, route=f"{LIST}broken")
    with pytest.raises(NoAnswer):
        door.look()
    assert door.held() == expected | {"m": "MATINEE1"}
    assert door.state().complete
    assert door.state("later").complete
    assert "broken" not in store.lists(door.store.database)


def test_rows_that_nobody_can_read_are_counted_and_cost_no_other(door, box, monkeypatch):
    monkeypatch.setattr(access_room, "PAGE", 10)
    expected = fill(box, 35)
    box.arm("bad_row", 3, index=2)
    door.look()
    assert door.state().unreadable == 3
    assert len(door.held()) == 32
    assert door.held().items() <= expected.items()


@pytest.mark.parametrize(
    "text",
    [
        {"name": "Ada \ud83d"},
        {"expiresAt": "9999-12-31T23:59:59-01:00"},
        {"slotStartTime": "0001-01-01T00:00:00+01:00"},
        {"entry": ["north \ud83d"]},
        {"updatedAt": "\ud83d"},
    ],
)
def test_one_strange_field_never_keeps_a_list_from_arriving(door, box, text):
    """The sandbox cannot send half an emoji: the field is put into its answer."""
    expected = fill(box, 10)
    ask = door.access.tickets

    def bent(event_id: str, **page: Any) -> TicketPage:
        answer = ask(event_id, **page)
        return TicketPage([answer.rows[0] | text, *answer.rows[1:]], answer.total, answer.date)

    door.access.tickets = bent
    door.look()
    assert len(door.held()) >= len(expected) - 1
    assert door.state().complete


@pytest.mark.parametrize("fault", ["no_status", "unknown_status", "unknown_fields", "same_barcode", "moving_total"])
def test_what_is_strange_but_allowed_in_a_list_does_no_harm(door, box, monkeypatch, fault):
    monkeypatch.setattr(access_room, "PAGE", 10)
    expected = fill(box, 35)
    box.arm(fault, None, route=LIST)
    door.look()
    assert expected.items() <= door.held().items()
    assert door.state().complete


# --- lists that are short, or move -----------------------------------------------------------------------------------


def look_a_few_times(door: Door) -> None:
    for _ in range(5):
        door.look()


@pytest.mark.parametrize("fault", ["empty_list", "half_list"])
def test_a_list_that_is_suddenly_short_empties_no_good_one(door, box, fault):
    expected = fill(box, 100)
    door.look()
    box.arm(fault, None)
    look_a_few_times(door)
    assert door.held() == expected


# --- what has changed since ------------------------------------------------------------------------------------------


def test_after_the_first_list_only_what_has_changed_is_asked_for(door, box):
    expected = fill(box, MANY)
    door.look()
    before = len(door.asked())
    box.add_tickets([{"_id": "new", "barcode": "NEW00001", "eventId": EVENT_ID}])
    first = next(iter(expected))
    box.add_tickets([{"_id": first, "barcode": "REISSUED1"}])
    door.look()
    assert door.held() == expected | {"new": "NEW00001", first: "REISSUED1"}
    assert "from" in door.asked()[before]
    assert len(door.asked()) - before <= 2


def test_each_look_reaches_back_behind_the_last_one_by_the_clouds_own_clock(door, box):
    fill(box, 10)
    door.look()
    looked = datetime.now(UTC) + timedelta(seconds=box.clock_offset_s)
    watermark = datetime.fromisoformat(door.state().watermark)
    assert timedelta(minutes=1) < looked - watermark < timedelta(minutes=5)
    door.look()
    asked = [query["from"] for query in door.asked() if "from" in query]
    assert datetime.fromisoformat(asked[0]) == watermark


def test_a_ticket_that_was_stored_late_under_an_earlier_time_is_not_missed(door, box):
    fill(box, 10)
    door.look()
    box.add_tickets(
        [{"_id": "late", "barcode": "LATE0001", "eventId": EVENT_ID, "updatedAt": stamp(box, -timedelta(seconds=90))}]
    )
    door.look()
    assert door.held()["late"] == "LATE0001"


@pytest.mark.parametrize("offset_s", [-20 * 365 * 86_400.0, 0.0, 3 * 365 * 86_400.0])
def test_the_kiosks_clock_plays_no_part_however_far_it_is_off(door, box, offset_s):
    box.clock_offset_s = offset_s
    expected = fill(box, 10)
    door.look()
    for number in range(3):
        box.add_tickets([{"_id": f"new-{number}", "barcode": f"NEW0000{number}", "eventId": EVENT_ID}])
        door.look()
        expected[f"new-{number}"] = f"NEW0000{number}"
        assert door.held() == expected


def test_an_increment_that_fails_leaves_the_list_complete_and_is_made_up_for(door, box):
    expected = fill(box, 10)
    door.look()
    watermark, checked = door.state().watermark, door.state().checked
    box.add_tickets([{"_id": "new", "barcode": "NEW00001", "eventId": EVENT_ID}])
    box.arm("error_before", 1, route=LIST)
    with pytest.raises(NoAnswer):
        door.look()
    assert door.state().complete
    assert (door.state().watermark, door.state().checked) == (watermark, checked)
    door.look()
    assert door.held() == expected | {"new": "NEW00001"}


def test_an_increment_of_several_pages_that_breaks_off_is_not_forgotten_when_the_next_one_begins(
    door, box, monkeypatch
):
    monkeypatch.setattr(access_room, "PAGE", 10)
    expected = fill(box, 10)
    door.look()
    fresh = {f"new-{number:02}": f"NEW000{number:02}" for number in range(35)}
    at = stamp(box, -timedelta(seconds=30))
    box.add_tickets(
        [{"_id": key, "barcode": code, "eventId": EVENT_ID, "updatedAt": at} for key, code in fresh.items()]
    )
    door.restart({2})
    with pytest.raises(NoAnswer):
        door.look()
    door.restart()
    look_a_few_times(door)
    assert door.held() == expected | fresh


def test_a_ticket_that_got_a_new_code_is_known_by_the_old_one_as_reissued(door, box):
    expected = fill(box, 10)
    door.look()
    ticket_id, old = next(iter(expected.items()))
    box.add_tickets([{"_id": ticket_id, "barcode": "REISSUED1"}])
    door.look()
    found = store.by_former_code(door.store.database, old)
    assert found is not None
    assert (found.id, found.barcode) == (ticket_id, "REISSUED1")


def test_a_list_that_never_changes_is_as_fresh_as_the_last_look(door, box):
    fill(box, 10)
    door.look()
    first = door.state().checked
    door.look()
    assert door.state().checked.boottime_ns > first.boottime_ns


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        [], "login", {"_id": "me", "deviceSettings": {"scanConfig": {"events": [{"eventId": 5}]}}},
        {"ok": True}, {}, {"message": "please log in"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_keep_the_last_good_ones(door, box, answer):
    fill(box, 10)
    door.look()
    good = store.setting(door.store.database, DEVICE_SETTINGS)
    box.arm("answer_other", None, route=ME, answer=answer)
    with pytest.raises(NoAnswer):
        door.download.look_at_settings()
    assert store.setting(door.store.database, DEVICE_SETTINGS) == good
    assert door.download.events() == [EVENT_ID]


def test_settings_are_kept_when_only_the_names_of_the_events_cannot_be_had(door, box):
    box.arm("error_before", 1, route="GET /api/accessusers/events")
    with pytest.raises(NoAnswer):
        door.download.look_at_settings()
    assert door.download.events() == [EVENT_ID]
    door.download.look_at_settings()
    assert store.event_names(door.store.database) == {EVENT_ID: "Summer Night"}


def test_without_settings_the_file_says_which_events(tmp_path, door, box):
    box.add_tickets([{"_id": "m", "barcode": "MATINEE1", "eventId": "later"}])
    door.gate = config.Gate(events=("later",), settings_from_cloud=False)
    door.restart()
    door.look()
    assert door.held() == {"m": "MATINEE1"}


def test_without_any_event_there_is_nothing_to_ask_for(door):
    door.download.look_at_tickets()
    door.download.look_elsewhere()
    assert door.asked() == []


# --- the scans of other doors ----------------------------------------------------------------------------------------

AT = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)


def scan(number: int, **fields: object) -> dict[str, object]:
    made = {
        "ticketId": f"t-{number}", "eventId": EVENT_ID, "barcode": f"CODE{number:05}", "ticketTypeId": "standing",
        "type": "checkin", "scanResult": "approved", "time": "2030-01-23T23:00:00.123Z", "deviceId": "gate-2",
    } | fields  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def heard(door: Door) -> dict[str, str | None]:
    return dict(door.store.database.execute("SELECT ticket_id, device_id FROM elsewhere ORDER BY ticket_id"))


def scanned(door: Door, *scans: dict[str, object]) -> None:
    door.line.post("/scans", list(scans))


def test_the_approved_scans_of_other_doors_are_kept_and_our_own_and_declined_ones_are_not(door):
    door.download.look_at_settings()
    scanned(
        door, scan(1), scan(2, deviceId=None), scan(3, deviceId="gate-1"), scan(4, scanResult="declined"),
        scan(5, type="checkout"), scan(6, eventId="gala"),
    )  # fmt: skip
    door.download.look_elsewhere()
    assert heard(door) == {"t-1": "gate-2", "t-2": None, "t-5": "gate-2"}
    (passage,) = store.elsewhere(door.store.database, "t-5")
    assert (passage.direction, passage.at, passage.gate) == (Direction.CHECKOUT, AT, "gate-2")


def test_a_device_that_the_cloud_gives_as_null_is_another_door(door, box):
    fill(box, 5)
    door.download.look_at_settings()
    box.arm("null_device", 1, count=2)
    door.download.look_elsewhere()
    assert list(heard(door).values()) == [None, None]


def test_only_new_scans_are_read_the_second_time(door):
    door.download.look_at_settings()
    scanned(door, *(scan(number) for number in range(1, 101)))
    door.download.look_elsewhere()
    door.scans.taken = 0
    door.download.look_elsewhere()
    assert door.scans.taken == 1  # the one it knows
    scanned(door, scan(101), scan(102))
    door.scans.taken = 0
    door.download.look_elsewhere()
    assert door.scans.taken == 3
    assert len(heard(door)) == 102


def test_a_look_that_breaks_off_forgets_nothing(door):
    door.download.look_at_settings()
    scanned(door, scan(1))
    door.download.look_elsewhere()
    scanned(door, *(scan(number) for number in range(2, 11)))
    door.scans.fail_after = 4
    with pytest.raises(NoAnswer):
        door.download.look_elsewhere()
    door.scans.fail_after = None
    door.download.look_elsewhere()
    assert len(heard(door)) == 10


def test_scans_are_heard_of_page_by_page_though_the_list_grows_meanwhile(door, monkeypatch):
    monkeypatch.setattr("kiosk.cloud.portier.PAGE", 10)
    door.download.look_at_settings()
    scanned(door, *(scan(number) for number in range(1, 36)))
    rows = door.scans.stored

    def growing(event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]:
        for number, row in enumerate(rows(event_id, since, until)):
            if number == 9:
                scanned(door, scan(36), scan(37))
            yield row

    door.scans.stored = growing
    door.download.look_elsewhere()
    del door.scans.stored
    door.download.look_elsewhere()
    assert len(heard(door)) == 37


@pytest.mark.parametrize("fault", ["bare_scans", "ignore_time_filter", "unknown_fields"])
def test_what_is_strange_but_allowed_in_scans_does_no_harm(door, box, fault):
    door.download.look_at_settings()
    scanned(door, scan(1), scan(2, time=None))
    box.arm(fault, None, route="GET /api/scans")
    door.download.look_elsewhere()
    assert set(heard(door)) == {"t-1", "t-2"}


def test_one_event_whose_scans_cannot_be_read_leaves_the_others_alone(door, box):
    box.add_event("later", "Matinée")
    door.download.look_at_settings()
    scanned(door, scan(1), scan(2, eventId="later"))

    class Partly:
        def stored(self, event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]:
            if event_id == EVENT_ID:
                raise Misaddressed("404")
            return iter(scan_rows([scan(2, _id="s-2")]))

    door.download.scans = Partly()
    with pytest.raises(Misaddressed):
        door.download.look_elsewhere()
    assert set(heard(door)) == {"t-2"}
