"""`kiosk check`: the configuration as it comes out, and where each part of it comes from."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import click
from pydantic import BaseModel, ValidationError

from kiosk.cli.options import Setup, with_setup
from kiosk.settings import Settings, rules
from kiosk.store.outlook import Outlook


@click.command("check")
@with_setup
def command(setup: Setup) -> None:
    """Check the configuration and show what it comes to.

    Every value is given with its origin: the file, the default, or the device settings of the cloud. Exits with 2
    and a message that names line, key and mend when something is wrong.
    """
    setup.data_dir()
    setup.runtime_dir()
    for name in type(setup.config).model_fields:
        section = getattr(setup.config, name)
        if isinstance(section, BaseModel):
            _show(name, section)
    for scanner in setup.config.scanner:
        _show(f"scanner {scanner.name}", scanner)
    _show_rules(setup)


def _show(title: str, section: BaseModel) -> None:
    click.echo(f"[{title}]")
    for key, value in section.model_dump(mode="json").items():
        origin = "file" if key in section.model_fields_set else "default"
        click.echo(f"  {key} = {json.dumps(value, ensure_ascii=False)}  ({origin})")


def _show_rules(setup: Setup) -> None:
    """What the door goes by once the cloud's settings are joined in."""
    gate = setup.config.gate
    with closing(Outlook(setup.config.device.data_dir)) as outlook:
        found, names = _settings(outlook.settings()), outlook.event_names()
    joined, alone = rules(gate, found), rules(gate, None)
    click.echo("[in force at the gate]")
    for field in ("events", "direction", "multi_checkin", "check_timeslots", "accept_details_required"):
        value, file = getattr(joined, field), getattr(alone, field)
        origin = "cloud" if value != file else "file or default"
        click.echo(f"  {field} = {_said(value, names)}  ({origin})")


def _settings(answer: Any) -> Settings | None:
    try:
        return Settings.model_validate(answer) if answer is not None else None
    except ValidationError as error:
        click.echo(f"the cloud's device settings cannot be read and are left out: {error}", err=True)
        return None


def _said(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{names.get(event, '?')} ({event})" for event in value) or "NONE: the gate stays closed"
    return str(value).lower()
