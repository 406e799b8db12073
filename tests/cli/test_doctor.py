"""`kiosk doctor`, from outside: everything running, nothing running, and a configuration that is broken."""

import json
from typing import Any

from kiosk import __version__, pulse


def checks(done) -> dict[str, dict[str, Any]]:
    assert done.stderr == ""
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_with_everything_running_nothing_is_red_and_the_exit_status_is_0(kiosk, cloud, eventually):
    for program in ("sync", "gate", "display"):
        kiosk.start(program)
    eventually("all run", lambda: {kiosk.status()[p] for p in ("gate", "sync", "display")} == {"running"})
    eventually("the list is here", lambda: kiosk.status()["tickets"]["complete"])
    eventually("the scanner is open", lambda: all(s["connected"] for s in kiosk.scanners()))
    eventually("the gate is open", lambda: (pulse.feel(kiosk.runtime_dir, "gate") or {}).get("events"))
    done = kiosk.call("doctor", "--json", check=False)
    found = checks(done)
    assert [check for check in found.values() if check["colour"] == "red"] == []
    assert done.returncode == 0
    assert {"configuration", "data directory", "file system", "free space", "journal", "scanner left", "power",
            "temperature", "clock", "gate", "sync", "display", "events", "ticket list", "outbox", "scans service",
            "access-control API", "credential for the scans service", "units"} <= set(found)  # fmt: skip
    assert found["credential for the access-control API"]["found"].endswith("(644)")  # as the tests leave it


def test_with_nothing_running_it_says_so_leaves_nothing_behind_and_exits_with_1(kiosk):
    done = kiosk.call("doctor", "--json", check=False)
    found = checks(done)
    assert done.returncode == 1
    assert {found[name]["colour"] for name in ("gate", "sync", "display", "data directory")} == {"red"}
    assert found["scans service"]["colour"] == "green"
    assert json.loads(done.stdout)["version"] == __version__
    assert list(kiosk.directory.glob("data*")) == []


def test_every_red_or_amber_check_says_what_to_do(kiosk):
    for check in checks(kiosk.call("doctor", "--json", check=False)).values():
        assert set(check) == {"name", "colour", "found", "mend"}
        assert check["found"]
        assert bool(check["mend"]) == (check["colour"] != "green"), check


def test_a_broken_configuration_is_red_and_the_rest_is_checked_by_what_can_be_read(kiosk):
    kiosk.file.write_text(kiosk.file.read_text() + '[peers]\nport = "x"\n[[scanner]]\nname = "desk"\nkind = "abacus"\n')
    done = kiosk.call("doctor", "--json", check=False)
    found = checks(done)
    assert done.returncode == 1
    assert "abacus" in found["configuration"]["found"]
    assert str(kiosk.data_dir) in found["data directory"]["found"]
    assert "scanner left" in found
    assert found["scans service"]["colour"] == "green"


def test_without_any_configuration_it_still_answers(kiosk):
    kiosk.file.unlink()
    done = kiosk.call("doctor", "--json", check=False)
    assert done.returncode == 1
    assert "there is no such file" in checks(done)["configuration"]["found"]


def test_people_get_a_sign_a_word_and_the_mend_of_each(kiosk):
    done = kiosk.call("doctor", check=False)
    assert "✗ BAD   gate: not running" in done.stdout
    assert "        → systemctl start kiosk-gate" in done.stdout
    assert "✓ ok    scans service" in done.stdout
    assert "\x1b" not in done.stdout  # no terminal, no colour


def test_the_secrets_are_in_no_finding(kiosk):
    (kiosk.directory / "secret").write_text("TOPSECRET7\n")
    for arguments in (["doctor"], ["doctor", "--json"]):
        assert "TOPSECRET7" not in kiosk.call(*arguments, check=False).stdout
