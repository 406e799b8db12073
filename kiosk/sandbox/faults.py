"""What a fault is, and the panel on which faults are armed.

A fault stands between the client and the service. It gets the call and may answer by itself, pass on another request,
or bend what comes back. Several armed faults stand one behind the other in the order in which they were armed; one
that is never reached is not used up. So `error_before` twice and then `lost_reply` once is a script of three calls.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

from kiosk.sandbox.messages import Document, Reply, Request
from kiosk.sandbox.records import Records

Parameters = Mapping[str, Any]
Condition = Callable[[Request, Parameters], bool]

EVERYTHING = ""
UPLOAD = "POST /api/scans"
SCAN_LIST = "GET /api/scans"
TICKET_LIST = "GET /api/accessusers/tickets/v2/"

_KINDS = {int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one request as a fault meets it; `nth` counts how often this fault was played, this time included."""

    request: Request
    parameters: Parameters
    nth: int
    records: Records
    behind: Callable[[Request], Reply]

    def proceed(self, request: Request | None = None) -> Reply:
        """Return what the service, or the next fault, answers to the request or to another in its place."""
        return self.behind(request or self.request)


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe one way of misbehaving; a parameter's value is its default, or its type where it must be given."""

    name: str
    description: str
    route: str
    lasting: bool
    parameters: Parameters
    when: Condition
    play: Callable[[Call], Reply]

    def fit(self, given: Parameters) -> Parameters:
        """Return all parameters; raises ValueError naming one that is unknown, missing or wrong."""
        if unknown := sorted(set(given) - set(self.parameters)):
            known = ", ".join(self.parameters) or "none"
            raise ValueError(f"{self.name} has no parameter {unknown[0]}; it has {known}")
        return {name: self._fitted(name, given.get(name, usual)) for name, usual in self.parameters.items()}

    def _fitted(self, name: str, value: Any) -> Any:
        if isinstance(value, type):
            raise ValueError(f"{self.name} needs the parameter {name}")
        usual = self.parameters[name]
        kind = usual if isinstance(usual, type) else type(usual)
        if kind not in _KINDS:
            return value
        try:
            return kind(value)
        except (TypeError, ValueError):
            raise ValueError(f"{self.name}: {name} must be {_KINDS[kind]}, not {value!r}") from None


def always(_request: Request, _parameters: Parameters) -> bool:
    """Play the fault on every request of its route."""
    return True


def fault(
    route: str, *, lasting: bool = False, when: Condition = always, **parameters: Any
) -> Callable[[Callable[[Call], Reply]], Fault]:
    """Make a fault of a function, whose name and docstring it takes; a lasting one is armed until it is disarmed."""

    def make(play: Callable[[Call], Reply]) -> Fault:
        description = (play.__doc__ or "").strip()
        return Fault(play.__name__, description, route, lasting, parameters, when, play)

    return make


@dataclass(frozen=True, slots=True)
class Armed:
    """Hold a fault on the panel; `left` is how often it will still be played, None for always."""

    serial: int
    fault: Fault
    route: str
    parameters: Parameters
    left: int | None
    played: int = 0

    def meets(self, request: Request) -> bool:
        """Tell whether the fault is to be played on this request."""
        on_route = f"{request.method} {request.path}".startswith(self.route) or request.path.startswith(self.route)
        return on_route and self.fault.when(request, self.parameters)

    def once_more(self) -> "Armed":
        """Return the fault as it stands when it was played one more time."""
        return replace(self, played=self.played + 1, left=None if self.left is None else self.left - 1)

    def state(self) -> Document:
        """Return what the control routes tell about it."""
        return {"times": self.left, "played": self.played, "route": self.route, **self.parameters}


class Panel:
    """Arm faults, and hand each out exactly as often as it was armed for, from any number of threads."""

    def __init__(self, catalogue: Mapping[str, Fault]) -> None:
        self.catalogue = catalogue
        self._lock = threading.Lock()
        self._serial = 0
        self._armed: dict[int, Armed] = {}

    def arm(self, name: str, times: int | EllipsisType | None = ..., route: str | None = None, **given: Any) -> None:
        """Arm a fault n times, always (None), or as usual for it (...); raises ValueError for what cannot be played."""
        fault = self._known(name)
        usual = None if fault.lasting else 1
        left = usual if times is ... else _checked_times(times)
        where, parameters = fault.route if route is None else str(route), fault.fit(given)
        with self._lock:
            self._serial += 1
            self._armed[self._serial] = Armed(self._serial, fault, where, parameters, left)

    def disarm(self, name: str | None = None) -> None:
        """Disarm a fault, all of them without a name; raises ValueError for an unknown one."""
        gone = None if name is None else self._known(name)
        with self._lock:
            self._armed = {serial: armed for serial, armed in self._armed.items() if gone and armed.fault is not gone}

    def claim(self, request: Request, after: int = 0) -> Armed | None:
        """Take the next fault behind serial `after` that meets the request, and count it as played."""
        with self._lock:
            for armed in self._armed.values():
                if armed.serial > after and armed.meets(request):
                    return self._count(armed)
        return None

    def state(self) -> list[Document]:
        """Return every fault with its description and how it is armed."""
        with self._lock:
            armed = list(self._armed.values())
        return [_entry(fault, [each for each in armed if each.fault is fault]) for fault in self.catalogue.values()]

    def _known(self, name: str) -> Fault:
        if name not in self.catalogue:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(self.catalogue)}")
        return self.catalogue[name]

    def _count(self, armed: Armed) -> Armed:
        played = armed.once_more()
        if played.left == 0:
            del self._armed[armed.serial]
        else:
            self._armed[armed.serial] = played
        return played


def _checked_times(times: object) -> int | None:
    if times is None or (isinstance(times, int) and not isinstance(times, bool) and times > 0):
        return times
    raise ValueError(f"times must be a whole number from 1, or null for always, not {times!r}")


def _entry(fault: Fault, armed: list[Armed]) -> Document:
    usual = {name: None if isinstance(value, type) else value for name, value in fault.parameters.items()}
    return {
        "name": fault.name,
        "description": fault.description,
        "route": fault.route,
        "parameters": usual,
        "armed": [each.state() for each in armed],
    }
