"""Where the configuration comes from, and what is said when something in it is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMANDS = [
    ["gate"], ["sync"], ["sync", "--once"], ["display"], ["scan", "CODE"], ["scans"], ["status"], ["tickets"],
    ["tickets", "find", "x"], ["tickets", "import", "/dev/null", "--event", "e"], ["retry"], ["check"],
]  # fmt: skip
GOOD = '[device]\nid = "door"\ndata_dir = "DIR/data"\nruntime_dir = "DIR/run"\n'


def run(*arguments: str, config: Path | str | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KIOSK_")}
    if config is not None:
        env["KIOSK_CONFIG"] = str(config)
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, env=env,
    )  # fmt: skip


def message(done: subprocess.CompletedProcess[str]) -> str:
    """The one message of a command that found its configuration wrong."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("kiosk: ")
    return line.removeprefix("kiosk: ")


@pytest.fixture
def file(tmp_path) -> Path:
    made = tmp_path / "kiosk.toml"
    made.write_text(GOOD.replace("DIR", str(tmp_path)), encoding="utf-8")
    return made


# --- where it comes from ---------------------------------------------------------------------------------------------


@pytest.fixture
def listed(file, tmp_path) -> Path:
    """A configuration whose list has one ticket."""
    row = {"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s", "name": "Ada"}
    (tmp_path / "list.json").write_text(json.dumps([row]), encoding="utf-8")
    done = run(
        "tickets", "import", str(tmp_path / "list.json"), "--event", "e", "--config", str(file), "--allow-volatile"
    )
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.parametrize(
    "arguments",
    [
        "tickets --config FILE find CODE", "tickets find CODE --config FILE", "tickets find --config FILE CODE",
        "tickets --config /nonexistent find CODE --config FILE", "tickets find CODE",
        "tickets --config FILE", "tickets --json --config FILE",
    ],
)  # fmt: skip
def test_the_configuration_may_stand_before_or_behind_a_subcommand_or_in_the_environment(listed, arguments):
    words = [str(listed) if word == "FILE" else word for word in arguments.split()]
    done = run(*words, config=listed if "FILE" not in arguments else None)
    assert done.returncode == 0, done.stderr
    assert ("CODE00001" in done.stdout) == ("find" in words)
    assert "1" in done.stdout


def test_an_option_wins_over_the_environment(listed):
    assert run("tickets", "find", "CODE", "--config", str(listed), config="/nonexistent").returncode == 0


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_file_that_is_not_there_is_named_with_the_ways_to_name_another(tmp_path, where):
    missing = str(tmp_path / "none.toml")
    done = run("check", "--config", missing) if where == "option" else run("check", config=missing)
    said = message(done)
    assert said.startswith(f"{missing}: ")
    assert "--config" in said
    assert "KIOSK_CONFIG" in said


@pytest.mark.skipif(Path("/etc/kiosk/kiosk.toml").exists(), reason="this machine is a kiosk")
def test_without_any_word_the_usual_place_is_looked_at():
    assert message(run("check")).startswith("/etc/kiosk/kiosk.toml: ")


def test_the_flag_for_trying_things_out_may_stand_anywhere_too(file, volatile):
    (volatile / "list.json").write_text("[]", encoding="utf-8")
    file.write_text(GOOD.replace("DIR", str(volatile)), encoding="utf-8")
    call = ["import", str(volatile / "list.json"), "--event", "e"]
    assert run("tickets", "--allow-volatile", *call, "--config", str(file)).returncode == 0
    assert run("tickets", *call, "--allow-volatile", "--config", str(file)).returncode == 0


# --- what is wrong ---------------------------------------------------------------------------------------------------

WRONG = {
    "an unknown key": ("[gate]\nmulti_chekin = true", 2, "gate.multi_chekin", "did you mean 'multi_checkin'"),
    "an unknown section": ("\n[gaet]\nevents = []", 2, "gaet", "did you mean 'gate'"),
    "a text where a number belongs": ('[display]\n# the page\nport = "8080"', 3, "display.port", "'8080'"),
    "a number where a text belongs": ("[device]\nid = 5", 2, "device.id", "string"),
    "a word that is none of the known": ('[gate]\nscan_type = "in"', 2, "gate.scan_type", "'checkin' or 'checkout'"),
    "a number out of its range": ("[sync]\nbatch_size = 1001", 2, "sync.batch_size", "1000"),
    "http in the clear": ('[cloud]\nscans_url = "http://portier.vivenu.com/api"', 2, "cloud.scans_url", "https://"),
    "http to a name almost like ours": (
        '[cloud]\naccess_url = "http://localhost.example.com"', 2, "cloud.access_url", "https://",
    ),
    "http behind our own name": (
        '[cloud]\naccess_url = "http://127.0.0.1@example.com/api"', 2, "cloud.access_url", "https://",
    ),
    "an address with an impossible port": (
        '[cloud]\nscans_url = "https://vivenu.com:99999/api"', 2, "cloud.scans_url", "https://",
    ),
    "an address with a space in it": ('[cloud]\nscans_url = "https://viv enu.com/api"', 2, "cloud.scans_url", "https://"),
    "a serial scanner without a device": ('[[scanner]]\nname = "a"\nkind = "serial"', 1, "scanner.0", "/dev/serial/"),
    "a wrong value of the second scanner": (
        '[[scanner]]\nname = "a"\nkind = "hid"\n\n[[scanner]]\nname = "b"\nkind = "hid"\nlayout = "fx"', 8,
        "scanner.1.layout", "us, gb, de",
    ),
    "a path that no system has": ('[device]\ndata_dir = "/tmp/\\u0000"', 2, "device.data_dir", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_once_with_file_line_key_and_mend(file, what):
    text, line, key, mend = WRONG[what]
    file.write_text(text + "\n", encoding="utf-8")
    said = message(run("check", "--config", str(file)))
    assert said.startswith(f"{file}:{line}: {key}")
    assert mend in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_the_same_and_does_nothing(file, tmp_path, command):
    file.write_text("[gate]\nmulti_chekin = true\n", encoding="utf-8")
    assert message(run(*command, "--config", str(file))).startswith(f"{file}:2: gate.multi_chekin: ")
    assert list(tmp_path.iterdir()) == [file]


# --- directories -----------------------------------------------------------------------------------------------------


@pytest.fixture
def volatile() -> Iterator[Path]:
    """A directory that is kept in memory."""
    memory = Path("/dev/shm")
    if not re.search(rf"^\S+ {memory} tmpfs ", Path("/proc/mounts").read_text(encoding="utf-8"), re.MULTILINE):
        pytest.skip("no tmpfs on /dev/shm")
    made = memory / f"kiosk-test-{os.getpid()}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("key", ["data_dir", "runtime_dir"])
@pytest.mark.parametrize("command", [["gate"], ["sync"], ["check"]], ids=" ".join)
def test_a_directory_that_cannot_be_made_is_said_with_its_line(file, key, command):
    text = file.read_text(encoding="utf-8")
    lines = [f'{key} = "{file}/below"' if line.startswith(key) else line for line in text.splitlines()]
    file.write_text("\n".join(lines), encoding="utf-8")
    said = message(run(*command, "--config", str(file), "--allow-volatile"))
    assert said.startswith(f"{file}:{3 if key == 'data_dir' else 4}: device.{key}: {file}/below")
    assert "name another one" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_not_ours_to_write_is_said_with_its_line(file, tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    said = message(run("gate", "--config", str(file), "--allow-volatile"))
    assert said.startswith(f"{file}:3: device.data_dir: ")
    assert "chown" in said


@pytest.mark.parametrize("command", [["gate"], ["sync"], ["check"], ["retry"]], ids=" ".join)
def test_scans_are_never_kept_where_they_would_be_gone_with_the_power(file, volatile, command):
    file.write_text(GOOD.replace("DIR", str(volatile)), encoding="utf-8")
    said = message(run(*command, "--config", str(file)))
    assert said.startswith(f"{file}:3: device.data_dir: {volatile}/data")
    assert "tmpfs" in said
    assert "--allow-volatile" in said
