"""Everything that can go wrong, as one tree; each leaf says what its catcher should do.

KioskError
├── ConfigError        tell the person, exit 2
├── GateNotRunning     tell the person, exit 3
├── Refused            tell the person what was refused and why, exit 1
├── ScannerLost        drop half a code, close, open again later
├── OutputLost         say so, close, open again later; the door goes on without
├── StoreError
│   ├── NoListYet      decide without a list (`unknown_stale`)
│   ├── NotRecorded    show "see staff", never green
│   │   └── Damaged    move the file aside, save what can be read of it, go on with a new one
│   └── TooNew         stop: the file was written by a newer version
└── CloudError
    ├── NotSent        nothing left this machine: try again later
    ├── Paced          our own budget of requests says wait; nothing is wrong
    ├── TooMany        the cloud says wait (429); nothing was taken: try again after that
    ├── NoAnswer       it may have arrived: read back before sending again, and not while it may be `running`
    ├── Rejected       the data is refused: halve, until the bad one stands alone
    │   └── TooLarge   the batch is refused for its size: halve
    ├── Unauthorized   the credential is refused: stop, keep all, say so
    └── Misaddressed   the address is wrong: a matter of configuration, say so
"""

from __future__ import annotations


class KioskError(Exception):
    """Anything the kiosk raises by itself. Its text is for a person."""


class ConfigError(KioskError):
    pass


class GateNotRunning(KioskError):
    pass


class Refused(KioskError):
    """`facts` fill the gaps of `text`; who says it in another language needs the two apart."""

    def __init__(self, text: str, **facts: str) -> None:
        super().__init__(text.format_map(facts) if facts else text)
        self.text, self.facts = text, facts


class ScannerLost(KioskError):
    pass


class OutputLost(KioskError):
    pass


class StoreError(KioskError):
    pass


class NoListYet(StoreError):
    pass


class NotRecorded(StoreError):
    pass


class Damaged(NotRecorded):
    pass


class TooNew(StoreError):
    pass


class CloudError(KioskError):
    """A request that did not end well. `wait_s` is how long we are to wait, where somebody says so."""

    def __init__(self, text: str, *, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class NotSent(CloudError):
    pass


class Paced(CloudError):
    wait_s: float

    def __init__(self, text: str, *, wait_s: float) -> None:
        super().__init__(text, wait_s=wait_s)


class TooMany(CloudError):
    pass


class NoAnswer(CloudError):
    """`running`: whether the request may still be at work in the cloud. Not when the other side has ended it."""

    def __init__(self, text: str, *, wait_s: float | None = None, running: bool = True) -> None:
        super().__init__(text, wait_s=wait_s)
        self.running = running


class Rejected(CloudError):
    pass


class TooLarge(Rejected):
    pass


class Unauthorized(CloudError):
    pass


class Misaddressed(CloudError):
    pass
