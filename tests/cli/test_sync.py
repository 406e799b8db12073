"""The program that talks to the cloud, as it is run."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from kiosk.clock import now
from kiosk.model import Direction, Reading, Reason, Result, Ticket, Verdict
from kiosk.sandbox import generate_tickets
from kiosk.store.journal import Journal

EVENT_ID = "62a1c0ffee0000000000e001"


def test_one_pass_fetches_settings_events_and_the_list(kiosk, cloud):
    done = kiosk.call("sync", "--once")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(kiosk.call("tickets", "--json").stdout)["events"][0]["complete"] is True
    with sqlite3.connect(kiosk.data_dir / "tickets.db") as database:
        assert database.execute("SELECT name FROM event").fetchall() == [("Summer Night",)]


def test_a_missing_credential_is_said_with_its_key_and_nothing_is_sent(kiosk, cloud):
    (kiosk.directory / "secret").unlink()
    kiosk.call("sync", "--once")  # there is nothing to deliver
    assert cloud.requests() == []
    assert "cloud.token_file" in kiosk.status()["cloud"]["lastError"]


def test_the_credentials_that_systemd_hands_over_are_used(kiosk, cloud, tmp_path):
    handed = tmp_path / "handed"
    handed.mkdir()
    (kiosk.directory / "secret").rename(handed / "secret")
    kiosk.call("sync", "--once", env={**os.environ, "CREDENTIALS_DIRECTORY": str(handed)})
    assert {request["status"] for request in cloud.requests()} == {200}


def test_the_environments_proxies_are_used_for_both_hosts_where_the_configuration_says_so(kiosk, valid, eventually):
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    kiosk.scan(valid[0]["barcode"])
    eventually("recorded", kiosk.scans)
    text = kiosk.file.read_text(encoding="utf-8")
    kiosk.file.write_text(text.replace("[cloud]", "[cloud]\nproxy_from_environment = true"), encoding="utf-8")
    environment = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    environment = {name: value for name, value in environment.items() if name.lower() != "no_proxy"}
    done = kiosk.call("sync", "--once", check=False, env=environment)
    assert done.returncode == 1
    assert "by the proxy 127.0.0.1 (port 9): connection refused" in kiosk.status()["cloud"]["lastError"]
    said = "cannot reach 127.0.0.1 by the proxy"
    assert all(f"{part}: {said}" in done.stderr for part in ("settings", "delivery")), done.stderr


def test_the_environments_proxies_are_not_used(kiosk, cloud):
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    kiosk.call("sync", "--once", env={**os.environ, **proxies})
    assert kiosk.status()["tickets"]["complete"]


def test_a_file_of_a_newer_kiosk_is_left_alone_with_one_message(kiosk):
    kiosk.call("sync", "--once")
    for name in ("ledger.db", "tickets.db"):
        with closing(sqlite3.connect(kiosk.data_dir / name, isolation_level=None)) as database:
            (known,) = database.execute("PRAGMA user_version").fetchone()
            database.execute("PRAGMA user_version = 99")
        done = kiosk.call("sync", "--once", check=False)
        assert done.returncode == 1
        what = f"{name} has version 99, this kiosk knows {known}: install the newer kiosk again; nothing was changed"
        assert [line for line in done.stderr.splitlines() if line.startswith("kiosk: ")] == [f"kiosk: {what}"]
        assert "Traceback" not in done.stderr
        for file in kiosk.data_dir.glob(f"{name}*"):
            file.unlink()


def record(kiosk, *codes: str, event: str | None = "fest") -> None:
    """Write scans as a gate does, which is not running."""
    kiosk.data_dir.mkdir(exist_ok=True)
    with closing(Journal(kiosk.data_dir, "gate-north-1")) as journal:
        for code in codes:
            ticket = Ticket("t-1", code, event, "standing") if event is not None else None
            reason = Reason.OK if ticket is not None else Reason.UNKNOWN
            result = Result.APPROVED if ticket is not None else Result.DECLINED
            journal.append(
                Reading("left", code, code.encode(), now()), Verdict(Direction.CHECKIN, result, reason, ticket)
            )


def test_a_ledger_that_was_deleted_costs_a_look_and_doubles_nothing(kiosk, cloud):
    record(kiosk, "CODE00001", "CODE00002")
    kiosk.call("sync", "--once")
    for file in kiosk.data_dir.glob("ledger.db*"):
        file.unlink()
    said = kiosk.call("sync", "--once").stderr
    assert [scan["barcode"] for scan in cloud.scans()] == ["CODE00001", "CODE00002"]
    assert [scan["delivery"] for scan in kiosk.scans()] == ["acked", "acked"]
    assert "ledger was lost" in said


def test_the_first_pass_of_all_delivers_without_a_look(kiosk, cloud):
    record(kiosk, "CODE00001")
    kiosk.call("sync", "--once")
    assert len(cloud.scans()) == 1
    looks = [each for each in cloud.requests() if each["path"] == "/api/scans" and each["method"] == "GET"]
    assert len([each for each in looks if "top=1&" not in each["query"]]) <= 1  # for other doors' scans only


def test_one_pass_reports_unknown_codes_where_it_is_told_to_and_only_then(kiosk, cloud):
    kiosk.call("sync", "--once")  # now it is known which event is meant
    record(kiosk, "NOBODYKNOWS", event=None)
    kiosk.call("sync", "--once")
    assert (cloud.reports(), [scan["delivery"] for scan in kiosk.scans()]) == ([], ["local"])
    kiosk.configure(cloud.url, sync="report_unknown = true")
    record(kiosk, "NOBODYKNOWS2", event=None)
    kiosk.call("sync", "--once")
    assert [report["barcode"] for report in cloud.reports()] == ["NOBODYKNOWS2"]
    assert [scan["delivery"] for scan in kiosk.scans()] == ["local", "acked"]


def test_reports_that_are_no_longer_wanted_wait_for_nothing(kiosk, cloud):
    kiosk.configure(cloud.url, sync="report_unknown = true")
    record(kiosk, "NOBODYKNOWS", event=None)
    cloud.arm("unauthorized", None, route="POST /api/accessusers/scans/")
    assert kiosk.call("sync", "--once", check=False).returncode == 1
    kiosk.configure(cloud.url)
    kiosk.call("sync", "--once")
    assert [scan["delivery"] for scan in kiosk.scans()] == ["local"]


def test_one_pass_that_leaves_something_to_a_person_is_not_done(kiosk, cloud):
    record(kiosk, "CODE00001")
    cloud.arm("lost_reply", 1, route="POST /api/scans")
    cloud.arm("forbidden", None, route="GET /api/scans")
    assert kiosk.call("sync", "--once", check=False).returncode == 1
    assert [scan["delivery"] for scan in kiosk.scans()] == ["unknown"]
    assert len(cloud.scans()) == 1


def test_a_pass_that_is_told_to_stop_stops_within_two_seconds_and_is_not_done(kiosk, cloud, eventually):
    cloud.arm("black_hole", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk", "sync", "--once", "--config", str(kiosk.file), "--allow-volatile"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    eventually("it waits for an answer", lambda: len(cloud.requests()))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=2)
    assert process.returncode == 1


@pytest.mark.parametrize("once", [True, False])
def test_a_damaged_list_costs_no_delivery_and_is_said(kiosk, cloud, eventually, once):
    record(kiosk, "CODE00001")
    (kiosk.data_dir / "tickets.db").write_bytes(b"this is no database" * 100)
    if once:
        said = kiosk.call("sync", "--once").stderr
    else:
        kiosk.start("sync")
        eventually("it is delivered", lambda: [scan["delivery"] for scan in kiosk.scans()] == ["acked"])
        assert kiosk.stop("sync") == 0
        said = (kiosk.directory / "sync.log").read_text(encoding="utf-8")
    assert len(cloud.scans()) == 1
    assert "tickets.db" in said
    (kept,) = kiosk.data_dir.glob("quarantine/*/tickets.db")
    assert kept.read_bytes().startswith(b"this is no database")
    assert str(kept.parent) in said


def overwrite(path, first_page: int) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(first_page * 4096)
        file.write(os.urandom(size - first_page * 4096))


def test_a_list_that_is_damaged_while_sync_runs_is_moved_aside_and_fetched_again(kiosk, cloud, eventually):
    kiosk.call("sync", "--once")
    with closing(sqlite3.connect(kiosk.data_dir / "tickets.db")) as folded:
        folded.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    process = kiosk.start("sync")
    eventually("it reaches the cloud", lambda: kiosk.status()["cloud"]["reachable"])
    overwrite(kiosk.data_dir / "tickets.db", 2)
    cloud.add_tickets(list(generate_tickets(90, EVENT_ID))[60:])
    record(kiosk, "CODE00001")
    eventually("the list is here again", lambda: list(kiosk.data_dir.glob("quarantine/*/tickets.db")))
    eventually("and whole", lambda: kiosk.status()["tickets"] | {"ageSeconds": 0} == whole(90))
    eventually("and deliveries go on", lambda: [scan["delivery"] for scan in kiosk.scans()] == ["acked"])
    assert process.poll() is None


def whole(number: int) -> dict[str, object]:
    return {
        "total": number, "complete": True, "ageSeconds": 0, "expected": None, "refused": [], "shrunkTo": None
    }  # fmt: skip


@pytest.mark.parametrize("name", ["ledger.db", "dates.db"])
def test_a_damaged_ledger_is_moved_aside_and_nothing_is_delivered_twice(kiosk, cloud, name):
    record(kiosk, "CODE00001")
    kiosk.call("sync", "--once")
    overwrite(kiosk.data_dir / name, 0)
    kiosk.call("sync", "--once")
    assert [scan["delivery"] for scan in kiosk.scans()] == ["acked"]
    assert len(cloud.scans()) == 1
    assert list(kiosk.data_dir.glob(f"quarantine/*/{name}"))
