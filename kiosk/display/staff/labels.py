"""Keys that programs and the cloud use among themselves, as words that staff read. A key without a word stays as it is.

The words are short: they stand in badges and beside bars. What to do about a reason is said by `words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.display.snapshot import short
from kiosk.model import ClockQuality, Delivery, Reason, Source
from kiosk.words import Language

REASONS: Mapping[str, str] = {
    Reason.OK: "admitted",
    Reason.OVERRIDDEN: "admitted by staff",
    Reason.NOT_INSIDE: "out without having been in",
    Reason.ANNULLED: "taken back",
    Reason.PRACTICE: "practice",
    Reason.UNREADABLE: "not readable",
    Reason.UNKNOWN: "not on the list",
    Reason.UNKNOWN_STALE: "list missing or old",
    Reason.REISSUED: "has a new code",
    Reason.AMBIGUOUS: "several tickets",
    Reason.WRONG_EVENT: "other event",
    Reason.INVALID: "cancelled",
    Reason.NOT_ISSUED: "never issued",
    Reason.DETAILS_REQUIRED: "details missing",
    Reason.UNKNOWN_STATUS: "unknown status",
    Reason.EXPIRED: "expired",
    Reason.EXCLUDED: "event excluded",
    Reason.TICKET_TYPE: "ticket type",
    Reason.NO_ENTRY: "wrong entrance",
    Reason.TOO_EARLY: "too early",
    Reason.TOO_LATE: "too late",
    Reason.CLOCK_NOT_SET: "clock not set",
    Reason.ALREADY_IN: "already in",
}
STATUSES: Mapping[str, str] = {
    "VALID": "valid",
    "INVALID": "cancelled",
    "RESERVED": "reserved",
    "BLANK": "never issued",
    "DETAILSREQUIRED": "details missing",
}
"""The cloud's own words; it may have others, which stay as they are."""

KINDS: Mapping[str, str] = {
    "serial": "serial port",
    "hid": "as a keyboard",
    "hidpos": "HID-POS",
    "socket": "typed by staff",
    "replay": "recording",
}
DELIVERIES: Mapping[str, str] = {
    Delivery.PENDING: "to deliver",
    Delivery.INFLIGHT: "being delivered",
    Delivery.UNKNOWN: "delivery in doubt",
    Delivery.ACKED: "delivered",
    Delivery.REFUSED: "refused by the cloud",
    Delivery.LOCAL: "not for the cloud",
}
CLOCKS: Mapping[str, str] = {
    ClockQuality.SYNCED: "set by the network",
    ClockQuality.RTC: "battery clock",
    ClockQuality.GUESSED: "not set",
}
SOURCES: Mapping[str, str] = {
    Source.NTP: "said by the network",
    Source.HTTP_DATE: "said by the cloud",
    Source.OPERATOR: "said by staff",
}


def reason(key: str, language: Language) -> str:
    """Return a reason in words, as it stands beside a bar."""
    return label(REASONS, key, language) or key


def label(labels: Mapping[str, str], key: str | None, language: Language) -> str | None:
    """Return a key in words."""
    return language.say(labels[key]) if key is not None and key in labels else short(key)
