"""The device settings: what the cloud says this door is to do, and how it joins with the file.

`Settings` reads the answer of `GET /accessusers/me`; what it does not know it ignores. What decides is read strictly:
an answer that cannot be read is refused whole, so that the last good settings stay in force. What is only looks or
haste refuses nothing: an odd value counts as not given. Every value is joined together with its origin, so that the
door and `kiosk check` cannot be of two minds. What staff chose at the door wins over both, unless the cloud locks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel

from kiosk import config
from kiosk.choices import Choices
from kiosk.model import Direction, EventRules, Rules

T = TypeVar("T")
Colour = Literal["green", "orange", "red", "blue", "pink"]


def _read_or_none(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


Lenient = WrapValidator(_read_or_none)
NoneIsEmpty = BeforeValidator(lambda value: () if value is None else value)
Margin = Annotated[float, Field(ge=0)]
Switch = Annotated[StrictBool | None, Lenient]
NotGreen = Annotated[Literal["orange", "red", "blue", "pink"] | None, Lenient]  # whatever the cloud says


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class TimeslotSettings(_Answer):
    before_minutes: Margin | None = None
    after_minutes: Margin | None = None


class EventSettings(_Answer):
    event_id: Annotated[str, Field(min_length=1)]
    allow_all_ticket_types: bool | None = None
    allowed_ticket_type_ids: Annotated[tuple[str, ...], NoneIsEmpty] = ()
    timeslot_settings: TimeslotSettings | None = None


class ScanTypes(_Answer):
    checkin: bool = False
    checkout: bool = False


class ScanConfig(_Answer):
    mode: Annotated[Literal["lock", "default"] | None, Lenient] = None
    events: Annotated[tuple[EventSettings, ...], NoneIsEmpty] = ()
    scan_types: ScanTypes | None = None
    enable_multi_checkin: bool | None = None
    check_timeslots: bool | None = None


class ColorSettings(_Answer):
    success: Annotated[Literal["green"] | None, Lenient] = None
    declined: Annotated[Literal["red"] | None, Lenient] = None
    repeated: NotGreen = None
    highlighted: Annotated[Colour | None, Lenient] = None
    action_required: NotGreen = None


class DeviceSettings(_Answer):
    access_mode: Annotated[Literal["full", "restricted"] | None, Lenient] = None
    color_settings: Annotated[ColorSettings | None, Lenient] = None
    enable_sound_feedback: Switch = None
    enable_haptic_feedback: Switch = None
    scan_reveal_interval: Annotated[Annotated[float, Field(strict=True, ge=1, le=60)] | None, Lenient] = None
    ticket_sync_interval: Annotated[Annotated[float, Field(strict=True, ge=5, le=900)] | None, Lenient] = None
    scan_config: ScanConfig | None = None


class AccessControlSettings(_Answer):
    include_details_required_tickets: bool | None = None


class Settings(_Answer):
    """The answer of `GET /accessusers/me`. Raises pydantic's ValidationError on one that cannot be read."""

    device_settings: DeviceSettings | None = None
    access_control_settings: AccessControlSettings | None = None

    @property
    def device(self) -> DeviceSettings:
        return self.device_settings or DeviceSettings()

    @property
    def scan_config(self) -> ScanConfig:
        return self.device.scan_config or ScanConfig()


AS_CONFIGURED = Choices()


class Origin(StrEnum):
    STAFF = "staff"
    CLOUD = "cloud"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """A value in force, and who says so."""

    value: T
    origin: Origin


@dataclass(frozen=True, slots=True)
class JoinedEvent:
    """What one event admits. `ticket_types` None: all of them."""

    ticket_types: Joined[frozenset[str] | None]
    before_minutes: Joined[float]
    after_minutes: Joined[float]


@dataclass(frozen=True, slots=True)
class Looks:
    """How the screen is to look and sound; `highlighted` and `haptic` are for devices that have a use for them."""

    success: Colour = "green"
    declined: Colour = "red"
    repeated: Colour = "orange"
    highlighted: Colour = "blue"
    action_required: Colour = "orange"
    sound: bool = True
    haptic: bool = True
    reveal_s: float = 3.0


def rules(gate: config.Gate, settings: Settings | None, choices: Choices = AS_CONFIGURED) -> Rules:
    """Join the file's section with the cloud's settings, which win where they say something, and what staff chose."""
    return Rules(
        events={event_id: _rules_of(event) for event_id, event in events(gate, settings, choices).value.items()},
        entry_permissions=frozenset(gate.entry_permissions),
        entrances=gate.entrances,
        stale_after_s=gate.stale_after_s,
        needs_clock=gate.untrusted_clock == "decline",
        **_values(decisions(gate, settings, choices)),
    )


def looks(display: config.Display, gate: config.Gate, settings: Settings | None) -> Looks:
    """Join the file's section with what the cloud says of the screen."""
    return Looks(**_values(appearance(display, gate, settings)))


def tickets_interval_s(sync: config.Sync, gate: config.Gate, settings: Settings | None) -> float:
    """Return how often the list and the settings are to be fetched."""
    return tickets_interval(sync, gate, settings).value


def tickets_interval(sync: config.Sync, gate: config.Gate, settings: Settings | None) -> Joined[float]:
    return _join(_heard(gate, settings).device.ticket_sync_interval, sync, "tickets_interval_s")


def decisions(gate: config.Gate, settings: Settings | None, choices: Choices = AS_CONFIGURED) -> dict[str, Joined[Any]]:
    """Return what holds for every event, by its name in `Rules`."""
    heard, chosen = _heard(gate, settings), _unlocked(gate, settings, choices)
    scan, access = heard.scan_config, heard.access_control_settings or AccessControlSettings()
    direction = _join(_direction(scan.scan_types), gate, "scan_type")
    return {
        "direction": Joined(chosen.scan_type, Origin.STAFF) if chosen.scan_type is not None else direction,
        "multi_checkin": _join(scan.enable_multi_checkin, gate, "multi_checkin"),
        "check_timeslots": _join(scan.check_timeslots, gate, "check_timeslots"),
        "accept_details_required": _join(access.include_details_required_tickets, gate, "accept_details_required"),
    }


def locked(gate: config.Gate, settings: Settings | None) -> bool:
    """Tell whether the cloud keeps staff from choosing."""
    return _heard(gate, settings).scan_config.mode == "lock"


def modes(gate: config.Gate, settings: Settings | None) -> dict[str, Joined[str]]:
    """Return what the cloud allows people to change: a locked mode leaves staff no choice."""
    heard = _heard(gate, settings)
    return {
        "mode": _join_default(heard.scan_config.mode, "default"),
        "access_mode": _join_default(heard.device.access_mode, "full"),
    }


def appearance(display: config.Display, gate: config.Gate, settings: Settings | None) -> dict[str, Joined[Any]]:
    """Return how the screen is to look, by the names of `Looks`."""
    device = _heard(gate, settings).device
    said = dict(device.color_settings or ColorSettings())
    said |= {"sound": device.enable_sound_feedback, "haptic": device.enable_haptic_feedback}
    found = {name: _join_default(value, getattr(Looks(), name)) for name, value in said.items()}
    return {**found, "reveal_s": _join(device.scan_reveal_interval, display, "scan_reveal_s")}


def events(
    gate: config.Gate, settings: Settings | None, choices: Choices = AS_CONFIGURED
) -> Joined[Mapping[str, JoinedEvent]]:
    """Return the events this door admits to; none is a closed gate."""
    joined, chosen = _configured_events(gate, settings), _unlocked(gate, settings, choices)
    types: dict[str, Joined[frozenset[str] | None]] = {
        event: Joined(frozenset(listed), Origin.STAFF) for event, listed in (chosen.ticket_types or {}).items()
    }
    every = JoinedEvent(_file_types(gate), *_margins(None, gate))
    names = joined if chosen.events is None else Joined(dict.fromkeys(chosen.events), Origin.STAFF)
    found = {event: joined.value.get(event, every) for event in names.value}
    return Joined(
        {event: replace(each, ticket_types=types.get(event, each.ticket_types)) for event, each in found.items()},
        names.origin,
    )


def _configured_events(gate: config.Gate, settings: Settings | None) -> Joined[Mapping[str, JoinedEvent]]:
    if said := _heard(gate, settings).scan_config.events:
        return Joined({event.event_id: _cloud_event(event, gate) for event in said}, Origin.CLOUD)
    every = JoinedEvent(_file_types(gate), *_margins(None, gate))
    return Joined(dict.fromkeys(gate.events, every), origin(gate, "events"))


def _file_types(gate: config.Gate) -> Joined[frozenset[str] | None]:
    return Joined(frozenset(gate.allowed_ticket_types) or None, origin(gate, "allowed_ticket_types"))


def _unlocked(gate: config.Gate, settings: Settings | None, choices: Choices) -> Choices:
    return AS_CONFIGURED if locked(gate, settings) else choices


def _cloud_event(event: EventSettings, gate: config.Gate) -> JoinedEvent:
    """Where the cloud is silent about all types, a list of some means only those."""
    listed, every = event.allowed_ticket_type_ids, event.allow_all_ticket_types
    origin = Origin.CLOUD if listed or every is not None else Origin.DEFAULT
    types = None if every or (every is None and not listed) else frozenset(listed)
    return JoinedEvent(Joined(types, origin), *_margins(event.timeslot_settings, gate))


def _margins(slot: TimeslotSettings | None, gate: config.Gate) -> tuple[Joined[float], Joined[float]]:
    """Of a pair of which the cloud names one, the other is none, and not the file's."""
    if slot is None:
        return _join(None, gate, "timeslot_before_minutes"), _join(None, gate, "timeslot_after_minutes")
    return _join_default(slot.before_minutes, 0.0), _join_default(slot.after_minutes, 0.0)


def _rules_of(event: JoinedEvent) -> EventRules:
    return EventRules(event.ticket_types.value, 60 * event.before_minutes.value, 60 * event.after_minutes.value)


def _direction(types: ScanTypes | None) -> Direction | None:
    """The cloud decides the direction only where it leaves no choice."""
    if types is None or types.checkin == types.checkout:
        return None
    return Direction.CHECKIN if types.checkin else Direction.CHECKOUT


def _heard(gate: config.Gate, settings: Settings | None) -> Settings:
    return settings if settings is not None and gate.settings_from_cloud else Settings()


def _join(said: T | None, section: BaseModel, key: str) -> Joined[T]:
    return Joined(getattr(section, key), origin(section, key)) if said is None else Joined(said, Origin.CLOUD)


def _join_default(said: T | None, usual: T) -> Joined[T]:
    return Joined(usual, Origin.DEFAULT) if said is None else Joined(said, Origin.CLOUD)


def origin(section: BaseModel, key: str) -> Origin:
    """Return who says what a section has, where nobody else does."""
    return Origin.FILE if key in section.model_fields_set else Origin.DEFAULT


def _values(joined: Mapping[str, Joined[Any]]) -> dict[str, Any]:
    return {name: value.value for name, value in joined.items()}
