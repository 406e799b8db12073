"""What people did: appended whole, by several at once, read whatever a power cut left, and without secrets."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kiosk import config
from kiosk.store import audit

BASE = """
[device]
id = "north"
[cloud]
scans_url = "https://cloud.example/api"
[[scanner]]
name = "left"
kind = "hid"
"""


def rows(directory):
    return list(audit.read(directory))


def test_a_row_says_what_who_and_when(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada")
    audit.note(tmp_path, "retry", scans=3)
    (row,) = rows(tmp_path)
    assert (row["action"], row["scans"], row["uid"], row["sudoUser"]) == ("retry", 3, os.getuid(), "ada")
    assert {"time", "clock", "bootId", "user", "terminal", "program"} <= set(row)
    assert (tmp_path / audit.FILE).stat().st_mode & 0o777 == 0o600


def test_the_terminal_is_named_where_there_is_one(tmp_path):
    master, slave = os.openpty()
    code = f"from pathlib import Path; from kiosk.store import audit; audit.note(Path({str(tmp_path)!r}), 'x')"
    subprocess.run([sys.executable, "-c", code], stdin=slave, check=True)
    subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, check=True)
    assert [row["terminal"] for row in rows(tmp_path)] == [os.ttyname(slave), None]
    os.close(master)
    os.close(slave)


def test_several_at_once_lose_nothing_of_each_other(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: audit.note(tmp_path, "x", number=number), range(200)))
    assert sorted(row["number"] for row in rows(tmp_path)) == list(range(200))


@pytest.mark.parametrize("torn", [b'{"action": "half', b"\xff\xfe", b"[]\n", b"7", b"\n\n"])
def test_a_line_that_was_cut_off_costs_no_other(tmp_path, torn):
    audit.note(tmp_path, "before")
    with (tmp_path / audit.FILE).open("ab") as file:
        file.write(torn)
    audit.note(tmp_path, "after")
    assert [row["action"] for row in rows(tmp_path)] == ["before", "after"]


def test_a_hostile_text_stays_on_its_line(tmp_path):
    audit.note(tmp_path, "x", lane="a\n{\u2028\x1b[31m")
    (row,) = rows(tmp_path)
    assert row["lane"] == "a\n{\u2028\x1b[31m"
    assert (tmp_path / audit.FILE).read_bytes().isascii()


@pytest.mark.needs("strace")
def test_a_row_is_on_disk_when_note_returns(tmp_path):
    calls = tmp_path / "calls"
    code = f"from pathlib import Path; from kiosk.store import audit; audit.note(Path({str(tmp_path)!r}), 'x')"
    subprocess.run(["strace", "-y", "-e", "trace=fsync,write", "-o", calls, sys.executable, "-c", code], check=True)
    happened = [line for line in calls.read_text().splitlines() if "audit.log" in line or f"<{tmp_path}>" in line]
    assert [line.partition("(")[0] for line in happened] == ["write", "fsync", "fsync"]  # and the name of a new file


def test_what_cannot_be_written_is_logged_and_keeps_nobody_from_anything(tmp_path, caplog):
    (tmp_path / audit.FILE).mkdir()
    audit.note(tmp_path, "retry")
    assert "not written into audit.log: retry" in caplog.text
    with pytest.raises(IsADirectoryError):
        rows(tmp_path)


# --- the configuration -----------------------------------------------------------------------------------------------


def configured(directory, text: str) -> None:
    file = directory / "kiosk.toml"
    file.write_text(text)
    audit.note_configuration(directory, file, config.read(file))


def test_a_configuration_is_noted_when_it_is_new_and_when_it_changes_with_the_keys_that_did(tmp_path):
    configured(tmp_path, BASE)
    configured(tmp_path, BASE)
    configured(tmp_path, BASE.replace('"north"', '"south"') + 'layout = "de"\n')
    configured(tmp_path, BASE + "# a remark\n")
    assert [row["changed"] for row in rows(tmp_path)] == [
        None, ["device.id", "scanner.left.layout"], ["device.id", "scanner.left.layout"],
    ]  # fmt: skip
    configured(tmp_path, BASE + "# another remark\n")
    assert rows(tmp_path)[-1]["changed"] == []
    configured(tmp_path, BASE.replace('"left"', '"right"'))
    assert {"scanner.left.kind", "scanner.right.kind"} <= set(rows(tmp_path)[-1]["changed"])


def test_no_value_of_the_configuration_is_written_down(tmp_path):
    configured(tmp_path, BASE.replace("https://", "https://user:PASSW0RD@"))
    text = (tmp_path / audit.FILE).read_text()
    assert "PASSW0RD" not in text
    assert "cloud.example" not in text
    assert json.loads(text)["keys"]["cloud.scans_url"]


@pytest.mark.parametrize("keys", ['"none"', "null", "[]", "7"])
def test_nonsense_in_an_earlier_row_keeps_no_change_from_being_noted(tmp_path, keys):
    (tmp_path / audit.FILE).write_text(f'{{"action": "configuration", "digest": "x", "keys": {keys}}}\n')
    configured(tmp_path, BASE)
    assert rows(tmp_path)[-1]["action"] == "configuration"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_what_root_begins_is_the_kiosks_own_to_go_on_with(tmp_path):
    os.chown(tmp_path, 4242, 4343)
    audit.note(tmp_path, "retry")
    found = (tmp_path / audit.FILE).stat()
    assert (found.st_uid, found.st_gid) == (4242, 4343)
