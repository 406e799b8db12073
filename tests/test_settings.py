"""What the cloud says of this door, and how it joins with the file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kiosk.choices import Choices
from kiosk.config import Display, Gate, Sync
from kiosk.model import Direction, EventRules, Rules
from kiosk.settings import (
    Joined,
    Looks,
    Origin,
    Settings,
    appearance,
    decisions,
    events,
    locked,
    looks,
    modes,
    rules,
    tickets_interval,
    tickets_interval_s,
)

CLOUD, OWN, DEFAULT = Origin.CLOUD, Origin.FILE, Origin.DEFAULT

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


def device(**said: object) -> Settings:
    return Settings.model_validate({"deviceSettings": said})


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


@pytest.mark.parametrize(
    "half",
    [
        {"beforeMinutes": 10},
        {"beforeMinutes": 10, "afterMinutes": None},
        {"beforeMinutes": 10, "afterMinutes": 0, "more": 1},
    ],
)
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


def test_where_other_tickets_go_in_is_the_files() -> None:
    assert rules(Gate(entrances={"south": "Gate S"}), None).entrances == {"south": "Gate S"}


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


# --- what is only looks, or haste ------------------------------------------------------------------------------------

PLAIN = Looks()
SAID = {
    "colorSettings": {
        "success": "green", "declined": "red", "repeated": "pink", "highlighted": "red", "actionRequired": "blue",
    },
    "enableSoundFeedback": False,
    "enableHapticFeedback": False,
    "scanRevealInterval": 10,
    "ticketSyncInterval": 60,
}  # fmt: skip
COLOURS = ["success", "declined", "repeated", "highlighted", "actionRequired"]
ODD = [None, "", "purple", "GREEN", "5", 0, -1, 1e9, 10**400, float("nan"), float("inf"), [], ["red"], {}, {"a": 1}]


def test_the_cloud_says_how_the_screen_looks_and_how_often_is_fetched() -> None:
    wanted = Looks("green", "red", "pink", "red", "blue", sound=False, haptic=False, reveal_s=10)
    assert looks(Display(scan_reveal_s=5), Gate(), device(**SAID)) == wanted
    assert tickets_interval_s(Sync(tickets_interval_s=7), Gate(), device(**SAID)) == 60


@pytest.mark.parametrize("settings", [None, Settings(), device(), device(colorSettings=None)])
def test_where_the_cloud_says_nothing_of_the_screen_the_file_and_the_defaults_hold(settings: Settings | None) -> None:
    assert looks(Display(), Gate(), settings) == PLAIN
    assert looks(Display(scan_reveal_s=5), Gate(), settings).reveal_s == 5
    assert tickets_interval_s(Sync(tickets_interval_s=0.5), Gate(), settings) == 0.5


def test_a_door_that_does_not_ask_the_cloud_keeps_its_own_looks_and_intervals() -> None:
    deaf = Gate(settings_from_cloud=False)
    assert looks(Display(scan_reveal_s=5), deaf, device(**SAID)) == looks(Display(scan_reveal_s=5), deaf, None)
    assert tickets_interval_s(Sync(tickets_interval_s=7), deaf, device(**SAID)) == 7
    assert {joined.origin for joined in modes(deaf, answer({"mode": "lock"})).values()} == {DEFAULT}


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", [*SAID, "accessMode"])
def test_an_odd_value_that_decides_nothing_counts_as_not_given_and_refuses_nothing(name: str, odd: object) -> None:
    found = device(**{**SAID, "scanConfig": {"events": [event()]}, name: odd})
    left_out = device(**{key: value for key, value in SAID.items() if key != name})
    assert looks(Display(), Gate(), found) == looks(Display(), Gate(), left_out)
    assert tickets_interval_s(Sync(), Gate(), found) == tickets_interval_s(Sync(), Gate(), left_out)
    assert list(rules(Gate(), found).events) == ["e-1"]


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", COLOURS)
def test_one_odd_colour_leaves_the_others_as_they_are(name: str, odd: object) -> None:
    colours = {**SAID["colorSettings"], name: odd}  # type: ignore[dict-item]
    left_out = {key: value for key, value in colours.items() if key != name}
    assert looks(Display(), Gate(), device(colorSettings=colours)) == looks(
        Display(), Gate(), device(colorSettings=left_out)
    )


@pytest.mark.parametrize("mode", ["LOCK", 7, [], {}])
def test_an_odd_mode_leaves_the_events_as_they_are(mode: object) -> None:
    found = answer({"mode": mode, "events": [event()]})
    assert modes(Gate(), found)["mode"] == Joined("default", DEFAULT)
    assert list(rules(Gate(), found).events) == ["e-1"]


@pytest.mark.parametrize("colour", ["green", "orange", "red", "blue", "pink"])
def test_success_stays_green_declined_stays_red_and_what_wants_a_look_is_never_green(colour: str) -> None:
    found = looks(Display(), Gate(), device(colorSettings=dict.fromkeys(COLOURS, colour)))
    assert (found.success, found.declined, found.highlighted) == ("green", "red", colour)
    assert found.repeated == found.action_required == ("orange" if colour == "green" else colour)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["green", "red", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(COLOURS), inner),
)


@given(st.dictionaries(st.sampled_from([*SAID, "accessMode"]), JSON))
def test_whatever_is_said_of_the_screen_it_can_be_read_and_a_verdict_stays_on_it_for_a_while(said: Any) -> None:
    found = looks(Display(), Gate(), device(**said))
    assert 1 <= found.reveal_s <= 60
    assert 5 <= tickets_interval_s(Sync(), Gate(), device(**said)) <= 900
    assert "green" not in {found.declined, found.repeated, found.action_required}


@pytest.mark.parametrize(("said", "seconds"), [(1, 1), (60, 60), (2.5, 2.5), (0.9, 3), (60.1, 3), (True, 3)])
def test_a_verdict_stays_between_a_second_and_a_minute(said: float, seconds: float) -> None:
    assert looks(Display(), Gate(), device(scanRevealInterval=said)).reveal_s == seconds


@pytest.mark.parametrize(("said", "seconds"), [(5, 5), (900, 900), (4.9, 15), (901, 15), (True, 15)])
def test_the_cloud_is_asked_between_every_five_seconds_and_every_quarter_of_an_hour(
    said: float, seconds: float
) -> None:
    assert tickets_interval_s(Sync(), Gate(), device(ticketSyncInterval=said)) == seconds


# --- who says so -----------------------------------------------------------------------------------------------------


def test_what_the_cloud_says_is_the_clouds_even_where_the_file_says_the_same() -> None:
    gate = Gate(events=("e-1",), multi_checkin=True, check_timeslots=False, accept_details_required=False)
    scan = {
        "mode": "default", "events": [event(timeslotSettings={"beforeMinutes": 0, "afterMinutes": 0})],
        "scanTypes": {"checkin": True}, "enableMultiCheckin": True, "checkTimeslots": False,
    }  # fmt: skip
    said = {**SAID, "scanConfig": scan, "accessMode": "full", "scanRevealInterval": 3, "ticketSyncInterval": 15}
    access = {"includeDetailsRequiredTickets": False}
    found = Settings.model_validate({"deviceSettings": said, "accessControlSettings": access})
    one = events(gate, found).value["e-1"]
    joined = [
        *decisions(gate, found).values(), *modes(gate, found).values(), events(gate, found), one.ticket_types,
        one.before_minutes, one.after_minutes, tickets_interval(Sync(tickets_interval_s=15), gate, found),
        *appearance(Display(scan_reveal_s=3), gate, found).values(),
    ]  # fmt: skip
    assert [value.origin for value in joined] == [CLOUD] * len(joined)


def test_what_stands_in_the_file_is_the_files_even_where_it_is_the_default() -> None:
    gate = Gate(
        events=(), scan_type=Direction.CHECKIN, multi_checkin=False, check_timeslots=False,
        accept_details_required=False,
    )  # fmt: skip
    joined = [
        *decisions(gate, None).values(), events(gate, None), tickets_interval(Sync(tickets_interval_s=15), gate, None),
        appearance(Display(scan_reveal_s=3), gate, None)["reveal_s"],
    ]  # fmt: skip
    assert [value.origin for value in joined] == [OWN] * len(joined)


def test_what_nobody_says_is_the_default() -> None:
    joined = [
        *decisions(Gate(), None).values(), *modes(Gate(), None).values(), events(Gate(), None),
        tickets_interval(Sync(), Gate(), None), *appearance(Display(), Gate(), None).values(),
    ]  # fmt: skip
    assert [value.origin for value in joined] == [DEFAULT] * len(joined)


def test_a_direction_that_the_cloud_leaves_open_is_not_the_clouds() -> None:
    both = answer({"scanTypes": {"checkin": True, "checkout": True}})
    assert decisions(Gate(scan_type=Direction.CHECKOUT), both)["direction"] == Joined(Direction.CHECKOUT, OWN)
    assert decisions(Gate(), both)["direction"] == Joined(Direction.CHECKIN, DEFAULT)


def test_of_an_event_of_the_cloud_each_part_is_said_by_who_said_it() -> None:
    gate = Gate(allowed_ticket_types=("standing",), timeslot_before_minutes=15)
    said = {"events": [{"eventId": "e-1"}, event(eventId="e-2", timeslotSettings={"afterMinutes": 5})]}
    found = events(gate, answer(said)).value
    assert found["e-1"].ticket_types == Joined(None, DEFAULT)
    assert (found["e-1"].before_minutes, found["e-1"].after_minutes) == (Joined(15, OWN), Joined(0, DEFAULT))
    assert found["e-2"].ticket_types == Joined(None, CLOUD)
    assert (found["e-2"].before_minutes, found["e-2"].after_minutes) == (Joined(0, DEFAULT), Joined(5, CLOUD))


def test_of_an_event_of_the_file_each_part_is_the_files_or_the_default() -> None:
    found = events(Gate(events=("e-1",), allowed_ticket_types=("seat",)), None)
    assert found.origin is OWN
    assert found.value["e-1"].ticket_types == Joined(frozenset({"seat"}), OWN)
    assert found.value["e-1"].before_minutes == Joined(0, DEFAULT)


# --- what staff chose at the door ------------------------------------------------------------------------------------

CHOSEN = Choices(scan_type=Direction.CHECKOUT, events=("e-2", "e-9"), ticket_types={"e-2": ("vip",)})


def test_what_staff_chose_wins_over_the_cloud_and_over_the_file() -> None:
    cloud = answer({"scanTypes": {"checkin": True}, "events": [event(), event(eventId="e-2")]})
    for said in (cloud, None):
        found = rules(FILE, said, CHOSEN)
        assert (found.direction, list(found.events)) == (Direction.CHECKOUT, ["e-2", "e-9"])
        assert found.events["e-2"].ticket_types == frozenset({"vip"})
        joined = events(FILE, said, CHOSEN)
        assert (joined.origin, joined.value["e-2"].ticket_types.origin) == (Origin.STAFF, Origin.STAFF)
        assert decisions(FILE, said, CHOSEN)["direction"] == Joined(Direction.CHECKOUT, Origin.STAFF)


def test_what_staff_left_alone_is_as_configured() -> None:
    cloud = answer({"events": [event(timeslotSettings={"beforeMinutes": 10}), event(eventId="e-3")]})
    found = rules(FILE, cloud, Choices(events=("e-1", "e-9")))
    assert found.events == {"e-1": EventRules(None, 600, 0), "e-9": FROM_FILE}
    assert found.direction is Direction.CHECKIN
    assert rules(FILE, cloud, Choices(ticket_types={"e-3": ("a",)})).events["e-3"].ticket_types == frozenset("a")
    assert rules(FILE, cloud, Choices()) == rules(FILE, cloud)


def test_where_the_cloud_locks_the_settings_staff_have_no_choice() -> None:
    cloud = answer({"mode": "lock", "events": [event()]})
    assert locked(FILE, cloud)
    assert rules(FILE, cloud, CHOSEN) == rules(FILE, cloud)
    own = Gate(events=("e-1",), settings_from_cloud=False)
    assert not locked(own, cloud)
    assert rules(own, cloud, CHOSEN).direction is Direction.CHECKOUT
