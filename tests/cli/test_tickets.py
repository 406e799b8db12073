"""The ticket list from the command line: importing, counting, finding."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

EVENT_ID = "62a1c0ffee0000000000e001"
ROWS: list[dict[str, Any]] = [
    {"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s", "ticketName": "Standing", "name": "Ada Ö'Hara"},
    {"_id": "t-2", "barcode": "CODE00002", "ticketTypeId": "s", "name": "Bo 100%", "status": "INVALID"},
    {"_id": "t-3", "barcode": "OTHER_003", "ticketTypeId": "s", "name": "Cy \x07\x1b[31mRed", "row": "3", "seat": "14"},
]


def as_array() -> str:
    return json.dumps(ROWS)


def as_lines() -> str:
    return "".join(json.dumps(row) + "\n" for row in ROWS)


def as_table() -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in ROWS for name in row)), delimiter=";")
    writer.writeheader()
    writer.writerows(ROWS)
    return "\ufeff" + text.getvalue()


@pytest.fixture
def file(tmp_path) -> Path:
    made = tmp_path / "list"
    made.write_text(as_lines(), encoding="utf-8")
    return made


@pytest.fixture
def listed(kiosk, file):
    """A kiosk with the list of above."""
    kiosk.call("tickets", "import", str(file), "--event", "fest")
    return kiosk


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- import ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [as_array, as_lines, as_table])
def test_each_form_is_imported_and_can_be_found(kiosk, file, form):
    file.write_text(form(), encoding="utf-8")
    assert kiosk.call("tickets", "import", str(file), "--event", "fest").stdout == "3 tickets imported\n"
    found = rows(kiosk.call("tickets", "find", "", "--json"))
    assert sorted(row["barcode"] for row in found) == ["CODE00001", "CODE00002", "OTHER_003"]


def test_the_report_of_an_import_is_one_json_object(kiosk, file):
    file.write_text(as_lines() + '{"_id": "t-9"}\nrubbish\n' + as_lines(), encoding="utf-8")
    done = kiosk.call("tickets", "import", str(file), "--event", "fest", "--json", check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert (report["imported"], report["rejected"], report["codesUsedTwice"]) == (6, 2, [])
    assert [reject["line"] for reject in report["rejects"]] == [4, 5]
    assert all(reject["problem"] for reject in report["rejects"])


def test_rows_that_were_left_out_are_named_with_their_lines_and_the_rest_is_there(kiosk, file):
    file.write_text(as_lines() + '{"_id": "t-9"}\n', encoding="utf-8")
    done = kiosk.call("tickets", "import", str(file), "--event", "fest", check=False)
    assert (done.returncode, done.stdout) == (1, "3 tickets imported\n")
    assert "line 4: barcode" in done.stderr
    assert "kiosk: 1 of 4 rows were left out" in done.stderr
    assert json.loads(kiosk.call("tickets", "--json").stdout)["total"] == 3


def test_codes_that_two_tickets_have_are_told(kiosk, file):
    file.write_text(as_lines() + json.dumps(ROWS[0] | {"_id": "t-9"}), encoding="utf-8")
    done = kiosk.call("tickets", "import", str(file), "--event", "f")
    assert "CODE00001 is the code of 2 tickets of event f" in done.stderr
    report = json.loads(kiosk.call("tickets", "import", str(file), "--event", "f", "--json").stdout)
    assert report["codesUsedTwice"] == [{"barcode": "CODE00001", "eventId": "f", "ticketIds": ["t-1", "t-9"]}]


def test_a_table_with_headings_of_its_own_is_imported_with_a_map(kiosk, file):
    file.write_bytes("Nr;Code;Art;Gast\nt-1;CODE00001;s;Jürgen\n".encode("cp1252"))
    maps = [word for pair in ("Nr=_id", "Code=barcode", "Art=ticketTypeId", "Gast=name") for word in ("--map", pair)]
    kiosk.call("tickets", "import", str(file), "--event", "fest", *maps)
    (row,) = rows(kiosk.call("tickets", "find", "jürgen", "--json"))
    assert (row["_id"], row["barcode"], row["name"]) == ("t-1", "CODE00001", "Jürgen")


def test_a_map_to_a_field_that_no_ticket_has_is_a_wrong_call(kiosk, file):
    done = kiosk.call("tickets", "import", str(file), "--event", "fest", "--map", "Nr=id", check=False)
    assert done.returncode == 2
    assert "'id' is none of the fields: _id, area, " in done.stderr


@pytest.mark.parametrize(
    ("content", "word"), [(b"", "empty"), (b"\x89PNG\0", "UTF-8"), (b"Dear all", "barcode"), (b"[1,", "JSON")]
)
def test_a_file_that_is_no_list_fails_with_one_message_and_leaves_the_list_as_it_was(listed, file, content, word):
    file.write_bytes(content)
    done = listed.call("tickets", "import", str(file), "--event", "fest", check=False)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("kiosk: ")]
    assert len(said) == 1
    assert word in said[0]
    assert str(file) in said[0]
    assert "Traceback" not in done.stderr
    found = json.loads(listed.call("tickets", "--json").stdout)
    assert (found["total"], found["events"][0]["complete"]) == (3, True)


def test_an_imported_list_is_enough_for_a_door_without_a_cloud(listed, cloud, eventually):
    cloud.stop()
    listed.configure(cloud.url, gate='events = ["fest"]')
    listed.open_gate()
    assert json.loads(listed.call("scan", "CODE00001", "--json").stdout)["reason"] == "ok"
    assert json.loads(listed.call("scan", "CODE00002", "--json").stdout)["reason"] == "invalid"
    assert json.loads(listed.call("scan", "NOBODYS01", "--json").stdout)["reason"] == "unknown"


# --- what there is ---------------------------------------------------------------------------------------------------


def test_without_a_list_there_are_no_tickets(kiosk):
    assert json.loads(kiosk.call("tickets", "--json").stdout) == {"total": 0, "events": [], "rulesNotUsed": []}
    assert kiosk.call("tickets").stdout == "0 tickets\n"


def test_the_list_is_told_event_by_event(kiosk, file, cloud):
    kiosk.call("sync", "--once")
    kiosk.call("tickets", "import", str(file), "--event", "fest")
    found = json.loads(kiosk.call("tickets", "--json").stdout)
    assert found["total"] == 63
    ours, theirs = found["events"]
    assert (ours["eventId"], ours["name"], ours["tickets"], ours["complete"], ours["source"], ours["unreadable"]) == (
        EVENT_ID, "Summer Night", 60, True, "cloud", 0,
    )  # fmt: skip
    assert (theirs["eventId"], theirs["tickets"], theirs["source"]) == ("fest", 3, "file")
    assert 0 <= ours["ageSeconds"] < 60
    text = kiosk.call("tickets").stdout
    assert "63 tickets" in text
    assert "Summer Night: 60 tickets, complete" in text


def test_rows_that_could_not_be_read_are_told_to_people_too(kiosk, cloud):
    cloud.arm("bad_row", 1)
    kiosk.call("sync", "--once")
    assert json.loads(kiosk.call("tickets", "--json").stdout)["events"][0]["unreadable"] == 1
    assert "1 unreadable" in kiosk.call("tickets").stdout


# --- find ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CODE", ["t-1", "t-2"]), ("code00001", ["t-1"]), ("Ö'Hara", ["t-1"]), ("ada", ["t-1"]), ("00001", []),
        ("100%", ["t-2"]), ("%", ["t-2"]), ("_", []), ("OTHER_", ["t-3"]), ("CODE_0001", []), ("\\", []), ("zzz", []),
    ],
)  # fmt: skip
def test_a_ticket_is_found_by_the_beginning_of_its_code_or_a_part_of_its_name(listed, text, found):
    done = listed.call("tickets", "find", text, "--json")
    assert [row["_id"] for row in rows(done)] == found
    assert done.stderr == ""


def test_what_is_found_has_the_apis_field_names(listed):
    (row,) = rows(listed.call("tickets", "find", "OTHER", "--json"))
    assert row == {
        "_id": "t-3", "barcode": "OTHER_003", "eventId": "fest", "ticketTypeId": "s", "ticketName": None,
        "name": "Cy \x07\x1b[31mRed", "status": "VALID", "area": None, "row": "3", "seat": "14", "slotStartTime": None,
        "expiresAt": None,
    }  # fmt: skip


def test_a_terminal_is_given_no_control_characters_of_somebody_elses(listed):
    said = listed.call("tickets", "find", "OTHER").stdout
    assert said.startswith("OTHER_003  VALID  Cy ")
    assert "\x1b" not in said
    assert "\x07" not in said


def test_at_most_fifty_tickets_are_told(kiosk, cloud):
    kiosk.call("sync", "--once")
    assert len(rows(kiosk.call("tickets", "find", "", "--json"))) == 50


def test_without_a_list_nothing_can_be_found_and_it_says_so(kiosk):
    done = kiosk.call("tickets", "find", "x", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kiosk: there is no list yet")


# --- rules that the list refuses -------------------------------------------------------------------------------------

ALIKE = [
    ROWS[0],
    ROWS[0] | {"_id": "t-4", "barcode": "code00001"},
    ROWS[0] | {"_id": "t-5", "barcode": "\\000026CODE00001"},
]
UPPER = "rule upper is not used: it makes two tickets alike (…0001, …0001)"


def test_a_rule_that_makes_two_tickets_alike_is_said_to_be_refused_as_far_as_it_is_configured(kiosk, cloud, file):
    kiosk.configure(cloud.url, gate='code_rules = ["upper", "aim"]')
    file.write_text("".join(json.dumps(row) + "\n" for row in ALIKE), encoding="utf-8")
    done = kiosk.call("tickets", "import", str(file), "--event", "fest")
    assert done.stdout == "3 tickets imported\n"
    assert [line for line in done.stderr.splitlines() if "rule" in line] == [UPPER]
    report = json.loads(kiosk.call("tickets", "import", str(file), "--event", "fest", "--json").stdout)
    assert report["rulesNotUsed"] == [{"rule": "upper", "codeEnds": ["0001", "0001"]}]
    assert kiosk.call("tickets").stdout.splitlines()[-1] == UPPER
    assert json.loads(kiosk.call("tickets", "--json").stdout)["rulesNotUsed"] == report["rulesNotUsed"]


def test_a_list_in_which_no_rule_makes_two_tickets_alike_says_nothing_of_rules(kiosk, file):
    done = kiosk.call("tickets", "import", str(file), "--event", "fest")
    assert "rule" not in done.stderr
    assert "rule" not in kiosk.call("tickets").stdout


def test_on_a_nearly_full_disk_nothing_is_imported_and_the_mend_is_said(kiosk, file, monkeypatch):
    from click.testing import CliRunner

    from kiosk import disk
    from kiosk.cli.tickets import command
    from kiosk.errors import Refused

    file.write_text(as_lines())
    monkeypatch.setattr(disk, "LOW", 1 << 62)
    call = ["import", str(file), "--event", EVENT_ID, "--config", str(kiosk.file), "--allow-volatile"]
    done = CliRunner().invoke(command, call)
    assert isinstance(done.exception, Refused)
    assert "make room" in str(done.exception)
    assert not (kiosk.data_dir / "tickets.db").exists()
