"""`kiosk status`: how every part is doing, whether it runs or not."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import click
from pydantic import ValidationError

from kiosk import __version__, clock, config, disk, pulse
from kiosk.cli.options import Setup, with_setup
from kiosk.model import Delivery
from kiosk.settings import Settings, rules
from kiosk.store import calibrated, recovery, upkeep
from kiosk.store.outlook import Outlook
from kiosk.tuning import counting

RUNNING, DOWN = "running", "down"
BUDGETS = {"scans": "scans service", "access": "access-control API"}
OPEN_STATES = [state for state in Delivery if state is not Delivery.ACKED]


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@with_setup
def command(setup: Setup, as_json: bool) -> None:
    """Tell how the kiosk is doing: its programs, scanners, ticket list, deliveries, counts, cloud, clock and disk."""
    found = status(setup)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


def status(setup: Setup) -> dict[str, Any]:
    """Return everything there is to know, from files alone; nothing that is down keeps it from answering."""
    runtime_dir = setup.config.device.runtime_dir
    gate, sync = pulse.feel(runtime_dir, "gate"), pulse.feel(runtime_dir, "sync")
    recovering = pulse.recovering(runtime_dir)
    return {
        "gate": "recovering" if recovering is not None else RUNNING if pulse.alive(gate) else DOWN,
        "sync": RUNNING if pulse.alive(sync) else DOWN,
        "display": RUNNING if display_answers(setup.config.display) else DOWN,
        "scanners": _scanners(setup, gate),
        **_outputs(setup, gate),
        **_from_files(setup, (sync or {}).get("eta_s") if pulse.alive(sync) else None),
        "journal": _journal(setup, gate) | {"recovering": recovering},
        "cloud": _cloud(sync or {}),
        **_clock(gate),
        "disk": _disk(setup),
        "version": __version__,
    }


def _from_files(setup: Setup, eta_s: float | None) -> dict[str, Any]:
    now = clock.now()
    with closing(Outlook(setup.config.device.data_dir)) as outlook:
        events = events_in_force(setup.config.gate, outlook)
        return {
            "tickets": outlook.tickets(events, now),
            "outbox": outlook.outbox(now) | {"etaSeconds": round(eta_s) if eta_s is not None else None},
            "counts": outlook.counts(),
        }


def events_in_force(gate: config.Gate, outlook: Outlook) -> list[str]:
    """Return the events this door admits to, the cloud's settings and staff's choices included."""
    answer = outlook.settings()
    try:
        found = Settings.model_validate(answer) if answer is not None else None
    except ValidationError:  # settings nobody can read are in force nowhere
        found = None
    return list(rules(gate, found, outlook.choices()).events)


def _cloud(sync: dict[str, Any]) -> dict[str, Any]:
    """What sync says of the cloud, and how many requests it may still make in this hour."""
    found = sync.get("cloud") or {"reachable": False, "lastSuccess": None, "lastError": None}
    budget = sync.get("budget") or {}
    return found | {"budget": {name: {key: part[key] for key in ("limit", "left")} for name, part in budget.items()}}


def _scanners(setup: Setup, gate: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What the running gate says of its scanners, or what the configuration wants."""
    if gate is not None and pulse.alive(gate):
        said = ("name", "kind", "device", "connected", "hint")
        return [
            {key: scanner.get(key) for key in said}
            | {"calibrating": bool(scanner.get("calibrating")), "calibrated": scanner.get("calibrated") or None}
            for scanner in gate["scanners"]
        ]
    tunings = calibrated.read(setup.config.device.data_dir)
    return [
        {"name": scanner.name, "kind": scanner.kind, "device": scanner.device, "connected": False, "hint": None}
        | {"calibrating": False, "calibrated": dict(counting(scanner, tunings)) or None}
        for scanner in setup.config.scanner
    ]


def _outputs(setup: Setup, gate: dict[str, Any] | None) -> dict[str, Any]:
    """What the running gate says of its outputs and turnstiles; without it nobody knows."""
    if gate is not None and pulse.alive(gate):
        return {"outputs": gate.get("outputs") or [], "turnstiles": gate.get("turnstiles") or []}
    unknown = "the gate does not run"
    return {
        "outputs": [{"name": o.name, "kind": o.kind, "problem": unknown} for o in setup.config.output],
        "turnstiles": [
            {"name": t.name, "problem": unknown, "missed": None, "unasked": 0} for t in setup.config.turnstile
        ],
    }


def display_answers(display: config.Display) -> bool:
    """Tell whether the screen is served here."""
    connection = http.client.HTTPConnection(display.host, display.port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _journal(setup: Setup, gate: dict[str, Any] | None) -> dict[str, Any]:
    """What secures the journal. `witness` is None while no gate runs that could say."""
    said = (gate.get("journal") or {}) if gate is not None and pulse.alive(gate) else {}
    data_dir = setup.config.device.data_dir
    return {
        "witness": said.get("witness"),
        "recovered": recovery.last_report(data_dir),
        "backup": upkeep.age_s(data_dir, time.time()),
    }


def _clock(gate: dict[str, Any] | None) -> dict[str, Any]:
    """How good the clock is, and by whom the time is known: the running gate knows it best."""
    said = pulse.clock_of(gate)
    anchor = {"source": said.get("source"), "ageSeconds": said.get("ageSeconds")}
    return {
        "clock": said.get("quality") or clock.quality(),
        "clockAnchor": anchor if anchor["source"] is not None else None,
    }


def _disk(setup: Setup) -> dict[str, Any]:
    try:
        found = disk.volume(setup.config.device.data_dir)
    except OSError:
        return dict.fromkeys(("kind", "freeBytes", "sizeBytes", "volatile", "warning"))
    return {
        "kind": found.kind,
        "freeBytes": found.free,
        "sizeBytes": found.size,
        "volatile": found.volatile,
        "warning": disk.warning(found),
    }


def _journal_lines(journal: dict[str, Any]) -> Iterator[str]:
    age = f"{journal['backup']} s old" if journal["backup"] is not None else "none yet"
    if journal["recovering"] is not None:
        yield f"journal    IS PUT TOGETHER AGAIN, guests wait meanwhile: {journal['recovering']}"
        return
    yield f"journal    second record {journal['witness'] or 'not looked at'}, backup {age}"
    if (recovered := journal["recovered"]) is not None:
        yield (
            f"           MENDED at {recovered['at']}: {recovered['scans']} scans saved, {recovered['missing']} lost; "
            f"{recovered['reason']}"
        )
        if recovered["quarantine"]:
            yield f"           the damaged files are kept in {recovered['quarantine']}"


def _scanner_lines(found: dict[str, Any]) -> Iterator[str]:
    for scanner in found["scanners"]:
        missing = "IS BEING CALIBRATED" if scanner["calibrating"] else "MISSING"
        plugged = "connected" if scanner["connected"] else missing
        yield f"scanner    {scanner['name']}: {scanner['kind']} {scanner['device']} {plugged}"
        if scanner["hint"]:
            yield f"           {scanner['hint']}"
        if scanner["calibrated"]:
            values = ", ".join(f"{key} {json.dumps(value)}" for key, value in scanner["calibrated"].items())
            yield f"           calibrated on the staff page, over the configuration: {values}"


def _output_lines(found: dict[str, Any]) -> Iterator[str]:
    for output in found["outputs"]:
        yield f"output     {output['name']}: {output['kind']} {output['problem'] or 'works'}"
    for turnstile in found["turnstiles"]:
        yield f"turnstile  {turnstile['name']}: {turnstile['problem'] or 'works'}"
        if (missed := turnstile["missed"]) is not None:
            yield f"           scan {missed['seq']} at {missed['lane']} DID NOT PASS: see `kiosk annul`"
        if turnstile["unasked"]:
            yield f"           {turnstile['unasked']} passed who were not admitted here"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    outbox, listed, counts, cloud = found["outbox"], found["tickets"], found["counts"], found["cloud"]
    yield f"programs   gate {found['gate']}, sync {found['sync']}, display {found['display']}"
    yield from _scanner_lines(found)
    yield from _output_lines(found)
    age = f"{listed['ageSeconds']} s old" if listed["ageSeconds"] is not None else "never complete"
    yield f"tickets    {listed['total']}, {'complete' if listed['complete'] else 'INCOMPLETE'}, {age}"
    if listed["expected"] is not None:
        yield f"           still arriving: {listed['total']} of {listed['expected']}"
    for event_id in listed["refused"]:
        yield f"           the list of event {event_id} SHRANK and is kept as it was: see `kiosk tickets`"
    eta = f", delivered in about {outbox['etaSeconds']} s" if outbox["etaSeconds"] is not None else ""
    yield "outbox     " + ", ".join(f"{outbox[state]} {state}" for state in OPEN_STATES) + eta
    yield "counts     " + ", ".join(f"{number} {what}" for what, number in counts.items())
    yield from _journal_lines(found["journal"])
    reached = "reachable" if cloud["reachable"] else "not reachable"
    yield f"cloud      {reached}, last success {cloud['lastSuccess'] or 'never'}" + (
        f", last error: {cloud['lastError']}" if cloud["lastError"] else ""
    )
    for name, part in cloud["budget"].items():
        yield f"           {part['left']} of {part['limit']} requests left in this hour ({BUDGETS[name]})"
    anchor = found["clockAnchor"]
    known = f", the time is known by {anchor['source']} since {anchor['ageSeconds']} s" if anchor is not None else ""
    yield f"clock      {found['clock']}{known}"
    yield f"disk       {found['disk']['kind']}, {(found['disk']['freeBytes'] or 0) // 1_000_000} MB free"
    if found["disk"]["warning"]:
        yield f"           {found['disk']['warning'].upper()}"
    yield f"version    {found['version']}"
