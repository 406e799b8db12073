"""The device settings: what the cloud says this door is to do, and how it joins with the file's `[gate]` section.

`Settings` reads the answer of `GET /accessusers/me`; what it does not know it ignores, what it cannot read it refuses
whole, so that the last good settings stay in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kiosk import config
from kiosk.model import Direction, EventRules, Rules

Margin = Annotated[float, Field(ge=0)]
NoneIsEmpty = BeforeValidator(lambda value: () if value is None else value)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class TimeslotSettings(_Answer):
    before_minutes: Margin = 0.0
    after_minutes: Margin = 0.0


class EventSettings(_Answer):
    event_id: Annotated[str, Field(min_length=1)]
    allow_all_ticket_types: bool | None = None
    allowed_ticket_type_ids: Annotated[tuple[str, ...], NoneIsEmpty] = ()
    timeslot_settings: TimeslotSettings | None = None

    def rules(self, gate: config.Gate) -> EventRules:
        """What this event admits; where the cloud is silent about all types, a list of some means only those."""
        slot = self.timeslot_settings
        every = not self.allowed_ticket_type_ids if self.allow_all_ticket_types is None else self.allow_all_ticket_types
        return EventRules(
            None if every else frozenset(self.allowed_ticket_type_ids),
            60 * (slot.before_minutes if slot is not None else gate.timeslot_before_minutes),
            60 * (slot.after_minutes if slot is not None else gate.timeslot_after_minutes),
        )


class ScanTypes(_Answer):
    checkin: bool = False
    checkout: bool = False


class ScanConfig(_Answer):
    events: Annotated[tuple[EventSettings, ...], NoneIsEmpty] = ()
    scan_types: ScanTypes | None = None
    enable_multi_checkin: bool | None = None
    check_timeslots: bool | None = None


class DeviceSettings(_Answer):
    scan_config: ScanConfig | None = None


class AccessControlSettings(_Answer):
    include_details_required_tickets: bool | None = None


class Settings(_Answer):
    """The answer of `GET /accessusers/me`. Raises pydantic's ValidationError on one that cannot be read."""

    device_settings: DeviceSettings | None = None
    access_control_settings: AccessControlSettings | None = None

    @property
    def scan_config(self) -> ScanConfig:
        found = self.device_settings.scan_config if self.device_settings is not None else None
        return found or ScanConfig()


def rules(gate: config.Gate, settings: Settings | None) -> Rules:
    """Join the file's section with the cloud's settings, which win where they say something."""
    if settings is None or not gate.settings_from_cloud:
        settings = Settings()
    scan = settings.scan_config
    access = settings.access_control_settings or AccessControlSettings()
    return Rules(
        events={event.event_id: event.rules(gate) for event in scan.events} or _events_of(gate),
        direction=_direction(gate, scan),
        entry_permissions=frozenset(gate.entry_permissions),
        multi_checkin=_first(scan.enable_multi_checkin, gate.multi_checkin),
        check_timeslots=_first(scan.check_timeslots, gate.check_timeslots),
        accept_details_required=_first(access.include_details_required_tickets, gate.accept_details_required),
        stale_after_s=gate.stale_after_s,
    )


def _first(cloud: bool | None, file: bool) -> bool:  # noqa: FBT001  # it chooses between two answers
    return file if cloud is None else cloud


def _events_of(gate: config.Gate) -> Mapping[str, EventRules]:
    every = EventRules(
        frozenset(gate.allowed_ticket_types) or None,
        gate.timeslot_before_minutes * 60,
        gate.timeslot_after_minutes * 60,
    )
    return dict.fromkeys(gate.events, every)


def _direction(gate: config.Gate, scan: ScanConfig) -> Direction:
    """The cloud decides the direction only where it leaves no choice."""
    if scan.scan_types is None or scan.scan_types.checkin == scan.scan_types.checkout:
        return gate.scan_type
    return Direction.CHECKIN if scan.scan_types.checkin else Direction.CHECKOUT
