"""What the cloud says of this door, and how it joins with the file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kiosk.config import Gate
from kiosk.model import Direction, EventRules, Rules
from kiosk.settings import Settings, rules

FILE = Gate(
    events=("file-event", "file-event-2"),
    allowed_ticket_types=("standing",),
    entry_permissions=("north",),
    timeslot_before_minutes=15,
    timeslot_after_minutes=30,
    stale_after_s=600,
)
FROM_FILE = EventRules(frozenset({"standing"}), 900, 1800)


def answer(scan_config: object = None, **access: object) -> Settings:
    """Read what the cloud sends, with the fields around it that do not matter."""
    return Settings.model_validate(
        {
            "_id": "62a1",
            "sellerId": "s-1",
            "name": "North",
            "deviceSettings": {
                "accessMode": "restricted",
                "colorSettings": {"success": "green", "repeated": "pink"},
                "ticketSyncInterval": 15,
                "scanConfig": scan_config,
            },
            "accessControlSettings": access or None,
        }
    )


def event(**more: object) -> dict[str, object]:
    return {"eventId": "e-1", "allowAllTicketTypes": True, "allowedTicketTypeIds": [], **more}


def test_the_cloud_selects_the_events_and_what_each_admits() -> None:
    found = rules(
        FILE,
        answer(
            {
                "mode": "lock",
                "scanZoneId": "zone",
                "events": [
                    event(timeslotSettings={"beforeMinutes": 10, "afterMinutes": 2.5}),
                    event(eventId="e-2", allowAllTicketTypes=False, allowedTicketTypeIds=["seat", "box"]),
                ],
            }
        ),
    )
    assert found.events == {"e-1": EventRules(None, 600, 150), "e-2": EventRules(frozenset({"seat", "box"}), 900, 1800)}


def test_an_event_that_allows_no_ticket_type_admits_none() -> None:
    found = rules(FILE, answer({"events": [event(allowAllTicketTypes=False)]}))
    assert found.events == {"e-1": EventRules(frozenset(), 900, 1800)}  # the file's margins, where the cloud is silent


def test_an_event_that_allows_all_types_does_not_care_which_are_listed() -> None:
    found = rules(FILE, answer({"events": [event(allowedTicketTypeIds=["seat"])]}))
    assert found.events == {"e-1": EventRules(None, 900, 1800)}


def test_where_nothing_is_said_of_all_types_a_list_of_some_means_only_those() -> None:
    some = rules(FILE, answer({"events": [{"eventId": "e-1", "allowedTicketTypeIds": ["seat"]}]}))
    none = rules(FILE, answer({"events": [{"eventId": "e-1", "allowedTicketTypeIds": None}]}))
    assert some.events["e-1"].ticket_types == {"seat"}
    assert none.events["e-1"].ticket_types is None


@pytest.mark.parametrize("half", [{"beforeMinutes": 10}, {"beforeMinutes": 10, "afterMinutes": 0, "more": 1}])
def test_a_margin_that_is_missing_is_none(half: dict[str, object]) -> None:
    assert rules(FILE, answer({"events": [event(timeslotSettings=half)]})).events == {"e-1": EventRules(None, 600, 0)}


@pytest.mark.parametrize(
    "settings",
    [
        None,
        Settings(),
        answer(None),
        answer({}),
        answer({"events": []}),
        Settings.model_validate({}),
        Settings.model_validate({"deviceSettings": None, "accessControlSettings": None}),
        Settings.model_validate({"deviceSettings": {}, "accessControlSettings": {}}),
    ],
)
def test_where_the_cloud_says_nothing_the_file_holds(settings: Settings | None) -> None:
    assert rules(FILE, settings) == Rules(
        events={"file-event": FROM_FILE, "file-event-2": FROM_FILE},
        direction=Direction.CHECKIN,
        entry_permissions=frozenset({"north"}),
        stale_after_s=600,
    )


def test_without_a_file_and_a_cloud_no_event_is_selected_and_nothing_is_allowed_that_needs_allowing() -> None:
    assert rules(Gate(), None) == Rules({})


def test_the_file_may_say_that_the_cloud_is_not_asked() -> None:
    cloud = answer(
        {"events": [event()], "enableMultiCheckin": True, "checkTimeslots": True, "scanTypes": {"checkout": True}},
        includeDetailsRequiredTickets=True,
    )
    deaf = FILE.model_copy(update={"settings_from_cloud": False})
    assert rules(deaf, cloud) == rules(deaf, None) == rules(FILE, None)


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("cloud", [False, True, None])
def test_each_switch_is_the_clouds_where_it_is_set_else_the_files(cloud: bool | None, file: bool) -> None:
    gate = Gate(multi_checkin=file, check_timeslots=file, accept_details_required=file)
    expected = file if cloud is None else cloud
    for settings, switch in [
        (answer({"enableMultiCheckin": cloud}), "multi_checkin"),
        (answer({"checkTimeslots": cloud}), "check_timeslots"),
        (answer(includeDetailsRequiredTickets=cloud), "accept_details_required"),
    ]:
        found = rules(gate, settings)
        switches = {
            name: getattr(found, name) for name in ("multi_checkin", "check_timeslots", "accept_details_required")
        }
        assert switches == {**dict.fromkeys(switches, file), switch: expected}


@pytest.mark.parametrize("file", Direction)
@pytest.mark.parametrize(
    ("types", "cloud"),
    [
        ({"checkin": True, "checkout": False}, Direction.CHECKIN),
        ({"checkin": False, "checkout": True}, Direction.CHECKOUT),
        ({"checkin": True, "checkout": True}, None),
        ({"checkin": False, "checkout": False}, None),
        ({"checkin": True}, Direction.CHECKIN),
        (None, None),
    ],
)
def test_the_cloud_decides_the_direction_only_where_it_leaves_no_choice(
    types: dict[str, bool] | None, cloud: Direction | None, file: Direction
) -> None:
    assert rules(Gate(scan_type=file), answer({"scanTypes": types})).direction is (cloud or file)


@pytest.mark.parametrize(
    "broken",
    [
        {"events": [{}]},
        {"events": [{"eventId": ""}]},
        {"events": [{"eventId": None}]},
        {"events": {"eventId": "e-1"}},
        {"events": [event(), event(eventId=7)]},
        {"events": [event(timeslotSettings={"beforeMinutes": -1})]},
        {"events": [event(timeslotSettings={"afterMinutes": "soon"})]},
        {"events": [event(timeslotSettings={"afterMinutes": float("nan")})]},
        {"events": [event(allowedTicketTypeIds="seat")]},
        {"enableMultiCheckin": "perhaps"},
        {"scanTypes": []},
        [],
        "full",
    ],
)
def test_what_cannot_be_read_is_refused_whole(broken: Any) -> None:
    with pytest.raises(ValidationError):
        answer(broken)


def test_settings_are_values() -> None:
    settings = answer({"events": [event()]})
    with pytest.raises(ValidationError, match="frozen"):
        settings.device_settings = None  # type: ignore[misc]
