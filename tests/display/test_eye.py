"""What the eye makes of the files. Time is an argument, so nothing here waits."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kiosk import clock, disk
from kiosk.display.eye import Eye
from kiosk.errors import TooNew
from kiosk.model import Delivery, Direction, Reason, Ticket
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger

TICKET = Ticket("t1", "ABCD1234", "e1", "tt1", ticket_name="Weekend")


@pytest.fixture
def eye(door):
    made = Eye(door.config)
    yield made
    made.close()


def later(seconds):
    now = clock.now()
    return replace(now, boottime_ns=now.boottime_ns + int(seconds * 1e9))


def facts(snapshot):
    return {**snapshot.facts, "shown": snapshot.shown.facts if snapshot.shown is not None else None}


def test_it_says_at_once_how_everything_is(door, eye):
    door.list_tickets(3)
    found = facts(eye.look(clock.now()))
    assert (found["deviceId"], found["eventNames"], found["revealSeconds"]) == ("gate-north-1", ["Summer Night"], 3.0)
    assert found["gate"] == {
        "alive": True,
        "scanners": [{"name": "left", "kind": "serial", "connected": True, "calibrating": False, "hint": None}],
        "events": ["e1"],
        "fault": None,
        "notice": None,
        "practice": False,
        "clockKnown": True,
        "outputs": [],
        "missed": [],
    }
    assert found["tickets"] == {
        "total": 3, "complete": True, "ageSeconds": 0, "old": False, "expected": None, "refused": [],
        "shrunkTo": None,
    }  # fmt: skip
    assert (found["online"], found["syncAlive"], found["shown"]) == (True, True, None)


def test_it_says_what_to_do_about_a_scanner_as_briefly_as_anything(door, eye):
    left = {"name": "left", "kind": "hid", "device": "x", "connected": True, "problem": None}
    door.beat(scanners=[{**left, "hint": "scanner layout? " * 30}])
    (found,) = facts(eye.look(clock.now()))["gate"]["scanners"]
    assert found["hint"].startswith("scanner layout? scanner layout?")
    assert len(found["hint"]) == 160


def test_it_says_nothing_while_nothing_changes_and_all_of_it_each_second(eye):
    now = clock.now()
    assert eye.look(now) is not None
    assert eye.look(replace(now, boottime_ns=now.boottime_ns + 900_000_000)) is None
    assert eye.look(replace(now, boottime_ns=now.boottime_ns + 1_000_000_000)) is not None


def test_a_scan_is_said_at_once_with_the_counts_of_now(door, eye):
    eye.look(clock.now())
    door.scan()
    found = facts(eye.look(clock.now()))
    assert (found["shown"]["seq"], found["shown"]["message"], found["shown"]["repeated"]) == (1, "Welcome", False)
    assert found["counts"] == {"checkin": 1, "checkout": 0, "declined": 0, "inside": 1}


def test_a_verdict_is_taken_back_when_its_time_is_over(door, eye):
    eye.look(clock.now())
    door.scan()
    eye.look(clock.now())
    assert facts(eye.look(later(3.1)))["shown"] is None


def test_a_verdict_stays_as_long_as_the_cloud_says(door, eye):
    door.tell(scanRevealInterval=10)
    eye.look(clock.now())
    door.scan()
    assert facts(eye.look(clock.now()))["revealSeconds"] == 10
    assert facts(eye.look(later(9.5)))["shown"]
    assert facts(eye.look(later(10.1)))["shown"] is None


def test_settings_that_change_are_in_the_next_second_s_snapshot(door, eye):
    assert facts(eye.look(clock.now()))["colours"]["repeated"] == "orange"
    door.tell(colorSettings={"repeated": "blue"}, enableSoundFeedback=False, scanRevealInterval=30)
    found = facts(eye.look(later(1.1)))
    assert (found["colours"]["repeated"], found["sound"], found["revealSeconds"]) == ("blue", False, 30)


def test_settings_that_cannot_be_read_leave_the_screen_as_it_is(door, eye):
    door.tell(colorSettings={"repeated": "blue"})
    eye.look(clock.now())
    door.store_settings({"deviceSettings": 5, "colorSettings": {"repeated": "pink"}})
    assert facts(eye.look(later(1.1)))["colours"]["repeated"] == "blue"
    for file in door.data_dir.glob("tickets.db*"):
        file.unlink()
    eye.look(later(2.2))
    assert facts(eye.look(later(3.3)))["colours"]["repeated"] == "blue"


def test_after_a_start_the_verdict_of_this_moment_is_shown_with_its_age(door):
    scan = door.scan()
    now = replace(scan.moment, boottime_ns=scan.moment.boottime_ns + 2_000_000_000)
    shown = Eye(door.config).look(now).shown
    assert (shown.facts["seq"], shown.at(now.boottime_ns)["ageMs"]) == (1, 2000)


def test_after_a_start_an_old_verdict_is_not_shown(door):
    door.scan()
    assert Eye(door.config).look(later(4)).shown is None


def test_after_a_start_a_verdict_of_another_boot_is_not_shown(door):
    scan = door.scan()
    assert Eye(door.config).look(replace(scan.moment, boot_id="another")).shown is None


def test_an_eye_that_was_away_does_not_show_what_it_missed(door, eye):
    eye.look(clock.now())
    door.scan()
    assert eye.look(later(10)).shown is None


def test_a_verdict_that_waited_long_for_its_decision_is_shown_all_the_same(door, eye):
    door.scan()
    eye.look(later(3.9))
    door.scan()
    assert eye.look(later(4.0)).shown.facts["seq"] == 2


def test_a_code_that_stays_before_the_scanner_keeps_its_verdict(door, eye):
    eye.look(clock.now())
    scan = door.scan()
    first = eye.look(clock.now()).shown
    door.repeat(scan)
    again = eye.look(later(0.5)).shown
    assert (again.facts["repeated"], again.since_ns > first.since_ns) == (False, True)


def test_the_first_scan_of_a_new_journal_is_shown_once(door, eye):
    door.fall_silent()
    eye.look(clock.now())
    door.scan()
    eye.look(clock.now())
    door.beat()
    assert facts(eye.look(later(1.2)))["shown"]["repeated"] is False
    assert facts(eye.look(later(3.2)))["shown"] is None


def test_a_repeat_a_while_later_is_called_a_repeat(door, eye):
    eye.look(clock.now())
    scan = door.scan()
    eye.look(clock.now())
    door.repeat(scan)
    assert eye.look(later(1.2)).shown.facts["repeated"] is True


def test_what_could_not_be_recorded_is_shown_as_its_message(door, eye):
    eye.look(clock.now())
    door.refuse()
    shown = eye.look(clock.now()).shown.facts
    assert (shown["headline"], shown["seq"]) == ("SEE STAFF", None)


def test_a_gate_that_stopped_beating_is_not_alive(door, eye):
    assert facts(eye.look(clock.now()))["gate"]["alive"]
    door.fall_silent()
    (door.runtime_dir / "gate.json").unlink()
    assert not facts(eye.look(clock.now()))["gate"]["alive"]


def test_a_gate_that_is_deaf_is_not_alive(door, eye):
    eye.look(clock.now())
    door.ears_stuck_ns = clock.boottime_ns() - 4_000_000_000
    door.beat()
    assert not facts(eye.look(clock.now()))["gate"]["alive"]


def test_a_gate_whose_rows_cannot_be_seen_is_not_shown_as_ready(door, eye):
    eye.look(clock.now())
    door.shown = {"turn": 5, "lane": "left", "seq": 99, "message": ""}
    door.beat()
    eye.look(clock.now())
    assert not facts(eye.look(later(1.1)))["gate"]["alive"]


def test_deliveries_are_counted_from_journal_and_ledger(door, eye):
    for _ in range(3):
        door.scan()
    ledger = Ledger(door.data_dir)
    ledger.take_in([Entry(door.scan(), Delivery.REFUSED)])
    ledger.close()
    assert facts(eye.look(clock.now()))["outbox"]["refused"] == 1


def test_checkouts_and_declined_scans_are_counted(door, eye):
    door.scan()
    door.scan(direction=Direction.CHECKOUT)
    door.scan(Reason.UNKNOWN, ticket=None)
    assert facts(eye.look(clock.now()))["counts"] == {"checkin": 1, "checkout": 1, "declined": 1, "inside": 0}


def test_an_incomplete_list_and_an_old_one_are_told_apart(door, eye):
    door.list_tickets(2, complete=False)
    assert facts(eye.look(clock.now()))["tickets"] == {
        "total": 2, "complete": False, "ageSeconds": None, "old": False, "expected": None, "refused": [],
        "shrunkTo": None,
    }  # fmt: skip
    door.list_tickets(2)
    assert facts(eye.look(later(90_000)))["tickets"]["old"] is True


def test_a_list_that_was_deleted_and_made_again_is_the_one_that_counts(door, eye):
    door.list_tickets(3)
    eye.look(clock.now())
    for file in door.data_dir.glob("tickets.db*"):
        file.unlink()
    door.list_tickets(5)
    eye.look(later(1.1))
    assert facts(eye.look(later(2.2)))["tickets"]["total"] == 5


def test_an_unreachable_cloud_and_a_stopped_sync_are_off_line(door, eye):
    door.reachable = False
    door.beat()
    found = facts(eye.look(clock.now()))
    assert (found["online"], found["syncAlive"]) == (False, True)


def test_what_is_wrong_with_the_cloud_is_said_in_bounds_as_long_as_sync_lives(door, eye):
    assert cloud_in(eye.look(clock.now())) == (None, None)
    door.cloud_error, door.delivery_refused = "\u202e" + "no route " * 1000, "401 " * 1000
    door.beat()
    problem, refused = cloud_in(eye.look(later(1.1)))
    assert (problem[:8], len(problem), refused[:4], len(refused)) == ("no route", 160, "401 ", 160)
    door.fall_silent()
    (door.runtime_dir / "sync.json").unlink()
    assert cloud_in(eye.look(later(2.2))) == (None, None)


def cloud_in(snapshot):
    return snapshot.facts["cloudProblem"], snapshot.facts["deliveryRefused"]


def test_without_any_file_there_is_no_gate_and_nothing_is_made(door, tmp_path):
    config = door.config
    empty = config.device.model_copy(update={"data_dir": tmp_path / "none", "runtime_dir": tmp_path / "no"})
    found = facts(Eye(config.model_copy(update={"device": empty})).look(clock.now()))
    assert (found["gate"]["alive"], found["tickets"]["total"], found["counts"]["checkin"]) == (False, 0, 0)
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "no").exists()


def test_a_journal_that_appears_later_is_noticed(door, tmp_path):
    config = door.config
    fresh = config.device.model_copy(update={"data_dir": tmp_path / "fresh"})
    eye = Eye(config.model_copy(update={"device": fresh}))
    eye.look(clock.now())
    (tmp_path / "fresh").mkdir()
    door.journal.close()
    door.journal = Journal(tmp_path / "fresh", "gate-north-1")
    door.scan()
    assert eye.look(clock.now()).shown.facts["seq"] == 1


def test_while_the_journal_cannot_be_read_it_says_nothing_and_recovers(door, eye, tmp_path):
    door.scan()
    assert eye.look(clock.now()) is not None
    door.journal.close()
    shutil.move(door.data_dir / "journal.db", tmp_path / "kept.db")
    for file in door.data_dir.glob("journal.db-*"):
        file.unlink()
    spoilt = sqlite3.connect(door.data_dir / "journal.db")
    spoilt.execute("PRAGMA user_version = 1")
    spoilt.close()
    eye.look(later(1.1))
    assert eye.look(later(1.2)) is None
    shutil.move(tmp_path / "kept.db", door.data_dir / "journal.db")
    door.journal = Journal(door.data_dir, "gate-north-1")
    assert eye.look(later(2.2)) is not None


def test_a_journal_of_a_newer_version_is_not_guessed_at(door, eye):
    newer = sqlite3.connect(door.data_dir / "journal.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(TooNew):
        eye.look(clock.now())


def test_a_disk_that_is_nearly_full_is_said(door, eye, monkeypatch):
    assert facts(eye.look(clock.now()))["disk"] is None
    monkeypatch.setattr(disk, "SCARCE", 1 << 62)
    assert "MB are free" in facts(eye.look(later(1.1)))["disk"]


def test_the_time_on_the_screen_is_what_the_gate_knows_and_none_where_nobody_knows_it(door, eye):
    now = replace(clock.now(), at=datetime(1970, 1, 1, 0, 10, tzinfo=UTC))
    real = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
    door.beat(clock={"known": True, "aheadSeconds": (now.at - real).total_seconds()})
    assert facts(eye.look(now))["time"] == f"{real.astimezone():%H:%M}"
    door.beat(clock={"known": False, "aheadSeconds": None})
    assert facts(eye.look(replace(now, boottime_ns=now.boottime_ns + 2_000_000_000)))["time"] == ""


def test_it_names_what_does_not_work_and_who_did_not_pass(door, eye):
    door.beat(
        outputs=[{"name": "barrier", "problem": "hangs"}, {"name": "red", "problem": None}],
        turnstiles=[{"name": "drum", "problem": "GPIO27: busy", "missed": {"seq": 17, "lane": "left"}}],
    )
    gate = facts(eye.look(clock.now()))["gate"]
    assert gate["outputs"] == ["barrier", "drum"]
    assert gate["missed"] == [{"lane": "left", "seq": 17}]


TWO = "".join(f"[[scanner]]\nname = '{lane}'\nkind = 'serial'\ndevice = '/dev/{lane}'\n" for lane in ("left", "right"))


@pytest.fixture
def wide(door):
    """The eye of a door with two scanners."""
    door.configure(TWO)
    made = Eye(door.config)
    yield made
    made.close()


def halves(snapshot):
    return [half.shown and half.shown.facts["seq"] for half in snapshot.halves]


def test_two_scanners_have_a_verdict_each_that_were_made_between_two_looks(door, wide):
    wide.look(clock.now())
    door.scan(lane="left")
    door.scan(Reason.INVALID, lane="right")
    door.scan(lane="desk")
    found = wide.look(clock.now())
    assert (halves(found), found.elsewhere.facts["seq"], found.shown.facts["seq"]) == ([1, 2], 3, 3)


def test_an_answer_that_was_not_recorded_is_shown_on_its_own_half(door, wide):
    door.scan(lane="desk")
    wide.look(clock.now())
    door.scan(lane="left")
    door.refuse(lane="right")
    found = wide.look(clock.now())
    assert halves(found) == [2, None]
    assert found.halves[1].shown.facts["headline"] == "SEE STAFF"


def test_each_half_s_verdict_ends_by_its_own_time(door, wide):
    wide.look(clock.now())
    door.scan(lane="left")
    wide.look(clock.now())
    wide.look(later(1.5))
    door.scan(lane="right")
    wide.look(later(2))
    assert halves(wide.look(later(3.5))) == [None, 2]
    assert halves(wide.look(later(5.1))) == [None, None]


def test_after_a_start_each_lane_s_verdict_of_this_moment_is_shown(door, wide):
    door.scan(lane="left")
    door.scan(lane="right")
    door.scan(lane="right")
    assert halves(wide.look(clock.now())) == [1, 3]


def test_a_code_held_before_one_scanner_is_no_repeat_though_the_other_lane_goes_on(door, wide):
    wide.look(clock.now())
    scan = door.scan(lane="left")
    wide.look(clock.now())
    door.scan(lane="right")
    door.repeat(scan)
    found = wide.look(later(0.5))
    assert halves(found) == [1, 2]
    assert [half.shown.facts["repeated"] for half in found.halves] == [False, False]


def test_those_admitted_are_counted_by_ticket_type_at_once(door, eye):
    eye.look(clock.now())
    door.scan()
    door.scan(ticket=replace(TICKET, ticket_name="\u202eCrew" + "x" * 10_000))
    door.scan(Reason.INVALID)
    door.scan(direction=Direction.CHECKOUT)
    door.scan()
    (first, one), (second, other) = facts(eye.look(clock.now()))["types"]
    assert (first, one, second[:4], len(second), other) == ("Weekend", 2, "Crew", 160, 1)
