"""`kiosk support-bundle`: everything that helps, and not one name, code or key."""

import gzip
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk import clock
from kiosk.cli.support_bundle import Scrub, hashed

KEY = "KEY-7f3a9c-verysecret"
PARTS = {
    "about.json", "status.json", "doctor.json", "configuration.json", "files.json", "pulses.json", "scans.json",
    "audit.json", "gate.log", "sync.log", "display.log",
}  # fmt: skip


def packed(kiosk, directory: Path, *options: str) -> dict[str, str]:
    """Make a bundle and return its files by their names."""
    file = directory / "help.tar.gz"
    kiosk.call("support-bundle", str(file), *options)
    with tarfile.open(file) as bundle:
        return {Path(entry.name).name: bundle.extractfile(entry).read().decode() for entry in bundle.getmembers()}


@pytest.fixture
def evening(kiosk, cloud, valid, eventually):
    """A kiosk after an evening, with a key that can be recognised and texts that could give somebody away."""
    (kiosk.directory / "secret").write_text(f"{KEY}\n")
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    codes = [ticket["barcode"] for ticket in valid[:5]] + ["NOBODYKNOWS", "ABC", "ABC", 'Q"\\UOTE-1']
    for number, code in enumerate(codes):
        kiosk.scan(code)
        kiosk.scan(f"BETWEEN-{number}")
    eventually("all are recorded", lambda: len(kiosk.scans()) == 2 * len(codes))
    kiosk.stop("gate")
    kiosk.call("sync", "--once")
    first = kiosk.scans()[0]
    with closing(sqlite3.connect(kiosk.data_dir / "ledger.db")) as database, database:  # the cloud's words may name all
        text = f"no such ticket {codes[0]} of {first['name']}"
        database.execute("UPDATE delivery SET state = 'refused', error = ? WHERE seq = 1", (text,))
    kiosk.configure(cloud.url.replace("http://", "http://user:PASSW0RD@"))
    return [*codes, *(f"BETWEEN-{number}" for number in range(len(codes)))]


def test_no_name_code_or_key_is_in_it_and_everything_else_is(kiosk, evening, tmp_path):
    scans = kiosk.scans()
    found = packed(kiosk, tmp_path)
    assert set(found) == PARTS
    everything = "\n".join(found.values())
    names = {scan["name"] for scan in scans if scan["name"]}
    assert names
    for secret in {*evening, *names, KEY, "PASSW0RD"} - {"ABC"}:
        assert secret not in everything, secret
        assert json.dumps(secret)[1:-1] not in everything, secret
    assert '"ABC"' not in found["scans.json"]  # too short to be taken out of texts, and not written into any
    assert "…ABC" not in everything
    told = json.loads(found["scans.json"])
    assert told[0]["deliveryError"] == "no such ticket *** of ***"
    assert [scan["seq"] for scan in told] == [scan["seq"] for scan in scans]
    assert {"reason", "delivery", "codeHash", "codeLength", "scanner", "clock"} <= set(told[0])
    assert json.loads(found["configuration.json"])["device"]["id"] == "gate-north-1"
    versions = {each["name"]: each["version"] for each in json.loads(found["files.json"])}
    assert versions["journal.db"] >= 1
    assert {check["name"] for check in json.loads(found["doctor.json"])} >= {"configuration", "clock"}
    assert json.loads(found["audit.json"])[0]["action"] == "configuration"
    assert json.loads(found["about.json"])["packages"]["httpx"]


def test_the_same_code_has_the_same_hash_in_one_bundle_and_another_in_the_next():
    rows: list[dict[str, Any]] = [
        {"seq": n, "barcode": code, "ticketId": None, "name": "Ada", "message": "x"} for n, code in enumerate("AAB")
    ]
    first, second = hashed(rows, b"one"), hashed(rows, b"two")
    assert first[0]["codeHash"] == first[1]["codeHash"] != first[2]["codeHash"]
    assert first[0]["codeHash"] != second[0]["codeHash"]
    assert set(first[0]) == {"seq", "codeHash", "ticketHash", "codeLength"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see TKT-1 now", "see *** now"), ("see tkt-1 now", "see *** now"), (json.dumps('a "q\\u" b'), '"a *** b"'),
        ("Löwe", "***"), (json.dumps("Löwe"), '"***"'), ("https://user:pw@host/x", "https://***@host/x"), ("ab", "ab"),
        ("TKT-10", "***"),
    ],
)  # fmt: skip
def test_a_secret_is_taken_out_in_whatever_form_it_stands_there(text, expected):
    assert Scrub(["TKT-1", "TKT-10", '"q\\u"', "Löwe", "ab", ""])(text) == expected
    assert Scrub([])("TKT-1") == "TKT-1"


def test_with_nothing_running_a_broken_configuration_and_a_damaged_journal_it_is_made_all_the_same(kiosk, tmp_path):
    kiosk.data_dir.mkdir()
    (kiosk.data_dir / "journal.db").write_bytes(b"no database at all" * 300)
    kiosk.file.write_text(kiosk.file.read_text() + "\n[nonsense]\n")
    found = packed(kiosk, tmp_path)
    assert set(found) == PARTS
    assert "nonsense" in found["doctor.json"]
    assert json.loads(found["scans.json"]) == []
    assert "error" in json.loads(found["status.json"])
    journal = next(each for each in json.loads(found["files.json"]) if each["name"] == "journal.db")
    assert "not a database" in journal["version"]


def test_it_is_the_owners_only_whole_and_never_replaces_anything_by_itself(kiosk, tmp_path):
    packed(kiosk, tmp_path)
    file = tmp_path / "help.tar.gz"
    assert file.stat().st_mode & 0o777 == 0o600
    assert gzip.decompress(file.read_bytes())
    done = kiosk.call("support-bundle", str(file), check=False)
    assert (done.returncode, "--force" in done.stderr) == (1, True)
    packed(kiosk, tmp_path, "--force")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_log_lines_of_the_journal_of_systemd_are_in_it(kiosk, tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "journalctl"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "line of $2 with SECRETKEY7"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    (kiosk.directory / "secret").write_text("SECRETKEY7\n")
    found = packed(kiosk, tmp_path)
    assert found["gate.log"] == "line of kiosk-gate with ***\n"
    assert clock.boot_id() not in found["gate.log"]
