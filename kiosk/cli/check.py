"""`kiosk check`: the configuration as it comes out, and where each part of it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click
from pydantic import BaseModel, ValidationError

from kiosk import settings
from kiosk.choices import Choices
from kiosk.cli.options import Setup, with_setup
from kiosk.config import MANY, Config, Scanner
from kiosk.settings import Joined, JoinedEvent, Settings
from kiosk.store import alike, calibrated, spoken
from kiosk.store.alike import Ends
from kiosk.store.outlook import Outlook
from kiosk.tuning import Tuning, misfit
from kiosk.words import plain

SCREEN_KEYS = {"sound": "sound", "haptic": "haptic", "reveal_s": "scan_reveal_s"}
"""What is not a colour, as it is called here and in the file."""


@click.command("check")
@with_setup
def command(setup: Setup) -> None:
    """Check the configuration and show what it comes to.

    Every value is given with its origin: the file, the default, the device settings of the cloud, or staff's choice or
    calibration at the door. What is in force is all of them put together. Exits with 2 and a message that names line,
    key and mend when something is wrong.
    """
    setup.data_dir()
    setup.runtime_dir()
    for name in type(setup.config).model_fields:
        section = getattr(setup.config, name)
        if isinstance(section, BaseModel):
            _show(name, section)
    tunings = calibrated.read(setup.config.device.data_dir)
    for kind in MANY:
        for each in getattr(setup.config, kind):
            _show(f"{kind} {each.name}", each)
            if isinstance(each, Scanner):
                _show_calibrated(each, tunings)
    with closing(Outlook(setup.config.device.data_dir)) as outlook:
        found, names, refused = _settings(outlook.settings()), outlook.event_names(), outlook.refused_rules()
        choices = outlook.choices()
    _show_door(setup.config, found, choices, names)
    _show_gate(setup.config, found, refused)
    _show_screen(setup.config, found)


def _show(title: str, section: BaseModel) -> None:
    click.echo(f"[{title}]")
    for key, value in section.model_dump(mode="json").items():
        origin = "file" if key in section.model_fields_set else "default"
        click.echo(f"  {key} = {json.dumps(value, ensure_ascii=False)}  ({origin})")


def _show_calibrated(scanner: Scanner, tunings: Mapping[str, Tuning]) -> None:
    """What wins over the file, or does not any more."""
    own = tunings.get(scanner.name)
    if own is None:
        return
    forget = f"`kiosk calibrate --forget --scanner {scanner.name}`"
    if wrong := misfit(scanner, own):
        click.echo(f"  what was calibrated on the staff page does not count, {wrong}: {forget} removes it")
        return
    click.echo(f"[in force for scanner {scanner.name}: calibrated on the staff page, {forget} undoes it]")
    for key, value in own.settings.items():
        click.echo(f"  {key} = {json.dumps(value)}  ({settings.Origin.STAFF})")


def _settings(answer: Any) -> Settings | None:
    try:
        return Settings.model_validate(answer) if answer is not None else None
    except ValidationError as error:
        click.echo(f"the cloud's device settings cannot be read and are left out: {error}", err=True)
        return None


def _show_door(config: Config, found: Settings | None, choices: Choices, names: Mapping[str, str]) -> None:
    """What the door goes by once the cloud's settings and staff's choices are joined in."""
    click.echo("[in force at the gate]")
    if choices and settings.locked(config.gate, found):
        click.echo("  what staff chose does not count: the cloud has locked the settings")
    events = settings.events(config.gate, found, choices)
    titles = {event_id: plain(f"{names.get(event_id, '?')} ({event_id})") for event_id in events.value}
    _say("events", ", ".join(titles.values()) or "NONE: the gate stays closed", events)
    for event_id, event in events.value.items():
        _show_event(titles[event_id], event)
    for name, joined in settings.decisions(config.gate, found, choices).items():
        _say(name, _text(joined.value), joined)


def _show_gate(config: Config, found: Settings | None, refused: Mapping[str, Ends]) -> None:
    for name, joined in settings.modes(config.gate, found).items():
        _say(name, _text(joined.value), joined)
    _show_rules(config, refused)
    interval = settings.tickets_interval(config.sync, config.gate, found)
    _say("tickets_interval_s", _text(interval.value), interval)


def _show_event(title: str, event: JoinedEvent) -> None:
    types = event.ticket_types.value
    listed = "all" if types is None else plain(", ".join(sorted(types))) or "NONE: nobody is admitted"
    click.echo(f"  event {title}")
    _say("  ticket_types", listed, event.ticket_types)
    _say("  timeslot_before_minutes", _text(event.before_minutes.value), event.before_minutes)
    _say("  timeslot_after_minutes", _text(event.after_minutes.value), event.after_minutes)


def _show_rules(config: Config, refused: Mapping[str, Ends]) -> None:
    """What is tried on a code that no ticket has, and what the ticket list forbids of it."""
    used = [rule for rule in config.gate.code_rules if rule not in refused]
    origin = "file" if "code_rules" in config.gate.model_fields_set else "default"
    click.echo(f"  code_rules = {', '.join(used) or 'none'}  ({origin})")
    for rule in config.gate.code_rules:
        if rule in refused:
            click.echo(f"  {alike.sentence(rule, refused[rule])}")


def _show_screen(config: Config, found: Settings | None) -> None:
    click.echo("[in force on the screen]")
    for name, joined in settings.appearance(config.display, config.gate, found).items():
        _say(SCREEN_KEYS.get(name, f"{name}_colour"), _text(joined.value), joined)
    language = spoken.in_force(config)
    _say("language", language.value, language)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _say(key: str, text: str, joined: Joined[Any]) -> None:
    click.echo(f"  {key} = {text}  ({joined.origin})")
