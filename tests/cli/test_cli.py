"""The command line as a whole: help, version, exit statuses, and what a command costs before it does anything."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from kiosk import __version__
from kiosk.cli import COMMANDS, cli

EVERY = [[name] for name in COMMANDS] + [["tickets", "import"], ["tickets", "find"]]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_help_names_every_command_with_what_it_is_for_and_every_exit_status():
    done = run("--help")
    assert done.returncode == 0
    for name, purpose in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(purpose[:30])}", done.stdout, re.MULTILINE), name
    assert "0 done, 1 failed, 2 the configuration or the call is wrong, 3 the gate is not running" in " ".join(
        done.stdout.split()
    )


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_tells_what_it_does(command):
    done = run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: kiosk {' '.join(command)}")
    about = done.stdout.split("\n\n")[1]
    assert len(about.split()) >= 5


def test_help_may_be_asked_for_briefly():
    assert run("status", "-h").stdout == run("status", "--help").stdout


def commands(group: click.Group, *path: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((" ".join((*path, name)), command))
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
    return found


def test_every_option_says_what_it_is_for():
    options = [
        (name, option.name)
        for name, command in commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.metavar is None
    ]
    assert options == []


def test_every_command_but_those_that_need_none_takes_a_configuration():
    without = [name for name, command in commands(cli) if "config_file" not in {p.name for p in command.params}]
    assert without == ["demo", "sandbox", "completion"]


def test_the_version_is_the_packages_own():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"kiosk, version {__version__}\n")


def test_without_a_command_help_is_shown():
    done = run()
    assert "Usage: kiosk" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["statsu"], "statsu"), (["status", "--jsno"], "--json"), (["scans", "--since", "-1"], "--since"),
        (["scan"], "CODE"), (["scan", ""], "empty"), (["scan", "X", "--type", "in"], "checkin"),
        (["retry", "0"], "0"), (["retry", "x"], "x"), (["completion", "csh"], "bash"), (["tickets", "find"], "TEXT"),
        (["sandbox", "--port", "70000"], "--port"), (["tickets", "import", "/dev/null"], "--event"),
        (["tickets", "import", "/nonexistent", "--event", "e"], "/nonexistent"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_call_exits_with_2_and_names_what_is_wrong(arguments, word):
    done = run(*arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "foreign"),
    [
        ("gate", {"httpx", "starlette", "uvicorn", "rich", "kiosk.cloud", "kiosk.sync", "kiosk.sandbox"}),
        ("scan", {"httpx", "starlette", "uvicorn", "rich", "kiosk.sync", "kiosk.sandbox"}),
        ("sync", {"starlette", "uvicorn", "serial", "evdev", "kiosk.gate", "kiosk.watch", "kiosk.sandbox"}),
    ],
)
def test_a_command_loads_nothing_that_it_does_not_need(command, foreign):
    script = (
        "import sys; from kiosk.cli import main; sys.argv = ['kiosk', sys.argv[1], '--help']\n"
        "try: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, command], capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    loaded = set(done.stderr.split())
    assert f"kiosk.cli.{command}" in loaded
    assert loaded & foreign == set()
