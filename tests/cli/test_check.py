"""The configuration as it comes out, and where each part of it comes from."""

from __future__ import annotations

import json
import re
from contextlib import closing

import httpx

from kiosk.model import Listed, Ticket
from kiosk.store import calibrated, spoken
from kiosk.store.cache import Cache
from kiosk.store.tickets import DEVICE_SETTINGS, ListState
from kiosk.tuning import Tuning

EVENT_ID = "62a1c0ffee0000000000e001"


def test_every_value_is_shown_with_its_origin(kiosk):
    said = kiosk.call("check").stdout
    assert '[device]\n  id = "gate-north-1"  (file)' in said
    assert "  batch_size = 200  (default)" in said
    assert "  upload_interval_s = 0.1  (file)" in said
    assert f'[scanner left]\n  name = "left"  (file)\n  kind = "serial"  (file)\n  device = "{kiosk.scanner}"' in said
    assert all(re.search(r"\((file|default|cloud)\)$", line) for line in said.splitlines() if "=" in line)


def test_a_gate_without_any_event_is_said_to_be_closed(kiosk):
    assert "events = NONE: the gate stays closed  (default)" in kiosk.call("check").stdout


def test_what_the_cloud_decides_is_shown_as_the_clouds(kiosk, cloud):
    tell(cloud, scanConfig={"enableMultiCheckin": True})
    kiosk.call("sync", "--once")
    said = kiosk.call("check").stdout
    assert f"events = Summer Night ({EVENT_ID})  (cloud)" in said
    assert "multi_checkin = true  (cloud)" in said
    assert "direction = checkin  (default)" in said  # the cloud allows both
    assert "check_timeslots = false  (cloud)" in said  # as it would be without the cloud


def test_a_door_that_keeps_its_own_settings_shows_them_as_its_own(kiosk, cloud):
    kiosk.configure(cloud.url, gate='events = ["other"]\nsettings_from_cloud = false')
    kiosk.call("sync", "--once")
    said = kiosk.call("check").stdout
    assert "events = ? (other)  (file)" in said
    assert "(cloud)" not in said


def test_of_every_event_it_is_said_what_it_admits(kiosk, cloud):
    some = {"eventId": "e-2", "allowAllTicketTypes": False, "allowedTicketTypeIds": ["tt-2", "tt-1"]}
    slot = {"beforeMinutes": 30, "afterMinutes": 2.5}
    known = {"eventId": EVENT_ID, "allowAllTicketTypes": True, "timeslotSettings": slot}
    nobody = {"eventId": "e-3", "allowAllTicketTypes": False}
    tell(cloud, scanConfig={"mode": "lock", "events": [known, some, nobody]})
    kiosk.configure(cloud.url, gate="timeslot_after_minutes = 7")
    kiosk.call("sync", "--once")
    said = kiosk.call("check").stdout
    assert (
        f"  event Summer Night ({EVENT_ID})\n    ticket_types = all  (cloud)\n"
        "    timeslot_before_minutes = 30  (cloud)\n    timeslot_after_minutes = 2.5  (cloud)\n"
    ) in said
    assert (
        "  event ? (e-2)\n    ticket_types = tt-1, tt-2  (cloud)\n"
        "    timeslot_before_minutes = 0  (default)\n    timeslot_after_minutes = 7  (file)\n"
    ) in said
    assert "  event ? (e-3)\n    ticket_types = NONE: nobody is admitted  (cloud)\n" in said
    assert "  mode = lock  (cloud)" in said


def test_how_the_screen_looks_and_how_often_is_fetched_is_said_with_its_origin(kiosk, cloud):
    before = kiosk.call("check").stdout
    assert "  tickets_interval_s = 0.5  (file)\n[in force on the screen]\n  success_colour = green  (default)" in before
    assert "  repeated_colour = orange  (default)" in before
    assert "  scan_reveal_s = 3  (default)" in before
    colours = {"repeated": "pink", "actionRequired": "green", "highlighted": None}
    tell(cloud, colorSettings=colours, enableSoundFeedback=False, scanRevealInterval=3, ticketSyncInterval=30)
    kiosk.call("sync", "--once")
    said = kiosk.call("check").stdout.partition("[in force at the gate]")[2]
    assert "  tickets_interval_s = 30  (cloud)" in said
    assert said.partition("[in force on the screen]\n")[2].splitlines() == [
        "  success_colour = green  (cloud)", "  declined_colour = red  (cloud)", "  repeated_colour = pink  (cloud)",
        "  highlighted_colour = blue  (default)", "  action_required_colour = orange  (default)",
        "  sound = false  (cloud)", "  haptic = true  (cloud)", "  scan_reveal_s = 3  (cloud)",
        "  language = en  (default)",
    ]  # fmt: skip


def test_a_language_that_staff_chose_is_shown_as_theirs(kiosk):
    kiosk.file.write_text(kiosk.file.read_text().replace("[display]", '[display]\nlanguage = "nl"'))
    assert kiosk.call("check").stdout.endswith("  language = nl  (file)\n")
    spoken.write(kiosk.data_dir, "de")
    assert kiosk.call("check").stdout.endswith("  language = de  (staff)\n")


def test_a_name_from_the_cloud_cannot_draw_on_the_terminal(kiosk, cloud):
    cloud.add_event(EVENT_ID, "Summer\r\N{RIGHT-TO-LEFT OVERRIDE} Night")
    kiosk.call("sync", "--once")
    assert f"events = Summer\ufffd\ufffd Night ({EVENT_ID})" in kiosk.call("check").stdout


def tell(cloud, **device_settings):
    change = {"deviceSettings": device_settings}
    httpx.put(f"{cloud.url}/sandbox/settings", json=change, trust_env=False).raise_for_status()


def test_settings_of_another_version_that_cannot_be_read_are_left_out_and_said(kiosk, cloud):
    kiosk.call("sync", "--once")
    tickets = Cache(kiosk.data_dir)
    tickets.store_setting(DEVICE_SETTINGS, {"deviceSettings": 5})
    tickets.close()
    done = kiosk.call("check")
    assert "cannot be read" in done.stderr
    assert "events = NONE: the gate stays closed" in done.stdout
    assert json.loads(kiosk.call("status", "--json").stdout)["tickets"]["complete"] is False


def test_a_credential_is_never_shown(kiosk):
    (kiosk.directory / "secret").write_text("s3cr3t\n", encoding="ascii")
    done = kiosk.call("check")
    assert "s3cr3t" not in done.stdout + done.stderr


def test_rules_that_the_list_refuses_are_left_out_of_what_is_in_force_and_it_is_said_why(kiosk, cloud):
    kiosk.configure(cloud.url, gate='code_rules = ["upper", "aim"]')
    said = kiosk.call("check").stdout
    assert '  code_rules = ["upper", "aim"]  (file)' in said
    assert "  code_rules = upper, aim  (file)\n" in said.partition("[in force at the gate]")[2]
    with closing(Cache(kiosk.data_dir)) as pen:
        tickets = [Ticket(code, code, EVENT_ID, "s") for code in ("ABCDEFGH", "abcdefgh", "\\000026ABCDEFGH")]
        pen.store(map(Listed, tickets), ListState(EVENT_ID, "file"))
    said = kiosk.call("check").stdout.partition("[in force at the gate]")[2]
    why = "rule upper is not used: it makes two tickets alike (…efgh, …EFGH)"
    assert f"  code_rules = aim  (file)\n  {why}\n" in said
    assert "eci" not in said  # it is refused, too, but nobody asked for it


def test_without_any_rule_it_says_so(kiosk, cloud):
    kiosk.configure(cloud.url, gate="code_rules = []")
    assert "  code_rules = none  (file)\n" in kiosk.call("check").stdout


def test_what_was_calibrated_at_the_door_is_shown_over_the_file_with_how_to_undo_it(kiosk):
    kiosk.call("check")
    own = Tuning(kind="serial", device=kiosk.scanner, settings={"prefix": "\u202e#", "idle_ms": 200})
    calibrated.write(kiosk.data_dir, {"left": own})
    said = kiosk.call("check").stdout
    assert '  prefix = ""  (default)' in said
    assert "[in force for scanner left: calibrated on the staff page, `kiosk calibrate --forget --scanner left`" in said
    assert '  prefix = "\\u202e#"  (staff)\n  idle_ms = 200  (staff)' in said
    calibrated.write(kiosk.data_dir, {"left": own.model_copy(update={"device": "/dev/other"})})
    said = kiosk.call("check").stdout
    assert "does not count, its kind or its device is another one now" in said
    assert "(staff)" not in said
