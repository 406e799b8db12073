"""The access-control API: device settings, events, tickets, and reports of what a door saw."""

from functools import reduce
from typing import Any

from kiosk.sandbox import checks
from kiosk.sandbox.cloud import Cloud, Handler
from kiosk.sandbox.messages import Document, Reply, Request, RequestError, success
from kiosk.sandbox.tickets import SELLER, derived_id

_DEFAULT_TOP = "25"

_TICKET_PARAMETERS = {"top": checks.TOP, "skip": checks.SKIP, "from": checks.moment, "until": checks.moment}


def me(request: Request, cloud: Cloud) -> Reply:
    """Answer who the access user is and how its devices are set up."""
    checks.query(request.parameters, {})
    return success(reduce(merged, cloud.records.settings(), _usual_settings(cloud)))


def list_events(request: Request, cloud: Cloud) -> Reply:
    """Answer all events; there are no root events to leave out."""
    checks.query(request.parameters, {"includeRootEvents": checks.one_of("true", "false")})
    return success(cloud.records.events())


def list_tickets(request: Request, cloud: Cloud) -> Reply:
    """Answer one page of an event's tickets, or of those among them that changed in a window of time."""
    asked = request.parameters
    checks.query(asked, _TICKET_PARAMETERS)
    window = {name: asked[key] for key, name in (("from", "since"), ("until", "until")) if key in asked}
    tickets, event_id = cloud.records.tickets, request.args["event_id"]
    page = tickets.page(event_id, int(asked.get("top", _DEFAULT_TOP)), int(asked.get("skip", "0")), **window)
    return success({"docs": page, "total": tickets.total(event_id, **window)})


def find_ticket(request: Request, cloud: Cloud) -> Reply:
    """Answer the ticket that has a barcode."""
    checks.query(request.parameters, {"eventId": checks.filled})
    ticket = cloud.records.tickets.find(request.args["barcode"], request.parameters.get("eventId"))
    if ticket is None:
        raise RequestError(404, "there is no ticket with this barcode")
    return success(ticket)


def report_scans(request: Request, cloud: Cloud) -> Reply:
    """Store a whole array of reports or nothing."""
    cloud.records.scans.add_reports(request.args["event_id"], checks.objects(request.json, checks.REPORT))
    return success({"status": "OK"})


def merged(value: Any, patch: Any) -> Any:
    """Return a value with a patch merged into it (RFC 7396: null removes)."""
    if not isinstance(patch, dict):
        return patch
    kept = value if isinstance(value, dict) else {}
    changed = {name: merged(kept.get(name), change) for name, change in patch.items() if change is not None}
    return {name: old for name, old in kept.items() if name not in patch} | changed


def _usual_settings(cloud: Cloud) -> Document:
    return {
        "sellerId": SELLER,
        "_id": derived_id(SELLER, "access user"),
        "name": "Sandbox gate",
        "deviceSettings": {
            "accessMode": "full",
            "scanGroupId": derived_id(SELLER, "scan group"),
            "colorSettings": {
                "success": "green",
                "declined": "red",
                "repeated": "orange",
                "highlighted": "blue",
                "actionRequired": "pink",
            },
            "enableSoundFeedback": True,
            "enableHapticFeedback": True,
            "scanRevealInterval": 3,
            "ticketSyncInterval": 15,
            "scanConfig": _usual_scan_config(cloud),
        },
        "accessControlSettings": {"includeDetailsRequiredTickets": False},
    }


def _usual_scan_config(cloud: Cloud) -> Document:
    return {
        "mode": "default",
        "events": [_admitting_all(event["_id"]) for event in cloud.records.events()],
        "scanZoneId": derived_id(SELLER, "scan zone"),
        "scanTypes": {"checkin": True, "checkout": True},
        "enableMultiCheckin": False,
        "checkTimeslots": False,
        "tapAndGo": {"enabled": False, "eventIds": []},
    }


def _admitting_all(event_id: str) -> Document:
    return {
        "eventId": event_id,
        "allowAllTicketTypes": True,
        "allowedTicketTypeIds": [],
        "timeslotSettings": {"beforeMinutes": 0, "afterMinutes": 0},
    }


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/api/accessusers/me"): me,
    ("GET", "/api/accessusers/events"): list_events,
    ("GET", "/api/accessusers/tickets/v2/{event_id}"): list_tickets,
    ("GET", "/api/accessusers/tickets/{barcode}"): find_ticket,
    ("POST", "/api/accessusers/scans/{event_id}"): report_scans,
}
