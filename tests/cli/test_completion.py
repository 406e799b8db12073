"""Tab completion, asked for as each shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path) -> str:
    """A PATH on which `kiosk` is this very one."""
    program = tmp_path / "bin" / "kiosk"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kiosk "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "completion", shell], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def completed_by_bash(path: str, file: Path, *words: str) -> list[str]:
    """What bash itself offers for the last word."""
    file.write_text(script("bash"), encoding="utf-8")
    line = (
        f'source "{file}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
        'completer=$(complete -p kiosk); completer=${completer##*-F }; "${completer%% *}" kiosk\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", line, "bash", *words],
        capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "PATH": path},
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["kiosk", "sta"], ["status"]),
        (["kiosk", "scan"], ["scan", "scans"]),
        (["kiosk", "tickets", "im"], ["import"]),
        (["kiosk", "status", "--js"], ["--json"]),
        (["kiosk", "completion", "f"], ["fish"]),
        (["kiosk", "zzz"], []),
    ],
    ids=str,
)
def test_bash_completes_commands_options_and_choices(path, tmp_path, words, offered):
    assert completed_by_bash(path, tmp_path / "kiosk.bash", *words) == offered


@pytest.mark.parametrize(("shell", "current"), [("zsh", "1"), ("fish", "sta")])
def test_zsh_and_fish_are_answered_when_they_ask(path, shell, current):
    text = script(shell)
    assert f"_KIOSK_COMPLETE={shell}_complete" in text
    asked = {"_KIOSK_COMPLETE": f"{shell}_complete", "COMP_WORDS": "kiosk sta", "COMP_CWORD": current, "PATH": path}
    done = subprocess.run(
        ["kiosk"], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **asked}
    )  # fmt: skip
    assert "status" in done.stdout
    assert "sync" not in done.stdout


SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in ("zsh", "fish")]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_can_read(shell, tmp_path):
    file = tmp_path / "script"
    file.write_text(script(shell), encoding="utf-8")
    subprocess.run([shell, "-n", str(file)], check=True, timeout=60)
