"""`kiosk devices`: the scanners that are plugged in, and how to configure them."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Iterator
from typing import Any

import click

from kiosk.cli.options import Setup, on_signal, with_setup
from kiosk.errors import ConfigError, Refused, ScannerLost
from kiosk.scanners.binding import Bindings, accept
from kiosk.scanners.hotplug import hotplug
from kiosk.scanners.plugged import Plugged, node_name, plugged
from kiosk.store import audit

LOOK_S = 0.5
"""How often it is looked for what is plugged in, where udev does not tell."""

KINDS = {"hid": "in keyboard mode", "hidpos": "in HID-POS mode", "serial": "serial port"}


@click.command("devices")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@click.option("--watch", is_flag=True, help="Go on, and tell of whatever is plugged in or pulled out, until Ctrl-C.")
@click.option("--accept", "lane", metavar="LANE", help="Take what is plugged in now for this lane's scanner.")
@with_setup
def command(setup: Setup, as_json: bool, watch: bool, lane: str | None) -> None:
    """Show every device that could be a scanner, with the lines that configure it; works without a configuration.

    A lane keeps its scanner: where another one is plugged in instead, the gate does not read it and says so.
    After a scanner was replaced on purpose, say `kiosk devices --accept LANE`.
    """
    if lane is not None:
        _accept(setup, lane)
        return
    stop = threading.Event()
    with on_signal(stop.set):
        known = _show(setup, as_json=as_json)
        if watch:
            _watch(setup, known, stop, as_json=as_json)


def _accept(setup: Setup, lane: str) -> None:
    try:
        accepted = accept(setup.config.device.data_dir, lane)
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}: say it as the kiosk's own user (sudo -u kiosk)") from error
    if not accepted:
        raise Refused(f"no scanner is remembered for a lane {lane!r}: there is nothing to accept")
    audit.note(setup.config.device.data_dir, "device accepted", lane=lane)
    click.echo(f"{lane}: what is plugged in is its scanner from now on", err=True)


def _show(setup: Setup, *, as_json: bool) -> dict[str, Plugged]:
    known = {one.node: one for one in plugged()}
    lanes = _lanes(setup)
    for one in known.values():
        click.echo(_say(one, lanes, as_json=as_json))
    if not known and not as_json:
        click.echo("Nothing that could be a scanner is plugged in.", err=True)
    return known


def _watch(setup: Setup, known: dict[str, Plugged], stop: threading.Event, *, as_json: bool) -> None:
    plugs = hotplug()
    while not stop.is_set():
        if plugs is None:
            stop.wait(LOOK_S)
        elif select.select([plugs], [], [], LOOK_S)[0]:
            plugs.changed()
        found = {one.node: one for one in plugged()}
        for node in known.keys() - found.keys():
            click.echo(json.dumps({"gone": node}) if as_json else f"- {node} {known[node].name}")
        lanes = _lanes(setup) if found.keys() - known.keys() else {}
        for node in found.keys() - known.keys():
            click.echo(("" if as_json else "+ ") + _say(found[node], lanes, as_json=as_json))
        known = found


def _lanes(setup: Setup) -> dict[str, str]:
    """Return which lane each node, by the kernel's name, belongs to; what is wrong with a lane is said aside."""
    try:
        device, scanners = setup.config.device, setup.config.scanner
    except ConfigError as error:
        if setup.path.exists():
            click.echo(f"the configuration is left out: {error}", err=True)
        return {}
    bindings, found = Bindings(device.data_dir, [scanner.name for scanner in scanners]), {}
    for scanner in scanners:
        if scanner.kind in KINDS:
            try:
                node = bindings.find(scanner.name, scanner.kind, scanner.device or "auto")
                found[node_name(node)] = scanner.name
            except ScannerLost as lost:
                click.echo(f"{scanner.name}: {lost}", err=True)
    return found


def _say(one: Plugged, lanes: dict[str, str], *, as_json: bool) -> str:
    lane, usable = lanes.get(node_name(one.node)), os.access(one.node, os.R_OK | os.W_OK)
    if as_json:
        return json.dumps(_facts(one) | {"lane": lane, "usable": usable}, ensure_ascii=False)
    return "\n".join(_lines(one, lane, usable=usable))


def _facts(one: Plugged) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "node": one.node,
        "device": one.stable_name,
        "name": one.name,
        "ids": one.ids or None,
        "serial": one.serial or None,
        "port": one.port or None,
        "links": list(one.links),
    }


def _lines(one: Plugged, lane: str | None, *, usable: bool) -> Iterator[str]:
    """Say the same for people: what it is, then the lines to paste."""
    about = [one.ids, f"serial number {one.serial}" if one.serial else "", f"port {one.port}" if one.port else ""]
    about = [KINDS[one.kind], *filter(None, about), f"lane {lane}" if lane else "not configured"]
    yield f"{one.node}: {one.name or 'no name'} ({', '.join(about)})"
    if not usable:
        yield "    this user may not open it: add it to the groups input and dialout, and see systemd/README.md"
    if lane is None:
        yield f'    [[scanner]]\n    name = "…"\n    kind = "{one.kind}"\n    device = {json.dumps(one.stable_name)}'
