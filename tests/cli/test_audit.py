"""`kiosk audit`: every action of a person leaves its row, whichever command it was."""

import json
from contextlib import closing

from kiosk import clock
from kiosk.scanners.binding import FILE
from kiosk.store.cache import Cache
from kiosk.store.ledger import Ledger
from kiosk.store.tickets import ListState

EVENT_ID = "62a1c0ffee0000000000e001"


def told(kiosk):
    return [json.loads(line) for line in kiosk.call("audit", "--json").stdout.splitlines()]


def test_of_a_kiosk_to_which_nobody_did_anything_nothing_is_told(kiosk):
    assert told(kiosk) == []
    assert not kiosk.data_dir.exists()


def test_the_gate_notes_a_configuration_that_has_changed_and_only_then(kiosk, cloud):
    for gate in ("", "", "hold_off_s = 1.0"):
        kiosk.configure(cloud.url, gate=gate)
        kiosk.open_gate()
        kiosk.stop("gate")
    assert [(row["action"], row["changed"], row["program"]) for row in told(kiosk)] == [
        ("configuration", None, "kiosk gate"), ("configuration", ["gate.hold_off_s"], "kiosk gate"),
    ]  # fmt: skip
    assert "secret" not in kiosk.call("audit", "--json").stdout.replace("api_key_file", "")


def test_lists_scanners_scans_and_resets_by_hand_are_told_with_what_they_came_to(kiosk, tmp_path):
    file = tmp_path / "list.json"
    file.write_text(json.dumps([{"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s", "name": "Ada Secret"}]))
    kiosk.call("tickets", "import", str(file), "--event", EVENT_ID)
    with closing(Cache(kiosk.data_dir)) as pen:
        state = pen.list_of(EVENT_ID)
        pen.store([], ListState(EVENT_ID, "cloud", complete=True, checked=clock.now(), shrunk_to=0))
        assert state is not None
    kiosk.call("tickets", "accept")
    (kiosk.data_dir / FILE).write_text(
        json.dumps({"left": dict.fromkeys(("device", "ids", "serial", "port", "name"), "")})
    )
    kiosk.call("devices", "--accept", "left")
    Ledger(kiosk.data_dir).close()
    kiosk.call("retry", "--unknown")
    kiosk.call("reset", "--yes")
    found = told(kiosk)
    assert [row["action"] for row in found] == [
        "list imported", "list accepted", "device accepted", "retry", "reset",
    ]  # fmt: skip
    assert (found[0]["event"], found[0]["tickets"], found[2]["lane"], found[3]["unknown"]) == (
        EVENT_ID,
        1,
        "left",
        True,
    )
    text = (kiosk.data_dir / "audit.log").read_text()
    assert "Ada" not in text
    assert "CODE00001" not in text


def test_people_get_a_line_each_with_who_and_where(kiosk):
    kiosk.data_dir.mkdir()
    kiosk.call("reset", "--yes")
    (line,) = kiosk.call("audit").stdout.splitlines()
    assert "  reset  " in line
    assert "(kiosk reset)" in line
