"""A look at what the cloud has: which pages are asked for, which rows count, and where it may end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cloud.answers import ScanRow
from kiosk.cloud.portier import PAGE, ScanPage
from kiosk.errors import CloudError, NoAnswer, NotSent, Paced, Rejected
from kiosk.model import Direction, Result
from kiosk.sync import readback
from kiosk.sync.readback import DRIFT, SLACK, Look, Window

NOW = datetime(2030, 1, 23, 23, 0, tzinfo=UTC)
"""The cloud's own time; all others are so many seconds before it."""

SENT_AGO_S = 30.0
OURS = "gate-1"


def scan(ago_s: float, came_ago_s: float, device: str | None = OURS, event: str = "fest") -> ScanRow:
    """A scan as the cloud stores it: when it was made and when it came."""
    return ScanRow(
        _id=f"{device} {ago_s}", ticketId=event, barcode="CODE00001", type=Direction.CHECKIN,
        scanResult=Result.APPROVED, time=before(ago_s), createdAt=before(came_ago_s), deviceId=device,
    )  # fmt: skip


def before(ago_s: float) -> datetime:
    return NOW - timedelta(seconds=ago_s)


def by_time(row: ScanRow) -> datetime:
    return row.time or NOW


def by_arrival(row: ScanRow) -> datetime:
    return row.created_at or NOW


def as_it_stands(_: ScanRow) -> datetime:
    return NOW


@dataclass
class Service:
    """A scans service in memory, newest first by one order or the other. None is a row that cannot be read."""

    rows: Sequence[ScanRow | None]
    order: Callable[[ScanRow], datetime] = by_arrival
    filters: bool = False
    most: int = 1000
    total: int | None = None
    date: datetime | None = NOW
    asked: list[tuple[str, int]] = field(default_factory=list)
    windows: list[tuple[datetime | None, datetime | None]] = field(default_factory=list)

    def page(
        self, event_id: str, skip: int, top: int, since: datetime | None = None, until: datetime | None = None
    ) -> ScanPage:
        self.asked.append((event_id, skip))
        self.windows.append((since, until))
        rows = [row for row in self.rows if row is None or self._has(row, event_id, since, until)]
        rows.sort(key=lambda row: self.order(row) if row is not None else NOW, reverse=True)
        page = rows[skip : skip + min(top, self.most)]
        total = len(rows) if self.total is None else self.total
        return ScanPage([row for row in page if row is not None], len(page), total, self.date)

    def _has(self, row: ScanRow, event_id: str, since: datetime | None, until: datetime | None) -> bool:
        """A row's event is the id of its ticket here."""
        filters = self.filters and since is not None and until is not None
        in_time = not filters or (row.time is not None and since <= row.time <= until)
        return row.ticket_id == event_id and in_time


@dataclass
class Broken:
    """A service that fails."""

    error: CloudError

    def page(self, *_: object) -> ScanPage:
        raise self.error


def number(row: ScanRow) -> int | None:
    """Which scan of ours this is: its number is how long ago it was made."""
    return int((NOW - row.time).total_seconds()) if row.device_id == OURS and row.time is not None else None


def window(first_ago_s: float = 40, last_ago_s: float = 40, event: str = "fest") -> Window:
    return Window(event, 9, before(first_ago_s), before(last_ago_s))


def look(*windows: Window, sent_ago_s: float | None = SENT_AGO_S, final: bool = False) -> Look:
    return Look(list(windows or [window()]), final=final, sent_ago_s=sent_ago_s)


def found(looking: Look, service: Service) -> list[int]:
    """What a whole look finds."""
    ours: list[int] = []
    while not looking.over:
        ours += looking.step(service, number)
        assert len(service.asked) < 1000, "it has no end"
    return ours


@pytest.fixture
def ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten on a page: a hundredth of everything."""
    monkeypatch.setattr(readback, "PAGE", 10)


NEWER = [scan(5, 5, f"gate-{n}") for n in range(2, 27)]
"""Scans of other doors that are newer than ours, on two and a half pages of ten."""

OLDER = [scan(9000 + n, 9000 + n, "gate-9") for n in range(40)]
"""Scans that are older and came before ours, on four pages of ten."""

# --- windows ---------------------------------------------------------------------------------------------------------


def test_an_event_is_asked_for_in_the_window_of_its_scans_a_little_wider():
    service = Service([])
    assert found(look(window(50, 40)), service) == []
    assert service.asked == [("fest", 0)]
    assert service.windows == [(before(50) - SLACK, before(40) + SLACK)]


def test_only_what_is_of_that_time_counts_because_the_service_may_ignore_the_times():
    edges = [scan(50 + 1, 1), scan(50 + 2, 1), scan(40 - 1, 1), scan(40 - 2, 1), scan(45, 1)]
    assert set(found(look(window(50, 40)), Service(edges))) == {51, 45, 39}


def test_scans_of_other_devices_of_that_time_are_not_ours_and_rows_without_a_time_are_nobodys():
    timeless = scan(40, 1).model_copy(update={"time": None})
    service = Service([scan(40, 1, "gate-2"), scan(40, 1, None), timeless, scan(40, 1)])
    assert found(look(), service) == [40]


def test_one_event_after_the_other_is_looked_at_each_in_its_own_window(ten):
    rows = [scan(40, 1), scan(60, 1, event="gala"), *(scan(5, 5, f"gate-{n}", "gala") for n in range(2, 20))]
    service, looking = Service(rows), look(window(40, 40), window(60, 60, "gala"))
    assert looking.step(service, number) == [40]
    assert found(looking, service) == [60]
    assert service.asked == [("fest", 0), ("fest", 1), ("gala", 0), ("gala", 10)]
    assert service.windows[2] == (before(60) - SLACK, before(60) + SLACK)


def test_an_event_can_be_left_before_its_end_and_the_next_begins_at_its_own_first_page(ten):
    service, looking = Service([*NEWER, scan(60, 1, event="gala")]), look(window(), window(60, 60, "gala"))
    looking.step(service, number)
    looking.leave()
    assert found(looking, service) == [60]
    assert service.asked == [("fest", 0), ("gala", 0), ("gala", 1)]


def test_a_look_at_nothing_is_over():
    assert Look([], final=True, sent_ago_s=None).over


def test_a_final_look_asks_for_no_times_because_a_filter_may_hide_what_is_there():
    service = Service([scan(40, 1)])
    assert found(look(final=True), service) == [40]
    assert set(service.windows) == {(None, None)}


def test_a_service_that_takes_no_times_is_asked_again_without(ten):
    service, refused = Service([*NEWER, scan(40, 30)]), []

    class Strict:
        def page(self, event_id: str, skip: int, top: int, *times: datetime) -> ScanPage:
            refused.append(times)
            if times:
                raise Rejected("400: time must be a string")
            return service.page(event_id, skip, top)

    looking = look()
    ours = []
    while not looking.over:
        ours += looking.step(Strict(), number)
    assert (ours, [bool(times) for times in refused[:2]]) == ([40], [True, False])


def test_a_list_that_begins_with_its_oldest_is_read_to_its_end(ten):
    rows = [*OLDER, *NEWER, scan(40, 30)]
    service = Service(rows, order=lambda row: NOW - (row.created_at - NOW))
    assert found(look(), service) == [40]


# --- page after page -------------------------------------------------------------------------------------------------


def test_a_step_is_one_page_and_a_page_is_as_large_as_the_service_gives(ten):
    service, looking = Service([*NEWER, scan(40, 30)]), look()
    assert looking.step(service, number) == []
    assert service.asked == [("fest", 0)]
    assert readback.MOST_PAGES * PAGE > 1_000_000


@pytest.mark.parametrize("order", [by_time, by_arrival])
@pytest.mark.parametrize("filters", [True, False])
def test_ours_are_found_behind_pages_of_newer_ones_in_either_order_filtered_or_not(ten, order, filters):
    ours = [scan(40, 30), scan(41, 30), scan(42, 30)]
    same_time = [scan(41, 3, f"gate-{n}") for n in range(2, 17)]
    service = Service([*NEWER, *ours, *same_time, *OLDER], order, filters)
    assert set(found(look(window(42, 40)), service)) == {40, 41, 42}


def test_where_the_service_filters_only_the_pages_of_that_time_are_read(ten):
    service = Service([*NEWER, scan(40, 30), *OLDER], filters=True)
    assert found(look(), service) == [40]
    assert service.asked == [("fest", 0), ("fest", 1)]  # a page as large as any may not be the last


@pytest.mark.parametrize("order", [by_time, by_arrival])
def test_a_look_ends_where_everything_is_older_and_came_before_ours_can_have_been_sent(ten, order):
    service = Service([*NEWER, scan(40, 30), *OLDER], order)
    assert found(look(), service) == [40]
    assert [skip for _, skip in service.asked] == [0, 10, 20, 30]


@pytest.mark.parametrize("order", [by_time, by_arrival])
def test_without_knowing_when_ours_were_sent_a_look_goes_to_the_end(ten, order):
    service = Service([*NEWER, *OLDER, scan(40, 20_000)], order)
    assert found(look(sent_ago_s=None), service) == [40]


@pytest.mark.parametrize("date", [None, NOW])
def test_without_the_clouds_own_time_a_look_goes_to_the_end(ten, date):
    service = Service([*NEWER, scan(40, 30), *OLDER], date=date)
    found(look(), service)
    assert (len(service.asked) == 7) is (date is None)


def test_what_a_door_delivers_late_is_newer_by_arrival_and_hides_nothing(ten):
    """A page of old scans that came just now says nothing about when ours came."""
    late = [scan(9000 + n, 5, "gate-9") for n in range(30)]
    assert found(look(), Service([*late, scan(40, 30), *OLDER], by_arrival)) == [40]


def test_what_came_before_ours_were_sent_says_nothing_about_their_times(ten):
    """A door whose clock is ahead is newer by time, though it delivered long ago."""
    ahead = [scan(-9000 - n, 9000, "gate-9") for n in range(30)]
    assert found(look(), Service([*ahead, scan(40, 30), *OLDER], by_time)) == [40]


def test_the_clouds_time_may_be_a_little_off_ours(ten):
    """Only what came more than a minute before we sent ours is taken to be before them."""
    near = [scan(9000 + n, SENT_AGO_S + DRIFT.total_seconds() - 1, "gate-9") for n in range(30)]
    early = scan(40, SENT_AGO_S + DRIFT.total_seconds())  # by the cloud's clock it came before we sent it
    assert found(look(), Service([*near, early, *OLDER], by_arrival)) == [40]


@pytest.mark.parametrize("silent", [None, OLDER[0].model_copy(update={"time": None}), OLDER[0].model_copy(
    update={"created_at": None})], ids=["unreadable", "no time", "no arrival"])  # fmt: skip
def test_a_row_that_does_not_say_when_ends_nothing(ten, silent):
    assert found(look(), Service([*OLDER[:9], silent, scan(40, 30)], as_it_stands)) == [40]


# --- counts and sizes that are wrong ---------------------------------------------------------------------------------


def test_a_total_that_is_too_high_ends_at_an_empty_page(ten):
    service = Service([*NEWER, scan(40, 30)], total=10**9)
    assert found(look(), service) == [40]
    assert [skip for _, skip in service.asked] == [0, 10, 20, 26]


def test_a_total_that_is_too_low_is_believed_only_on_a_page_that_is_not_full(ten):
    service = Service([*NEWER, scan(40, 30)], total=0)
    assert found(look(), service) == [40]
    assert [skip for _, skip in service.asked] == [0, 10, 20]


def test_a_service_that_gives_fewer_rows_than_were_asked_for_is_read_to_its_end_all_the_same(ten):
    service = Service([*NEWER, scan(40, 30)], most=4)
    assert found(look(), service) == [40]
    assert [skip for _, skip in service.asked] == [0, 4, 8, 12, 16, 20, 24]


def test_a_list_without_an_end_is_no_answer_after_so_many_pages(ten, monkeypatch):
    monkeypatch.setattr(readback, "MOST_PAGES", 3)
    service, looking = Service([scan(5, 5, f"gate-{n}") for n in range(100)]), look()
    with pytest.raises(NoAnswer, match="30 scans"):
        found(looking, service)
    assert [skip for _, skip in service.asked] == [0, 10, 20]
    assert not looking.over


@pytest.mark.parametrize("error", [NoAnswer("half a page"), NotSent("no network"), Paced("later", wait_s=5.0)])
def test_a_page_that_does_not_come_is_asked_for_again_and_never_taken_for_the_end(ten, error):
    service, looking = Service([*NEWER, scan(40, 30)]), look()
    looking.step(service, number)
    with pytest.raises(type(error)):
        looking.step(Broken(error), number)
    assert found(looking, service) == [40]
    assert [skip for _, skip in service.asked] == [0, 10, 20]


# --- the law ---------------------------------------------------------------------------------------------------------

AGES = st.integers(-100, 9000)
ROWS = st.builds(scan, AGES, AGES, st.sampled_from(["gate-2", "gate-3", None]))
SIZES = st.one_of(
    st.tuples(st.integers(1, 10), st.none()),  # small pages, and a count that is right
    st.tuples(st.just(1000), st.none() | st.integers(0, 1000)),
)


@given(
    others=st.lists(ROWS, max_size=60),
    ours=st.dictionaries(st.integers(31, 60), st.integers(-5, int(SENT_AGO_S)), min_size=1, max_size=25),
    order=st.sampled_from([by_time, by_arrival]),
    filters=st.booleans(),
    size=SIZES,
)
def test_whatever_of_ours_the_cloud_has_is_found_however_it_sorts_filters_counts_and_cuts(
    others, ours, order, filters, size
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readback, "PAGE", 10)
        rows = [*others, *(scan(ago_s, came_ago_s) for ago_s, came_ago_s in ours.items())]
        service = Service(rows, order, filters, *size)
        assert sorted(found(look(window(max(ours), min(ours))), service)) == sorted(ours)
        assert len(service.asked) <= len(rows) + 2
