"""The main job from outside: real programs, a scanner on a pty, a cloud on loopback."""

import json
import os
import signal
import sqlite3
from collections import Counter

import pytest

STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def acked(kiosk) -> bool:
    return all(scan["delivery"] in {"acked", "local"} for scan in kiosk.scans())


def delivered_once(kiosk, cloud) -> bool:
    """Every deliverable scan of the journal is in the cloud, once, and nothing else is."""
    ours = Counter((s["time"], s["barcode"], s["type"], s["scanResult"]) for s in kiosk.scans() if s["ticketId"])
    theirs = Counter((s["time"], s["barcode"], s["type"], s["scanResult"]) for s in cloud.scans())
    assert theirs == ours
    return True


@pytest.fixture
def listed(kiosk, cloud):
    """A kiosk that has fetched its list."""
    kiosk.call("sync", "--once")
    return kiosk


def test_a_code_on_a_pty_is_in_the_journal_and_in_the_cloud_with_every_field(listed, cloud, valid, eventually):
    ticket = valid[0]
    listed.open_gate()
    listed.scan(ticket["barcode"])
    row = eventually("the scan is recorded", listed.scans)[0]
    listed.call("sync", "--once")
    (stored,) = cloud.scans()
    shown = {
        "barcode": ticket["barcode"], "type": "checkin", "scanResult": "approved", "reason": "ok",
        "delivery": "pending", "scanner": "left", "deviceId": "gate-north-1",
    }  # fmt: skip
    assert {key: row[key] for key in shown} == shown
    expected = {
        "ticketId": ticket["_id"], "eventId": ticket["eventId"], "barcode": ticket["barcode"], "time": row["time"],
        "ticketTypeId": ticket["ticketTypeId"], "ticketName": ticket["ticketName"], "name": ticket["name"],
        "type": "checkin", "scanResult": "approved", "deviceId": "gate-north-1", "sellerId": ticket["sellerId"],
    }  # fmt: skip
    assert {key: stored.get(key) for key in expected} == expected
    assert listed.scans()[0]["delivery"] == "acked"


def test_an_unknown_code_stays_in_the_journal_alone(listed, cloud, eventually):
    listed.open_gate()
    listed.scan("NOBODYKNOWS")
    eventually("the scan is recorded", listed.scans)
    listed.call("sync", "--once")
    (row,) = listed.scans()
    assert (row["reason"], row["delivery"], row["ticketId"]) == ("unknown", "local", None)
    assert cloud.scans() == []


def test_bytes_that_are_no_text_are_recorded_as_unreadable(listed, eventually):
    listed.open_gate()
    listed.scan(b"AB\xff\xfeCD")
    (row,) = eventually("the scan is recorded", listed.scans)
    assert (row["reason"], row["scanResult"], row["delivery"]) == ("unreadable", "declined", "local")


def test_the_same_code_within_the_hold_off_records_nothing_new(listed, valid, eventually):
    listed.open_gate()
    first = json.loads(listed.call("scan", valid[0]["barcode"], "--json").stdout)
    again = json.loads(listed.call("scan", valid[0]["barcode"], "--json").stdout)
    assert again == first
    assert len(listed.scans()) == 1


def test_the_hold_off_survives_a_kill(listed, valid):
    listed.open_gate()
    first = json.loads(listed.call("scan", valid[0]["barcode"], "--json").stdout)
    listed.stop("gate", signal.SIGKILL)
    listed.file.write_text(listed.file.read_text().replace("[gate]", "[gate]\nhold_off_s = 30"))
    listed.open_gate()
    assert json.loads(listed.call("scan", valid[0]["barcode"], "--json").stdout) == first


PROGRAMS = {"gate", "sync", "display"}


def runs(kiosk, program: str) -> bool:
    return kiosk.status()[program] == "running" and all(scanner["connected"] for scanner in kiosk.scanners())


@pytest.mark.parametrize("victim", sorted(PROGRAMS))
def test_kill_9_of_a_program_stops_no_other_and_loses_nothing(listed, cloud, valid, eventually, victim):
    def admit(tickets, upto: int) -> None:
        for ticket in tickets:
            listed.scan(ticket["barcode"])
        eventually("recorded", lambda: len(listed.scans()) == upto)

    for program in PROGRAMS:
        listed.start(program)
    eventually("all run", lambda: all(runs(listed, program) for program in PROGRAMS))
    admit(valid[:5], 5)
    listed.stop(victim, signal.SIGKILL)
    assert listed.status()[victim] == "down"
    assert {listed.status()[other] for other in PROGRAMS - {victim}} == {"running"}
    if victim != "gate":
        admit(valid[5:10], 10)  # the door goes on
    listed.start(victim)
    eventually("it is back", lambda: runs(listed, victim))
    before = len(listed.scans())
    admit(valid[10:15], before + 5)
    assert {scan["reason"] for scan in listed.scans()} == {"ok"}
    eventually("everything arrives", lambda: acked(listed))
    assert delivered_once(listed, cloud)


def test_without_a_network_verdicts_are_the_same_and_everything_arrives_when_it_is_back(
    listed, cloud, valid, eventually
):
    cloud.arm("offline", None)
    listed.start("sync")
    listed.open_gate()
    for ticket in valid[:8]:
        listed.scan(ticket["barcode"])
    eventually("recorded", lambda: len(listed.scans()) == 8)
    assert {scan["reason"] for scan in listed.scans()} == {"ok"}
    assert cloud.scans() == []
    eventually("it is noticed", lambda: not listed.status()["cloud"]["reachable"])
    cloud.disarm()
    eventually("everything arrives", lambda: acked(listed))
    assert delivered_once(listed, cloud)


@pytest.mark.parametrize("fault", ["lost_reply", "error_after", "captive_html", "captive_204", "cut_json", "wrong_ids"])
def test_an_upload_without_a_valid_answer_is_neither_lost_nor_doubled(listed, cloud, valid, eventually, fault):
    listed.open_gate()
    for ticket in valid[:5]:
        listed.scan(ticket["barcode"])
    eventually("recorded", lambda: len(listed.scans()) == 5)
    cloud.arm(fault, 1, route="POST /api/scans")
    assert listed.call("sync", "--once").returncode == 0
    assert delivered_once(listed, cloud)


def test_one_refused_scan_stands_alone_and_can_be_handed_out_again(listed, cloud, valid, eventually):
    listed.open_gate()
    for ticket in valid[:7]:
        listed.scan(ticket["barcode"])
    eventually("recorded", lambda: len(listed.scans()) == 7)
    cloud.arm("refuse_scan", None, barcode=valid[3]["barcode"])
    assert listed.call("sync", "--once").returncode == 0
    states = [scan["delivery"] for scan in listed.scans()]
    assert states == ["acked"] * 3 + ["refused"] + ["acked"] * 3
    assert "400" in listed.scans()[3]["deliveryError"]
    assert listed.status()["outbox"]["refused"] == 1
    cloud.disarm()
    listed.call("retry", "4")
    assert listed.call("sync", "--once").returncode == 0
    assert delivered_once(listed, cloud)


def test_a_refused_credential_keeps_everything_and_a_new_one_needs_no_restart(listed, cloud, valid, eventually):
    cloud.arm("unauthorized", None)
    listed.start("sync")
    listed.open_gate()
    listed.scan(valid[0]["barcode"])
    eventually("it is said", lambda: "401" in (listed.status()["cloud"]["lastError"] or ""))
    assert listed.status()["cloud"]["reachable"]
    eventually("it is kept", lambda: [scan["delivery"] for scan in listed.scans()] == ["pending"])
    cloud.disarm()
    eventually("everything arrives", lambda: acked(listed))
    assert delivered_once(listed, cloud)


def test_sync_once_without_a_cloud_fails_and_keeps_everything(listed, cloud, valid, eventually):
    listed.open_gate()
    listed.scan(valid[0]["barcode"])
    eventually("recorded", listed.scans)
    cloud.stop()
    assert listed.call("sync", "--once", check=False).returncode == 1
    assert listed.scans()[0]["delivery"] == "pending"


def test_other_doors_are_seen_within_an_interval(listed, cloud, valid, eventually):
    ticket = valid[0]
    listed.start("sync")
    listed.open_gate()
    other = {
        "ticketId": ticket["_id"], "eventId": ticket["eventId"], "barcode": ticket["barcode"], "type": "checkin",
        "ticketTypeId": ticket["ticketTypeId"], "scanResult": "approved", "time": "2030-01-23T23:00:00.123Z",
    }  # fmt: skip
    import httpx

    sent = httpx.post(f"{cloud.url}/api/scans", json=[other], headers={"Authorization": "Bearer other"})
    assert sent.status_code == 200

    def heard() -> bool:
        with sqlite3.connect(f"file:{listed.data_dir}/tickets.db?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM elsewhere").fetchone()[0] == 1

    eventually("it is heard of", heard)
    assert json.loads(listed.call("scan", ticket["barcode"], "--json").stdout)["reason"] == "already_in"


def test_a_scanner_that_is_pulled_and_plugged_in_again_needs_no_restart(listed, valid, eventually, tmp_path):
    link = tmp_path / "scanner"
    link.symlink_to(listed.scanner)
    listed.configure(
        listed.file.read_text().split('scans_url = "')[1].split("/api")[0],
        scanner=f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "{link}"\n',
    )
    listed.open_gate()
    os.write(listed.master, valid[1]["barcode"][:5].encode())  # half a code, then the plug
    link.unlink()  # first: the number of a pty that is closed may be somebody else's at once
    os.close(listed.master)
    os.close(listed._slave)
    eventually("the loss is said", lambda: not listed.scanners()[0]["connected"])
    listed.master, listed._slave = os.openpty()
    link.symlink_to(os.ttyname(listed._slave))
    eventually("it is back", lambda: listed.scanners()[0]["connected"])
    listed.scan(valid[0]["barcode"])
    (row,) = eventually("recorded", listed.scans)
    assert row["barcode"] == valid[0]["barcode"]


@pytest.mark.parametrize("program", ["gate", "sync", "display"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_program_ends_cleanly_within_two_seconds(listed, eventually, program, number):
    process = listed.start(program)
    eventually("it runs", lambda: listed.status()[program] == "running")
    process.send_signal(number)
    assert process.wait(2) == 0
    assert listed.status()[program] == "down"


def test_sync_ends_within_two_seconds_even_while_the_cloud_is_silent(listed, cloud, eventually):
    cloud.arm("black_hole", None)
    process = listed.start("sync")
    eventually("it waits for an answer", lambda: listed.status()["sync"] == "running")
    process.send_signal(signal.SIGTERM)
    assert process.wait(2) == 0


def test_only_one_gate_and_one_sync_run_at_a_time(listed, eventually):
    listed.open_gate()
    listed.start("sync")
    eventually("it runs", lambda: listed.status()["sync"] == "running")
    for program in ("gate", "sync"):
        done = listed.call(program, check=False)
        assert done.returncode == 1
        assert "already running" in done.stderr


def test_scanning_without_a_gate_exits_with_3(kiosk):
    done = kiosk.call("scan", "ANYTHING", check=False)
    assert done.returncode == 3
    assert "kiosk gate" in done.stderr


def test_a_gate_without_any_event_is_closed_and_says_so(kiosk, cloud):
    kiosk.open_gate()  # no list, no settings, no events in the file
    done = kiosk.call("scan", "ANYTHING", check=False)
    assert done.returncode == 1
    assert "no event" in done.stderr
    assert kiosk.scans() == []
