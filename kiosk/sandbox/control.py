"""The control routes: from this machine only, for arming faults, changing data and looking behind the scenes."""

from typing import Any

from kiosk.sandbox.cloud import Cloud, Handler
from kiosk.sandbox.messages import Document, Reply, Request, RequestError, success

_MAX_OFFSET_S = 10 * 365 * 86_400


def health(_request: Request, _cloud: Cloud) -> Reply:
    """Answer that the server is there."""
    return success({"status": "ok"})


def list_faults(_request: Request, cloud: Cloud) -> Reply:
    """Answer all faults, with their descriptions, and how they are armed."""
    return success(cloud.panel.state())


def arm_fault(request: Request, cloud: Cloud) -> Reply:
    """Arm `name`, `times` over (null: always), on `route`; every other field is a parameter of the fault."""
    given = _fields(request.json)
    try:
        cloud.panel.arm(str(given.pop("name", "")), **given)
    except (TypeError, ValueError) as error:
        raise RequestError(400, str(error)) from None
    return success(cloud.panel.state())


def disarm_all(_request: Request, cloud: Cloud) -> Reply:
    """Disarm every fault."""
    cloud.panel.disarm()
    return success(cloud.panel.state())


def disarm_fault(request: Request, cloud: Cloud) -> Reply:
    """Disarm one fault, however often it was armed."""
    try:
        cloud.panel.disarm(request.args["name"])
    except ValueError as error:
        raise RequestError(404, str(error)) from None
    return success(cloud.panel.state())


def list_scans(_request: Request, cloud: Cloud) -> Reply:
    """Answer every stored scan, first arrival first."""
    return success(cloud.records.scans.everything())


def list_reports(_request: Request, cloud: Cloud) -> Reply:
    """Answer every stored report, first arrival first."""
    return success(cloud.records.scans.reports())


def list_requests(_request: Request, cloud: Cloud) -> Reply:
    """Answer the latest requests, oldest first."""
    return success(cloud.log.latest())


def summary(_request: Request, cloud: Cloud) -> Reply:
    """Answer how much of everything there is."""
    return success(cloud.records.counts() | {"requests": cloud.log.count})


def digest(request: Request, cloud: Cloud) -> Reply:
    """Answer the digest of an event's tickets, to be compared with a copy elsewhere."""
    return success(cloud.records.tickets.digest(request.args["event_id"]))


def put_tickets(request: Request, cloud: Cloud) -> Reply:
    """Add tickets, or merge them into those with the same `_id`; all of them count as updated now."""
    tickets = [_fields(ticket) for ticket in _array(request.json)]
    try:
        return success({"tickets": cloud.records.tickets.add(tickets, touch=True)})
    except ValueError as error:
        raise RequestError(400, str(error)) from None


def delete_ticket(request: Request, cloud: Cloud) -> Reply:
    """Remove a ticket."""
    if not cloud.records.tickets.remove(request.args["ticket_id"]):
        raise RequestError(404, "there is no ticket with this _id")
    return success({"tickets": 1})


def put_settings(request: Request, cloud: Cloud) -> Reply:
    """Merge a change into the answer of /accessusers/me."""
    cloud.records.change_settings(_fields(request.json))
    return success({"status": "ok"})


def put_events(request: Request, cloud: Cloud) -> Reply:
    """Add events, or rename known ones."""
    events = [_fields(event) for event in _array(request.json)]
    if not all(isinstance(event.get(field), str) for event in events for field in ("_id", "name")):
        raise RequestError(400, "every event must have the strings _id and name")
    for event in events:
        cloud.records.add_event(event["_id"], event["name"])
    return success({"events": len(events)})


def put_clock(request: Request, cloud: Cloud) -> Reply:
    """Make the server's clock wrong by `offset_s` seconds."""
    offset_s = _fields(request.json).get("offset_s")
    if not isinstance(offset_s, int | float) or abs(offset_s) > _MAX_OFFSET_S:
        raise RequestError(400, f"offset_s must be a number of seconds, at most {_MAX_OFFSET_S} either way")
    cloud.clock.offset_s = float(offset_s)
    return success({"now": cloud.records.stamp()})


def _fields(value: Any) -> Document:
    if not isinstance(value, dict):
        raise RequestError(400, "an object was expected")
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise RequestError(400, "an array was expected")
    return value


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/sandbox/health"): health,
    ("GET", "/sandbox/faults"): list_faults,
    ("POST", "/sandbox/faults"): arm_fault,
    ("DELETE", "/sandbox/faults"): disarm_all,
    ("DELETE", "/sandbox/faults/{name}"): disarm_fault,
    ("GET", "/sandbox/scans"): list_scans,
    ("GET", "/sandbox/reports"): list_reports,
    ("GET", "/sandbox/requests"): list_requests,
    ("GET", "/sandbox/summary"): summary,
    ("GET", "/sandbox/digest/{event_id}"): digest,
    ("PUT", "/sandbox/tickets"): put_tickets,
    ("DELETE", "/sandbox/tickets/{ticket_id}"): delete_ticket,
    ("PUT", "/sandbox/settings"): put_settings,
    ("PUT", "/sandbox/events"): put_events,
    ("PUT", "/sandbox/clock"): put_clock,
}
