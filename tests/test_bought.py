"""Just bought, from outside: real programs, a scanner on a pty, a cloud that gets a ticket after the list is here."""

import json
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from kiosk import words
from kiosk.model import Reason
from kiosk.scanners.socket import ask

EVENT_ID, OTHER_EVENT = "62a1c0ffee0000000000e001", "62a1c0ffee0000000000e002"
CODE = "JUSTBOUGHT01"
ONE = "/api/accessusers/tickets/"
LOOKUP_S = 1.2
UNKNOWN = words.SENTENCES[Reason.UNKNOWN]


def bought(cloud, code: str = CODE, event_id: str = EVENT_ID) -> None:
    cloud.add_tickets([{"_id": f"id-{code}", "barcode": code, "eventId": event_id, "name": "Ada"}])


def single(cloud) -> list[str]:
    """The codes that the cloud was asked for one by one."""
    paths = [request["path"] for request in cloud.requests()]
    return [path.removeprefix(ONE) for path in paths if path.startswith(ONE) and not path.startswith(f"{ONE}v2/")]


def increments(cloud) -> int:
    return len([request for request in cloud.requests() if "/tickets/v2/" in request["path"]])


@pytest.fixture
def opened(kiosk, cloud, eventually):
    """Gate and sync with the whole list, of which no increment is due for a long time."""
    text = kiosk.file.read_text().replace("tickets_interval_s = 0.5", "tickets_interval_s = 600")
    kiosk.file.write_text(text.replace("[gate]", f"[gate]\nlookup_ms = {LOOKUP_S * 1000:.0f}"))
    kiosk.start("sync")
    kiosk.open_gate()
    eventually("the list is there", lambda: kiosk.status()["tickets"]["complete"])
    eventually("the cloud is there", lambda: kiosk.status()["cloud"]["reachable"])
    eventually("the gate is open", lambda: json.loads((kiosk.runtime_dir / "gate.json").read_text())["events"])
    time.sleep(0.6)  # until who looks codes up has seen the list, too
    return kiosk


def desk(kiosk, code: str = CODE) -> tuple[str, float]:
    """Hand a code in as staff does; return what is said, and how long it took."""
    began = time.monotonic()
    return str(ask(kiosk.runtime_dir / "gate.sock", code, None)["message"]), time.monotonic() - began


def wanted(kiosk) -> list[str]:
    with closing(sqlite3.connect(f"file:{kiosk.data_dir}/journal.db?mode=ro", uri=True)) as database:
        return [barcode for (barcode,) in database.execute("SELECT barcode FROM wanted ORDER BY no")]


def test_a_ticket_that_was_bought_a_moment_ago_is_admitted_at_its_first_scan(opened, cloud):
    bought(cloud)
    found = json.loads(opened.call("scan", CODE, "--json").stdout)
    assert (found["scanResult"], found["reason"], found["name"]) == ("approved", "ok", "Ada")
    assert [(scan["barcode"], scan["reason"]) for scan in opened.scans()] == [(CODE, "ok")]
    assert single(cloud) == [CODE]


def test_at_a_scanner_too_and_it_is_delivered_like_any_other(opened, cloud, eventually):
    bought(cloud)
    opened.scan(CODE)
    eventually("it is delivered", lambda: [scan["delivery"] for scan in opened.scans()] == ["acked"])
    assert [scan["scanResult"] for scan in cloud.scans()] == ["approved"]


def test_an_increment_follows_at_once_and_brings_what_was_bought_with_it(opened, cloud, eventually):
    bought(cloud, "ITSFRIEND001")
    before = increments(cloud)
    desk(opened)
    eventually("an increment is fetched", lambda: increments(cloud) > before)
    eventually("the friend is on the list", lambda: desk(opened, "ITSFRIEND001")[0] == "Welcome")
    assert "ITSFRIEND001" not in single(cloud)


def test_a_ticket_of_another_event_is_said_to_be_one(opened, cloud):
    cloud.add_event(OTHER_EVENT, "The Gala")
    bought(cloud, event_id=OTHER_EVENT)
    assert json.loads(opened.call("scan", CODE, "--json").stdout)["reason"] == "wrong_event"
    assert single(cloud) == [CODE, CODE]  # for this event, then for any


def test_a_code_that_nobody_has_is_refused_as_soon_as_the_cloud_says_so(opened, cloud):
    said, took_s = desk(opened)
    assert said == UNKNOWN
    assert took_s < LOOKUP_S
    assert single(cloud) == [CODE, CODE]
    said, took_s = desk(opened, "ANOTHERCODE1")  # within the second: not asked for
    assert (said, took_s < LOOKUP_S / 2, len(single(cloud))) == (UNKNOWN, True, 2)


def test_a_slow_cloud_holds_no_lane_up_and_the_guest_is_admitted_when_scanned_again(opened, cloud, valid, eventually):
    cloud.arm("slow_reply", 1, route=f"GET {ONE}{CODE}", seconds=3)
    bought(cloud)
    told: list[tuple[str, float]] = []
    guest = threading.Thread(target=lambda: told.append(desk(opened)))
    guest.start()
    eventually("the guest waits", lambda: wanted(opened) == [CODE])
    began = time.monotonic()
    opened.scan(valid[0]["barcode"])
    eventually("the other lane is answered", opened.scans)
    assert time.monotonic() - began < LOOKUP_S / 2
    assert told == []
    guest.join()
    assert told[0][0] == words.NOT_YET
    assert LOOKUP_S <= told[0][1] < LOOKUP_S + 0.4
    assert [(scan["barcode"], scan["reason"]) for scan in opened.scans()] == [
        (valid[0]["barcode"], "ok"), (CODE, "unknown"),
    ]  # fmt: skip
    eventually("it is there when scanned again", lambda: desk(opened)[0] == "Welcome")
    assert [scan["reason"] for scan in opened.scans()] == ["ok", "unknown", "ok"]


def test_waving_unknown_codes_reaches_the_cloud_once_a_second_at_most_and_each_gets_its_row(opened, cloud):
    codes = [f"WAVED-{number:03}" for number in range(50)]
    began = time.monotonic()
    for code in codes:
        opened.scan(code)
        time.sleep(0.05)
    took_s = time.monotonic() - began
    desk(opened, "THELASTONE")
    asked = set(single(cloud))
    assert 2 <= len(asked) <= took_s + 2
    assert [scan["barcode"] for scan in opened.scans()] == [*codes, "THELASTONE"]


def test_without_a_cloud_nobody_waits_and_nothing_is_wanted(opened, cloud, eventually):
    cloud.stop()
    opened.stop("sync")
    opened.start("sync")
    eventually("it is noticed", lambda: opened.status()["cloud"]["lastError"])
    said, took_s = desk(opened)
    assert (said, took_s < LOOKUP_S / 2, wanted(opened)) == (UNKNOWN, True, [])


def test_without_sync_nobody_waits_and_nothing_is_wanted(opened):
    opened.stop("sync")
    said, took_s = desk(opened)
    assert (said, took_s < LOOKUP_S / 2, wanted(opened)) == (UNKNOWN, True, [])


def test_a_cloud_that_falls_silent_meanwhile_is_tried_again_after_a_while(opened, cloud, eventually):
    cloud.arm("offline", 1, route=f"GET {ONE}")
    assert desk(opened)[0] == words.NOT_YET
    eventually("it is said", lambda: not opened.status()["cloud"]["reachable"])
    eventually("it is forgotten", lambda: opened.status()["cloud"]["reachable"])
    bought(cloud)
    assert desk(opened)[0] == "Welcome"


def test_a_damaged_journal_of_wanted_codes_ends_no_sync(opened, cloud, eventually):
    """Sync reads a file that is not its own: whatever is in it, the scans are delivered."""
    with closing(sqlite3.connect(opened.data_dir / "journal.db")) as database:
        database.execute("DROP TABLE wanted")
        database.execute("CREATE TABLE wanted (no TEXT, barcode BLOB)")
        database.commit()
    eventually("it is said", lambda: "not looked up" in (opened.directory / "sync.log").read_text())
    assert desk(opened)[0] == UNKNOWN
    assert opened.status()["sync"] == "running"


HOSTILE = [
    "../../../me",
    "..%2F..%2Fme",
    "a/b/c/d/e/f",
    "back\\slash",
    "........",
    "x" * 200,
    "two\tcolumns",
    "1234567",
]


def test_codes_that_are_made_to_be_addresses_reach_no_other_one(opened, cloud):
    for code in HOSTILE:
        desk(opened, code)
        time.sleep(1.0)
    assert set(single(cloud)) == {"..%252F..%252Fme"}  # a name like any other, once it is quoted
    assert [scan["barcode"] for scan in opened.scans()] == HOSTILE
