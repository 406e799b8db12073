"""The configuration file: TOML, read once, every key checked before a device is opened.

Each program gets its slice, frozen. What is wrong is said in one message: file, line, key, and what would be right.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kiosk.errors import ConfigError
from kiosk.fittings import Output, Turnstile, misfits
from kiosk.model import Direction
from kiosk.values import DialectName, FilePath, LanguageName, LayoutName, Minutes, RuleName, Seconds, Sent, Url, Word
from kiosk.variants import RULES

DEFAULT_PATH = Path("/etc/kiosk/kiosk.toml")
"""Where the file is looked for when neither `--config` nor `KIOSK_CONFIG` names one."""


MANY = ("scanner", "output", "turnstile")
"""The sections of which there may be several, each with a name of its own."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Device(_Section):
    id: Word = Field(default_factory=lambda: socket.gethostname()[:64])
    data_dir: FilePath = Path("/var/lib/kiosk")
    runtime_dir: FilePath = Path("/run/kiosk")
    journal_mirror: FilePath | None = None
    witness_sync: Literal["each", "second", "none"] = "second"
    backup_interval_s: Seconds = 3_600.0
    backups_kept: Annotated[int, Field(ge=1, le=100)] = 3


class Cloud(_Section):
    scans_url: Url = "https://portier.vivenu.com/api"
    access_url: Url = "https://vivenu.com/api"
    api_key_file: FilePath = Path("/etc/kiosk/api-key")
    token_file: FilePath = Path("/etc/kiosk/token")
    requests_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 900
    proxy_from_environment: bool = False


class Gate(_Section):
    events: tuple[Word, ...] = Field(default=(), strict=False)
    scan_type: Annotated[Direction, Field(strict=False)] = Direction.CHECKIN
    allowed_ticket_types: tuple[Word, ...] = Field(default=(), strict=False)
    entry_permissions: tuple[Word, ...] = Field(default=(), strict=False)
    entrances: Mapping[Word, Word] = Field(default_factory=dict, max_length=1_000)
    multi_checkin: bool = False
    check_timeslots: bool = False
    timeslot_before_minutes: Minutes = 0.0
    timeslot_after_minutes: Minutes = 0.0
    accept_details_required: bool = False
    settings_from_cloud: bool = True
    code_rules: tuple[RuleName, ...] = Field(default=tuple(RULES), strict=False)
    lookup_ms: Annotated[int, Field(ge=0, le=5_000)] = 800
    hold_off_s: Annotated[float, Field(ge=0, le=600)] = 3.0
    stale_after_s: Annotated[float, Field(gt=0)] = 86_400.0
    untrusted_clock: Literal["admit", "decline"] = "admit"


_DEVICE = re.compile(r"^(/.*|by-(id|path)/.+|[0-9a-fA-F]{4}:[0-9a-fA-F]{4}|auto)$")


class Scanner(_Section):
    name: Word
    kind: Literal["hid", "hidpos", "serial", "socket", "replay"]
    device: str = ""
    type: Annotated[Direction, Field(strict=False)] | None = None
    layout: LayoutName = "us"
    baudrate: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    terminator: Literal["any", "none"] = "any"
    feedback: DialectName = "none"
    good_read: Annotated[Sent, Field(max_length=64)] | None = None
    bad_read: Annotated[Sent, Field(max_length=64)] | None = None
    prefix: Annotated[str, Field(max_length=16)] = ""
    suffix: Annotated[str, Field(max_length=16)] = ""
    idle_ms: Annotated[int, Field(ge=10, le=5_000)] = 120

    @field_validator("device")
    @classmethod
    def _is_printable(cls, device: str) -> str:
        if not device.isprintable():
            raise ValueError("needs printable characters")
        return device

    @model_validator(mode="after")
    def _has_a_possible_device(self) -> Scanner:
        found = self.kind not in {"hid", "hidpos"} or not self.device or _DEVICE.match(self.device)
        if not found:
            wishes = 'a path, "by-id/…", "by-path/…", "vid:pid" in hexadecimal, or "auto"'
            raise ValueError(f"device is {_shortened(self.device)}: needs {wishes}; `kiosk devices` shows them")
        return self

    @model_validator(mode="after")
    def _has_device(self) -> Scanner:
        if self.kind in {"serial", "replay"} and not self.device:
            example = "/dev/serial/by-id/…" if self.kind == "serial" else '"-" for standard input, or a file'
            raise ValueError(f"device is missing: a {self.kind} scanner needs one ({example})")
        return self


class Sync(_Section):
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 200
    upload_interval_s: Seconds = 2.0
    tickets_interval_s: Seconds = 15.0
    scans_interval_s: Seconds = 15.0
    on_unknown: Literal["hold", "resend"] = "hold"
    clock_wait_s: Annotated[float, Field(ge=0, le=86_400 * 7)] = 600.0
    report_unknown: bool = False
    verify_interval_s: Seconds = 21_600.0
    max_shrink: Annotated[float, Field(ge=0, le=1)] = 0.1
    store_names: bool = True
    retention_days: Annotated[float, Field(gt=0, le=3_650)] = 30.0


class Display(_Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    language: LanguageName = "en"
    scan_reveal_s: Annotated[float, Field(ge=1, le=60)] = 3.0
    pin_file: FilePath | None = None
    staff_from_network: bool = False


class Config(_Section):
    device: Device = Field(default_factory=Device)
    cloud: Cloud = Field(default_factory=Cloud)
    gate: Gate = Field(default_factory=Gate)
    scanner: tuple[Scanner, ...] = Field(default=(), strict=False)
    output: tuple[Output, ...] = Field(default=(), strict=False)
    turnstile: tuple[Turnstile, ...] = Field(default=(), strict=False)
    sync: Sync = Field(default_factory=Sync)
    display: Display = Field(default_factory=Display)


def locate(path: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: the option, else `$KIOSK_CONFIG`, else `/etc/kiosk/kiosk.toml`."""
    return Path(path or environ.get("KIOSK_CONFIG") or DEFAULT_PATH)


def read(path: Path) -> Config:
    """Read and check the file. Raises ConfigError with the line, the key and the mend of everything that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file. Name one with --config FILE or KIOSK_CONFIG; "
            "config/kiosk.example.toml is one to start from"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Config:
    """Check a configuration's text; `where` is what its errors call it. Raises ConfigError."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None
    lines = _Lines(text)
    try:
        found = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_say(problem, where, lines) for problem in error.errors())) from None
    lanes = [scanner.name for scanner in found.scanner]
    for location, wrong in (*_double_names(found), *misfits(found.output, found.turnstile, lanes)):
        raise ConfigError(f"{where}:{lines.of(location)}: {'.'.join(map(str, location))}: {wrong}")
    return found


def _double_names(found: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for kind in MANY:
        names = [each.name for each in getattr(found, kind)]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield (kind, number, "name"), f"two {kind}s are called {name!r}: give each its own name"


def _say(problem: Any, where: str, lines: _Lines) -> str:
    location = problem["loc"]
    key = ".".join(str(part) for part in location)
    return f"{where}:{lines.of(location)}: {key}: {_mend(problem, location)}"


def _mend(problem: Any, location: tuple[str | int, ...]) -> str:
    if problem["type"] == "extra_forbidden":
        return _unknown(location)
    text, given = _WISHES.get(problem["type"]) or problem["msg"], problem["input"]
    if len(location) == 1 and location[0] in MANY:
        return f"needs double brackets: [[{location[0]}]]"
    if len(location) == 1:
        return f"needs a section: [{location[0]}]"
    text = text.removeprefix("Value error, ")
    return text if isinstance(given, dict) else f"{text} (found {_shortened(given)})"


_WISHES = {
    "missing": "is missing: add it to this section",
    "tuple_type": 'needs a list such as ["…"]',
    "dict_type": 'needs a table such as { "…" = "…" }',
    "path_type": "needs a path in quotes",
}
"""What pydantic says in the terms of Python, in the terms of the file."""


def _shortened(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "…"


def _unknown(location: tuple[str | int, ...]) -> str:
    known = sorted(_keys_of(location[:-1]))
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}"


def _keys_of(section: tuple[str | int, ...]) -> Iterator[str]:
    models: dict[str, type[BaseModel]] = {
        "device": Device, "cloud": Cloud, "gate": Gate, "scanner": Scanner, "sync": Sync, "display": Display,
        "output": Output, "turnstile": Turnstile,
    }  # fmt: skip
    yield from (models[str(section[0])] if section else Config).model_fields


class _Lines:
    """Finds the line on which a key stands: TOML readers do not tell."""

    _HEADER = re.compile(r"^\s*\[(\[)?\s*([\w.\"'-]+)\s*\]")
    _KEY = re.compile(r"^\s*([\w\"'-][\w\s.\"'-]*?)\s*=")

    def __init__(self, text: str) -> None:
        self._found: dict[tuple[str | int, ...], int] = {}
        section: tuple[str | int, ...] = ()
        counts: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if header := self._HEADER.match(line):
                name = _parts(header[2])
                section = (*name, counts.get(name[0], 0)) if header[1] else name
                counts[name[0]] = counts.get(name[0], 0) + 1
                self._found.setdefault(section, number)
            elif key := self._KEY.match(line):
                self._found.setdefault((*section, *_parts(key[1])), number)

    def of(self, location: tuple[str | int, ...]) -> int:
        """Return the line of the key, or of the nearest section above it; 1 when there is none."""
        while location and location not in self._found:
            location = location[:-1]
        return self._found.get(location, 1)


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"' ") for part in key.split("."))


def place(path: Path, section: str, key: str) -> str:
    """Return file and line of a key, for an error that only shows when the key is used."""
    return f"{path}:{_Lines(path.read_text(encoding='utf-8-sig')).of((section, key))}"
