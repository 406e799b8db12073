"""What staff have chosen at this door for the time being: direction, events, ticket types.

A choice wins over the file and over the cloud's settings, unless the cloud locks them (`scanConfig.mode`); a locked one
waits, and counts again when the lock is gone. What is None is as configured. A lane that has a `type` of its own in the
file keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kiosk.model import Direction

Id = Annotated[str, Field(min_length=1, max_length=64)]


class Choices(BaseModel):
    """Raises pydantic's ValidationError on what cannot be chosen. No event at all is not a choice: it closes the gate.

    `ticket_types` names, for an event, the types that are admitted; an event it does not name is as configured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    scan_type: Direction | None = None
    events: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)] | None = None
    ticket_types: Mapping[Id, Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)]] | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in type(self).model_fields)
