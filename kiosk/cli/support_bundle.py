"""`kiosk support-bundle`: what somebody far away needs to help, in one file, without names, codes or keys."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from kiosk import __version__, clock, pulse
from kiosk.cli.doctor import examine
from kiosk.cli.export import whole
from kiosk.cli.options import Setup, with_setup
from kiosk.cli.scans import rows
from kiosk.cli.status import status
from kiosk.cloud.line import credential_file
from kiosk.config import Config
from kiosk.doctor.programs import PROGRAMS
from kiosk.doctor.salvage import salvage
from kiosk.errors import ConfigError, StoreError
from kiosk.store import audit
from kiosk.store.outlook import Outlook
from kiosk.words import stamp

SCANS, LINES = 500, 2_000
"""How many of the last scans, and of each program's last log lines."""

SHORTEST_SECRET = 4
"""What is shorter cannot be taken out of a text without ruining it, and is hashed where it stands."""

HASHED = {"barcode": "codeHash", "ticketId": "ticketHash"}
LEFT_OUT = {"barcode", "ticketId", "name", "message", "why"}
PATIENCE_S = 10.0

_USERINFO = re.compile(r"//[^/@\s]*@")


@click.command("support-bundle")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
@with_setup
def command(setup: Setup, file: Path, force: bool) -> None:
    """Write FILE.tar.gz for whoever is to help: status, doctor, configuration, versions, sizes, last scans, log, audit.

    Names, codes and keys are not in it: of a code only a hash that this bundle alone uses, so that the same code can be
    recognised in it. It may be called while the kiosk runs, and when nothing does.
    """
    config = _config(setup)
    last = list(_last(setup))
    scrub = Scrub(_secrets(config, last))
    with whole(file, force=force, mode="wb") as output, tarfile.open(fileobj=output, mode="w:gz") as bundle:
        for name, make in _parts(setup, config, last).items():
            _add(bundle, f"{_stem(file)}/{name}", scrub(_made(make)))
    click.echo(f"{file} has no names, codes or keys in it", err=True)


def _config(setup: Setup) -> Config:
    try:
        return setup.config
    except ConfigError:
        return salvage(setup.path)


def _parts(setup: Setup, config: Config, last: Iterable[dict[str, Any]]) -> dict[str, Callable[[], Any]]:
    directory = config.device.data_dir
    return {
        "about.json": _about,
        "status.json": lambda: status(setup),
        "doctor.json": lambda: [asdict(finding) for finding in examine(setup)],
        "configuration.json": lambda: config.model_dump(mode="json"),
        "files.json": lambda: list(_files(directory)),
        "pulses.json": lambda: {name: _pulse(config.device.runtime_dir, name) for name in ("gate", "sync")},
        "scans.json": lambda: hashed(last, os.urandom(32)),
        "audit.json": lambda: list(audit.read(directory)),
        **{f"{name}.log": partial(_log, name) for name in PROGRAMS},
    }


def _last(setup: Setup) -> Iterator[dict[str, Any]]:
    """Return the last scans, as far as the journal can be read; the doctor says what is wrong with the rest."""
    with suppress(ConfigError, StoreError, sqlite3.Error):
        with closing(Outlook(setup.config.device.data_dir)) as outlook:
            newest = outlook.newest()
        yield from rows(setup, max(0, newest - SCANS))


def _made(make: Callable[[], Any]) -> str:
    """Make one part; what is wrong with it stands in its place, and the others are made."""
    try:
        found = make()
    except Exception as error:  # noqa: BLE001
        found = {"error": repr(error)}
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, indent=1, default=str)


class Scrub:
    """Takes secrets out of a text, in whatever form they stand there."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None

    def __call__(self, text: str) -> str:
        text = _USERINFO.sub("//***@", text)
        return self._found.sub("***", text) if self._found is not None else text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]


def _secrets(config: Config, last: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The keys themselves, and what the last scans could have left in an error or a log line."""
    for file in (config.cloud.api_key_file, config.cloud.token_file):
        with suppress(OSError, UnicodeDecodeError):  # the doctor says so
            yield credential_file(file).read_text(encoding="utf-8").strip()
    for row in last:
        yield from (str(row[key]) for key in ("barcode", "name") if row.get(key))


def hashed(last: Iterable[dict[str, Any]], key: bytes) -> list[dict[str, Any]]:
    """Return scans without codes and names, with a hash by which those of one code can be told."""
    return [
        {name: value for name, value in row.items() if name not in LEFT_OUT}
        | {new: _hash(row[old], key) for old, new in HASHED.items()}
        | {"codeLength": len(row["barcode"])}
        for row in last
    ]


def _hash(text: str | None, key: bytes) -> str | None:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:12] if text is not None else None


def _about() -> dict[str, Any]:
    now = clock.now()
    names = (
        "click",
        "httpx",
        "pydantic",
        "pyserial",
        "evdev",
        "pyudev",
        "sqlite-utils",
        "starlette",
        "uvicorn",
        "certifi",
    )
    return {
        "kiosk": __version__, "python": sys.version, "sqlite": sqlite3.sqlite_version, "machine": platform.platform(),
        "model": _text(Path("/proc/device-tree/model")), "time": stamp(now.at), "clock": now.quality,
        "upSeconds": now.boottime_ns // 1_000_000_000, "packages": {name: _installed(name) for name in names},
    }  # fmt: skip


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _files(directory: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(directory.rglob("*")):
        found = file.stat()
        about = {"name": str(file.relative_to(directory)), "bytes": found.st_size, "uid": found.st_uid}
        yield about | {"mode": oct(found.st_mode), "version": _version(file) if file.suffix == ".db" else None}


def _version(file: Path) -> int | str:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)


def _pulse(directory: Path, name: str) -> dict[str, Any]:
    """What a program says of itself, but for what it shows to a guest."""
    return {key: value for key, value in (pulse.feel(directory, name) or {}).items() if key != "shown"}


def _log(program: str) -> str:
    """Return a program's last log lines, where systemd keeps them; they have no names, and of codes only the ends."""
    if shutil.which("journalctl") is None:
        return ""
    done = subprocess.run(  # noqa: S603
        ["journalctl", "--unit", f"kiosk-{program}", "--lines", str(LINES), "--no-pager", "--output", "short-iso"],  # noqa: S607
        capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.stdout


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip("\0\n")
    except OSError:
        return None


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar") or "kiosk"


def _add(bundle: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8", errors="replace")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o600, int(clock.now().at.timestamp())
    bundle.addfile(entry, io.BytesIO(data))
