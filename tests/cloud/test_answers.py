"""What the cloud's JSON means, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.cloud.answers import confirms, scan_rows, ticket_rows
from kiosk.model import Direction, Listed, Result, Ticket
from kiosk.plan import Mark

TICKET = {
    "_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "standing", "eventId": "fest",
    "updatedAt": "2030-01-23T23:00:00.123Z",
}  # fmt: skip
SCAN = {
    "_id": "s-1", "ticketId": "t-1", "eventId": "fest", "barcode": "CODE00001", "ticketTypeId": "standing",
    "type": "checkin", "scanResult": "approved", "time": "2030-01-23T23:00:00.123Z",
}  # fmt: skip
AT = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def ticket(**fields: object) -> Ticket:
    """Read one ticket that can be read."""
    return listed(**fields).ticket


def listed(**fields: object) -> Listed:
    (found,), bad = ticket_rows([TICKET | fields])
    assert bad == {}
    return found


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_with_all_fields_is_read_with_all_fields():
    found = ticket(
        ticketName="Standing", name="Ada", status="INVALID", area="Floor", row="3", seat="14", entry=["north"],
        slotStartTime="2030-01-24T00:00:00+01:00", expiresAt="2030-02-01T00:00:00.000Z", excludedEventIds=["gala"],
        parentEventId="series", sellerId="seller",
    )  # fmt: skip
    assert found == Ticket(
        "t-1", "CODE00001", "fest", "standing", "Standing", "Ada", "INVALID", "Floor", "3", "14", frozenset({"north"}),
        datetime(2030, 1, 23, 23, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC), frozenset({"gala"}), "series",
        "seller",
    )  # fmt: skip


def test_a_ticket_with_the_fewest_fields_is_a_valid_ticket():
    assert ticket() == Ticket("t-1", "CODE00001", "fest", "standing", status="VALID")


@pytest.mark.parametrize("fields", [{}, {"status": None}])
def test_a_ticket_without_a_status_is_valid(fields):
    assert ticket(**fields).status == "VALID"


@pytest.mark.parametrize("status", ["INVALID", "DETAILSREQUIRED", "RESERVED", "BLANK", "ON_HOLD", "valid", ""])
def test_a_status_is_kept_as_the_clouds_own_word_known_or_not(status):
    assert ticket(status=status).status == status


def test_fields_that_no_version_knows_are_passed_over():
    novelty = {"__v": 3, "futureField": {"nested": [1, None]}, "id": "not this one", "ticket_type_id": "nor this"}
    assert ticket(**novelty) == ticket()


@pytest.mark.parametrize("name", ["ticketName", "name", "area", "row", "seat", "entry", "excludedEventIds", "sellerId"])
def test_a_field_that_is_null_counts_as_not_there(name):
    assert ticket(**{name: None}) == ticket()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        (
            {"updatedAt": "2030-02-02T00:00:00.000Z", "createdAt": "2030-01-01T00:00:00.000Z"},
            datetime(2030, 2, 2, tzinfo=UTC),
        ),
        (
            {"updatedAt": "2030-01-01T00:00:00.000Z", "createdAt": "2030-02-02T00:00:00.000Z"},
            datetime(2030, 2, 2, tzinfo=UTC),
        ),
        ({"updatedAt": None, "createdAt": "2030-01-01T00:00:00.000Z"}, datetime(2030, 1, 1, tzinfo=UTC)),
        ({"updatedAt": "just now", "createdAt": "2030-01-01T00:00:00.000Z"}, datetime(2030, 1, 1, tzinfo=UTC)),
        ({"updatedAt": None}, None),
        ({"updatedAt": 1_900_000_000}, None),
    ],
)
def test_the_time_of_its_last_change_comes_with_each_ticket(fields, at):
    assert listed(**fields).updated == at


@pytest.mark.parametrize(
    ("row", "key", "what"),
    [
        ({**TICKET, "_id": None}, None, "_id"), ({**TICKET, "_id": "bad", "barcode": 12345678}, "bad", "barcode"),
        ({**TICKET, "_id": "bad", "barcode": ""}, "bad", "barcode"), ({"_id": "bad"}, "bad", "barcode"),
        ({**TICKET, "_id": "bad", "barcode": "x" * 513}, "bad", "barcode"),
        ({**TICKET, "_id": "x" * 513}, "x" * 128, "_id"), ({**TICKET, "_id": ""}, None, "_id"),
        ({}, None, "_id"), (None, None, "row"), ("a string", None, "row"), ([TICKET], None, "row"), (7, None, "row"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_set_aside_by_its_id_or_a_digest_and_costs_no_other(row, key, what):
    good, bad = ticket_rows([TICKET, row, TICKET | {"_id": "t-2"}])
    assert [found.ticket.id for found in good] == ["t-1", "t-2"]
    ((aside, problem),) = bad.items()
    assert aside == key if key is not None else aside.startswith("sha256 ")
    assert problem.startswith(what)


def test_half_an_emoji_in_the_id_of_a_row_that_cannot_be_read_can_be_kept_in_a_file():
    (key,) = ticket_rows([{"_id": "bad \ud83d"}])[1]
    assert key.encode()


def test_rows_without_an_id_are_told_apart_by_what_they_say_and_each_counts():
    _, first = ticket_rows([{"barcode": 1}, {"barcode": 2}, {"barcode": 1}, None, "half an emoji \ud83d"])
    _, again = ticket_rows([{"barcode": 2}])
    assert len(first) == 5
    assert again.keys() < first.keys()


@pytest.mark.parametrize("name", ["_id", "barcode", "ticketTypeId", "eventId"])
def test_a_row_without_what_every_row_must_have_is_set_aside(name):
    good, bad = ticket_rows([{key: value for key, value in TICKET.items() if key != name}])
    assert good == []
    assert len(bad) == 1


def test_what_is_wrong_never_repeats_a_guests_name():
    ((key, problem),) = ticket_rows([{"name": "Ada", "barcode": {"name": "Ada"}}])[1].items()
    assert "Ada" not in key + problem


# --- fields of another form ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"seat": 14}, {"seat": "14"}), ({"row": 3.5}, {"row": "3.5"}), ({"area": True}, {"area": None}),
        ({"name": {"first": "Ada"}}, {"name": None}), ({"ticketName": ["Standing"]}, {"ticket_name": None}),
        ({"entry": "north"}, {"entry": {"north"}}), ({"entry": 5}, {"entry": {"5"}}),
        ({"entry": {"a": 1}}, {"entry": set()}),
        ({"entry": ["north", 5, None, "", ["x"]]}, {"entry": {"north", "5"}}),
        ({"excludedEventIds": "gala"}, {"excluded_event_ids": {"gala"}}),
        ({"parentEventId": 7}, {"parent_event_id": "7"}), ({"sellerId": {}}, {"seller_id": None}),
    ],
)  # fmt: skip
def test_an_odd_optional_field_comes_as_text_or_not_at_all_and_never_costs_the_ticket(fields, read):
    found = ticket(**fields)
    assert {name: getattr(found, name) for name in read} == read


@pytest.mark.parametrize("status", [5, True, False, 0, ["VALID"], {"is": "VALID"}, 1.5])
def test_a_status_of_another_form_never_passes_for_valid(status):
    found = ticket(status=status).status
    assert isinstance(found, str)
    assert found not in {"VALID", "DETAILSREQUIRED"}


@pytest.mark.parametrize("name", ["slotStartTime", "expiresAt"])
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2030-01-23T23:00:00.123Z", AT),
        ("2030-01-24T00:00:00.123+01:00", AT),
        ("2030-01-23T23:00:00.123", AT),
        ("2030-01-23", datetime(2030, 1, 23, tzinfo=UTC)),
    ],
)
def test_a_timeslot_is_read_from_any_iso_date_time_and_is_utc(name, text, at):
    found = ticket(**{name: text})
    assert at in (found.slot_start, found.expires_at)


@pytest.mark.parametrize("name", ["slotStartTime", "expiresAt"])
@pytest.mark.parametrize(
    "junk",
    [
        "", "soon", "18:00", "23.01.2030 23:00", 1_900_000_000, 1.5, True, {"hour": 18}, ["2030-01-23"], None,
        "2030-13-01T00:00:00Z", "99999-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
    ],
)  # fmt: skip
def test_a_timeslot_that_cannot_be_read_is_no_timeslot_and_costs_neither_the_ticket_nor_the_page(name, junk):
    found = listed(**{name: junk})
    assert (found.ticket.slot_start, found.ticket.expires_at) == (None, None)
    assert found.unread == (None if junk in ("", None) else name)


def test_all_times_of_a_ticket_that_cannot_be_read_are_named():
    assert listed(slotStartTime=5, expiresAt="soon").unread == "slotStartTime expiresAt"
    assert listed(slotStartTime="2030-01-23T23:00:00.123Z", expiresAt=None).unread is None


def test_a_name_that_was_cut_in_the_middle_of_an_emoji_costs_neither_the_ticket_nor_the_page():
    row = json.loads('{"name": "Ada \\ud83d"}')
    good, bad = ticket_rows([TICKET | row, TICKET | {"_id": "t-2"}])
    assert len(good) + len(bad) == 2
    assert "t-2" in [found.ticket.id for found in good]
    for found in good:
        str(found.ticket.name).encode()  # what no file can hold goes no further than this room


@given(st.lists(ANY_JSON | st.dictionaries(st.sampled_from([*TICKET, "slotStartTime", "entry", "name"]), ANY_JSON)))
def test_every_row_is_either_read_or_set_aside_whatever_the_cloud_sends(rows):
    for row in rows:
        good, bad = ticket_rows([row])
        assert len(good) + len(bad) == 1
    assert [found for row in rows for found in ticket_rows([row])[0]] == ticket_rows(rows)[0]


# --- stored scans ----------------------------------------------------------------------------------------------------


def test_a_stored_scan_is_read_with_its_mark():
    (found,) = scan_rows([SCAN | {"deviceId": "gate-1"}])
    assert (found.id, found.ticket_id, found.type, found.scan_result) == (
        "s-1", "t-1", Direction.CHECKIN, Result.APPROVED,
    )  # fmt: skip
    assert found.mark() == Mark("gate-1", AT, "CODE00001", Direction.CHECKIN, Result.APPROVED)


@pytest.mark.parametrize("fields", [{}, {"deviceId": None}, {"ticketName": None, "name": None}, {"__v": 0}])
def test_a_scan_of_another_door_may_lack_a_device_and_names(fields):
    (found,) = scan_rows([SCAN | fields])
    assert found.device_id is None


def test_a_scan_without_a_time_is_as_old_as_its_arrival_and_is_never_taken_for_ours():
    bare = {name: value for name, value in SCAN.items() if name != "time"}
    (found,) = scan_rows([bare | {"createdAt": "2030-01-23T23:00:00.123Z"}])
    assert found.at == AT
    assert found.mark() is None
    assert scan_rows([bare])[0].at is None


@pytest.mark.parametrize(
    "time", ["2030-01-23T23:00:00.123", "2030-01-24T00:00:00.123+01:00", "2030-01-23T23:00:00.123000Z"]
)
def test_the_time_of_a_scan_is_the_same_moment_however_it_is_written(time):
    assert scan_rows([SCAN | {"time": time}])[0].at == AT


@pytest.mark.parametrize(
    "row",
    [
        SCAN | {"type": "transfer"}, SCAN | {"scanResult": "maybe"}, SCAN | {"ticketId": None},
        None, [], "scan", 5, {},
    ],
)  # fmt: skip
def test_a_scan_that_cannot_be_read_costs_no_other(row):
    assert [found.id for found in scan_rows([row, SCAN, row])] == ["s-1"]


@pytest.mark.parametrize("odd", [{"time": "soon"}, {"time": "2026-02-01"}, {"barcode": 5}, {"deviceId": 7}, {"_id": 9}])
def test_what_is_odd_of_a_scan_and_not_needed_for_its_history_costs_no_admission(odd):
    (found,) = scan_rows([SCAN | {"createdAt": "2026-06-01T19:30:00.000Z"} | odd])
    assert (found.ticket_id, found.type, found.scan_result) == (SCAN["ticketId"], SCAN["type"], SCAN["scanResult"])
    assert found.at is not None


@given(st.lists(ANY_JSON | st.dictionaries(st.sampled_from(list(SCAN)), ANY_JSON)))
@example([SCAN | {"time": "9999-12-31T23:59:59-23:59"}, SCAN | {"time": "0001-01-01T00:00:00+23:59"}])
def test_reading_scans_never_raises_whatever_the_cloud_sends(rows):
    assert len(scan_rows(rows)) <= len(rows)


# --- the cloud's word ------------------------------------------------------------------------------------------------

OTHER = SCAN | {"ticketId": "t-2", "barcode": "CODE00002"}
FOREIGN = SCAN | {"ticketId": "t-9", "barcode": "STRANGER0001"}


@pytest.mark.parametrize("answer", [SCAN, OTHER, [SCAN, OTHER], [OTHER, SCAN], SCAN | {"__v": 0}])
def test_one_of_our_scans_or_all_of_them_in_any_order_is_the_clouds_word(answer):
    assert confirms(answer, [SCAN, OTHER])


def test_a_batch_of_one_is_confirmed_by_an_object_or_an_array():
    assert confirms(SCAN, [SCAN])
    assert confirms([SCAN], [SCAN])


@pytest.mark.parametrize(
    "answer",
    [
        [SCAN], [], [SCAN, OTHER, OTHER], [SCAN, FOREIGN], FOREIGN, [FOREIGN, FOREIGN], [SCAN, None], [SCAN, {}],
        {}, None, True, 1, "ok", {"ok": True}, {"status": "OK"}, {"docs": [SCAN, OTHER], "total": 2}, [[SCAN, OTHER]],
        SCAN | {"scanResult": "declined"}, SCAN | {"type": "checkout"}, SCAN | {"barcode": "CODE00002"},
        SCAN | {"ticketId": "t-2"}, {name: value for name, value in SCAN.items() if name != "scanResult"},
    ],
)  # fmt: skip
def test_a_part_of_them_somebody_elses_or_any_other_json_is_not_the_clouds_word(answer):
    assert not confirms(answer, [SCAN, OTHER])


@given(ANY_JSON)
def test_no_json_that_happens_to_come_by_is_the_clouds_word(answer):
    assert not confirms(answer, [SCAN, OTHER])
