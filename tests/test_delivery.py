"""Delivery from outside: real programs over loopback, the sandbox's faults, kills. `make soak` plays longer."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from kiosk.clock import now
from kiosk.model import Direction, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal

EVENT_ID = "62a1c0ffee0000000000e001"
UPLOAD = "POST /api/scans"
SCANS = int(os.environ.get("KIOSK_SOAK", "300"))
FAULTS = [
    ("lost_reply", {}), ("error_before", {}), ("error_after", {}), ("offline", {}), ("half_reply", {}),
    ("cut_json", {}), ("wrong_type", {}), ("captive_html", {}), ("captive_meta", {}), ("captive_204", {}),
    ("captive_redirect", {}), ("unauthorized", {}), ("forbidden", {}), ("not_found_html", {}),
    ("rate_limited", {"retry_after": "1"}), ("rate_limited", {"retry_after": "junk"}), ("wrong_ids", {}),
    ("partial_answer", {}), ("answer_array", {}), ("answer_other", {}),
]  # fmt: skip


def backlog(kiosk, count: int, refuse: int = 0) -> list[str]:
    """Record scans as a gate would, without the time that a guest takes; return their codes."""
    kiosk.data_dir.mkdir(exist_ok=True)
    journal = Journal(kiosk.data_dir, "gate-north-1")
    codes = [f"SCAN{number:08}" for number in range(count)]
    for code in codes:
        ticket = Ticket(f"t-{code}", code, EVENT_ID, "type-1", "Standing")
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
        journal.append(Reading("left", code, code.encode(), now()), verdict)
    journal.close()
    return codes


def deliveries(kiosk) -> Counter[str]:
    return Counter(scan["delivery"] for scan in kiosk.scans())


def copies(cloud) -> Counter[str]:
    """How often the cloud has each of our scans."""
    return Counter(scan["barcode"] for scan in cloud.scans() if scan.get("deviceId") == "gate-north-1")


def test_scans_through_any_faults_and_kills_are_delivered_exactly_once_and_the_poison_alone_is_refused(
    kiosk, cloud, eventually
):
    """Faults come at random, on uploads and on read-backs, while sync is killed again and again."""
    seed = int(os.environ.get("KIOSK_SEED", str(random.randrange(1_000_000))))
    print(f"\nKIOSK_SEED={seed} KIOSK_SOAK={SCANS}")
    dice = random.Random(seed)
    kiosk.configure(cloud.url, sync=f"batch_size = {max(10, SCANS // 40)}")
    kiosk.file.write_text(kiosk.file.read_text().replace("[gate]", "requests_per_hour = 100000\n[gate]"))
    codes = backlog(kiosk, SCANS)
    poison = set(dice.sample(codes, 3))
    for code in poison:
        cloud.arm("refuse_scan", None, barcode=code)
    for _ in range(max(8, SCANS // 80)):
        for route in (UPLOAD, "GET /api/scans"):
            name, parameters = dice.choice(FAULTS)
            cloud.arm(name, 1, route=route, **parameters)
        kiosk.start("sync")
        time.sleep(dice.uniform(0.4, 2.5))
        kiosk.stop("sync", signal.SIGKILL)
        assert all(copies(cloud)[s["barcode"]] for s in kiosk.scans() if s["delivery"] == "acked")
    cloud.disarm()
    for code in poison:
        cloud.arm("refuse_scan", None, barcode=code)
    kiosk.start("sync")
    finished = {"acked": SCANS - len(poison), "refused": len(poison)}
    eventually("all is delivered", lambda: deliveries(kiosk) == finished, 110.0)
    found = copies(cloud)
    assert {code for code, count in found.items() if count > 1} == set()
    assert set(found) == set(codes) - poison
    assert {scan["barcode"] for scan in kiosk.scans() if scan["delivery"] == "refused"} == poison


def test_with_the_ledger_deleted_only_what_is_missing_is_sent(kiosk, cloud):
    backlog(kiosk, 250)
    assert kiosk.call("sync", "--once").returncode == 0
    for file in kiosk.data_dir.glob("ledger.db*"):
        file.unlink()
    uploads = sum(request["path"] == "/api/scans" and request["method"] == "POST" for request in cloud.requests())
    assert kiosk.call("sync", "--once").returncode == 0
    assert deliveries(kiosk) == {"acked": 250}
    assert set(copies(cloud).values()) == {1}
    again = [request for request in cloud.requests() if request["method"] == "POST"]
    assert len(again) == uploads


def test_what_cannot_be_looked_up_is_held_with_a_word_and_sent_again_when_a_person_says_so(kiosk, cloud):
    backlog(kiosk, 3)
    cloud.arm("error_before", 1, route=UPLOAD, status=500)
    cloud.arm("forbidden", None, route="GET /api/scans")
    done = kiosk.call("sync", "--once", check=False)
    assert done.returncode == 1
    assert deliveries(kiosk) == {"unknown": 3}
    assert "kiosk retry --unknown" in kiosk.status()["cloud"]["lastError"]
    kiosk.call("retry", "--unknown")
    assert kiosk.call("sync", "--once").returncode == 0
    assert deliveries(kiosk) == {"acked": 3}
    assert set(copies(cloud).values()) == {1}


def test_who_prefers_doubles_to_gaps_gets_them_delivered_by_themselves(kiosk, cloud):
    backlog(kiosk, 3)
    kiosk.configure(cloud.url, sync='on_unknown = "resend"')
    cloud.arm("error_after", 1, route=UPLOAD, status=500)
    cloud.arm("forbidden", None, route="GET /api/scans")
    assert kiosk.call("sync", "--once").returncode == 0
    assert set(copies(cloud).values()) == {2}


def test_unknown_codes_are_reported_where_that_is_wanted_and_only_there(kiosk, cloud, valid):
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    kiosk.call("scan", "NOBODYKNOWS1", "--json")
    kiosk.call("scan", "SHORT", "--json")
    kiosk.call("scan", valid[0]["barcode"], "--json")
    kiosk.configure(cloud.url, sync="report_unknown = true")
    cloud.arm("error_before", 1, route="POST /api/accessusers/scans", status=503)
    cloud.arm("lost_reply", 1, route=UPLOAD)
    kiosk.call("sync", "--once", check=False)
    states = {scan["barcode"]: scan["delivery"] for scan in kiosk.scans()}
    assert states == {"NOBODYKNOWS1": "unknown", "SHORT": "local", valid[0]["barcode"]: "acked"}
    kiosk.call("retry", "--unknown")
    assert kiosk.call("sync", "--once").returncode == 0
    (report,) = cloud.reports()
    assert deliveries(kiosk) == {"acked": 2, "local": 1}
    assert (report["barcode"], report["type"], report["direction"]) == ("NOBODYKNOWS1", "FAIL", "IN")
    assert report["scanned_at"] == next(s["time"] for s in kiosk.scans() if s["barcode"] == "NOBODYKNOWS1")
    assert [scan["barcode"] for scan in cloud.scans()] == [valid[0]["barcode"]]


def test_a_new_credential_is_taken_without_a_restart(kiosk, cloud, eventually):
    """The cloud refuses the old key; a technician writes a new one into the file."""
    cloud.arm("unauthorized", None, route="/api/scans")
    backlog(kiosk, 2)
    kiosk.start("sync")
    eventually("it is said", lambda: "401" in (kiosk.status()["cloud"]["lastError"] or ""))
    eventually("both are kept", lambda: deliveries(kiosk) == {"pending": 2})  # between two attempts
    cloud.disarm()
    (kiosk.directory / "secret").write_text("another\n")
    eventually("it is delivered", lambda: deliveries(kiosk) == {"acked": 2}, 40.0)


def test_a_backlog_says_how_long_it_will_take_and_takes_no_memory(kiosk, cloud, eventually):
    backlog(kiosk, 6_000)
    cloud.arm("slow_reply", None, route=UPLOAD, seconds=0.2)
    process = kiosk.start("sync")
    eta = eventually("it is told", lambda: kiosk.status()["outbox"]["etaSeconds"])
    assert 0 < eta < 120
    assert "delivered in about" in kiosk.call("status").stdout
    eventually("it is delivered", lambda: deliveries(kiosk) == {"acked": 6_000}, 60.0)
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    assert next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) < 90_000
    eventually("nothing is left to wait for", lambda: kiosk.status()["outbox"]["etaSeconds"] is None)


@pytest.mark.parametrize("fault", ["black_hole", "dribble", "forbidden", "captive_html", "offline"])
def test_whatever_the_cloud_does_the_door_does_not_notice(kiosk, cloud, valid, eventually, fault):
    kiosk.call("sync", "--once")
    cloud.arm(fault, None, route="/api/")
    kiosk.start("sync")
    kiosk.open_gate()
    for ticket in valid[:10]:
        began = time.monotonic()
        kiosk.scan(ticket["barcode"])
        eventually("it is recorded", lambda t=ticket: any(s["barcode"] == t["barcode"] for s in kiosk.scans()))
        assert time.monotonic() - began < 1.0
    assert [scan["reason"] for scan in kiosk.scans()] == ["ok"] * 10
