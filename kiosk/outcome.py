"""What may become of a scan on its way to the cloud: the one table of its states, and of what leads to which.

The ledger follows it, and nothing else: what the table does not know cannot happen. Its picture is in README.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from kiosk.model import Delivery


class Outcome(StrEnum):
    """What happened to a scan, or to the batch it was in."""

    POSTED = "posted"
    CONFIRMED = "a valid answer"
    NOT_SENT = "nothing was sent"
    NO_ANSWER = "sent, no valid answer"
    STOPPED = "sync was stopped"
    FOUND = "read back: it is there"
    MISSING = "read back: it is not there"
    REFUSED_AMONG = "refused, not alone"
    REFUSED_ALONE = "refused, alone"
    HANDED_OUT = "a person hands it out again"
    SENT_BLINDLY = "sent again unseen"
    VANISHED = "the journal has lost it"
    WITHDRAWN = "no longer wanted"


TRANSITIONS: Mapping[Outcome, Mapping[Delivery, Delivery]] = {
    Outcome.POSTED: {Delivery.PENDING: Delivery.INFLIGHT},
    Outcome.CONFIRMED: {Delivery.INFLIGHT: Delivery.ACKED},
    Outcome.NOT_SENT: {Delivery.INFLIGHT: Delivery.PENDING},
    Outcome.NO_ANSWER: {Delivery.INFLIGHT: Delivery.UNKNOWN},
    Outcome.STOPPED: {Delivery.INFLIGHT: Delivery.UNKNOWN},
    Outcome.FOUND: {Delivery.UNKNOWN: Delivery.ACKED},
    Outcome.MISSING: {Delivery.UNKNOWN: Delivery.PENDING},
    Outcome.REFUSED_AMONG: {Delivery.INFLIGHT: Delivery.PENDING},
    Outcome.REFUSED_ALONE: {Delivery.INFLIGHT: Delivery.REFUSED},
    Outcome.HANDED_OUT: {Delivery.REFUSED: Delivery.PENDING},
    Outcome.SENT_BLINDLY: {Delivery.UNKNOWN: Delivery.PENDING},
    Outcome.VANISHED: {Delivery.PENDING: Delivery.REFUSED, Delivery.UNKNOWN: Delivery.REFUSED},
    Outcome.WITHDRAWN: {
        Delivery.PENDING: Delivery.LOCAL, Delivery.INFLIGHT: Delivery.LOCAL, Delivery.UNKNOWN: Delivery.LOCAL,
        Delivery.REFUSED: Delivery.LOCAL,
    },
}  # fmt: skip

BEGINNINGS: Mapping[Delivery, str] = {
    Delivery.PENDING: "recorded",
    Delivery.LOCAL: "recorded, nothing for the cloud",
    Delivery.UNKNOWN: "recorded, the ledger was lost",
}


def picture() -> str:
    """Return the table as a diagram in Mermaid's language."""
    return "\n".join(["stateDiagram-v2", *_arrows()])


def _arrows() -> Iterator[str]:
    for state, words in BEGINNINGS.items():
        yield f"    [*] --> {state}: {words}"
    for outcome, moves in TRANSITIONS.items():
        for before, after in moves.items():
            yield f"    {before} --> {after}: {outcome.replace(':', ',')}"
