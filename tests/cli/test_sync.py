"""The program that talks to the cloud, as it is run."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from kiosk.clock import now
from kiosk.model import Direction, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal


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


def test_the_environments_proxies_are_not_used(kiosk, cloud):
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    kiosk.call("sync", "--once", env={**os.environ, **proxies})
    assert kiosk.status()["tickets"]["complete"]


def test_a_file_of_a_newer_kiosk_is_left_alone_with_one_message(kiosk):
    kiosk.call("sync", "--once")
    for name in ("ledger.db", "tickets.db"):
        with sqlite3.connect(kiosk.data_dir / name) as database:
            (known,) = database.execute("PRAGMA user_version").fetchone()
            database.execute("PRAGMA user_version = 99")
        done = kiosk.call("sync", "--once", check=False)
        assert done.returncode == 1
        what = f"{name} has version 99, this kiosk knows {known}: install the newer kiosk again; nothing was changed"
        assert [line for line in done.stderr.splitlines() if line.startswith("kiosk: ")] == [f"kiosk: {what}"]
        assert "Traceback" not in done.stderr
        (kiosk.data_dir / name).unlink()


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
    kiosk.data_dir.mkdir()
    (kiosk.data_dir / "tickets.db").write_bytes(b"this is no database" * 100)
    journal = Journal(kiosk.data_dir, "gate-north-1")
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket("t-1", "CODE00001", "fest", "standing"))
    journal.append(Reading("left", "CODE00001", b"CODE00001", now()), verdict)
    journal.close()
    if once:
        said = kiosk.call("sync", "--once").stderr
    else:
        kiosk.start("sync")
        eventually("it is delivered", lambda: [scan["delivery"] for scan in kiosk.scans()] == ["acked"])
        assert kiosk.stop("sync") == 0
        said = (kiosk.directory / "sync.log").read_text(encoding="utf-8")
    assert len(cloud.scans()) == 1
    assert "tickets.db" in said
    assert "remove it" in said
