"""The scans service: takes scans, as often as they are sent, and lists them, newest arrival first."""

import json

from kiosk.sandbox import checks
from kiosk.sandbox.cloud import Cloud, Handler
from kiosk.sandbox.messages import Reply, Request, success

_DEFAULT_TOP = "100"

_LIST_PARAMETERS = {
    "eventId": checks.filled,
    "parentEventId": checks.filled,
    "barcode": checks.filled,
    "type": checks.one_of("checkin", "checkout"),
    "time": checks.time_filter,
    "top": checks.TOP,
    "skip": checks.SKIP,
}


def create_scans(request: Request, cloud: Cloud) -> Reply:
    """Store a whole array or nothing; the documented answer is one scan, whatever was sent."""
    return success(cloud.records.scans.add(checks.objects(request.json, checks.SCAN))[0])


def list_scans(request: Request, cloud: Cloud) -> Reply:
    """Answer one page of the scans that were asked for."""
    asked = request.parameters
    checks.query(asked, _LIST_PARAMETERS)
    top, skip = int(asked.pop("top", _DEFAULT_TOP)), int(asked.pop("skip", "0"))
    bounds = json.loads(asked.pop("time", "{}"))
    filters = asked | {operator.removeprefix("$"): at for operator, at in bounds.items()}
    scans = cloud.records.scans
    return success({"docs": scans.page(filters, top, skip), "total": scans.total(filters)})


ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/api/scans"): create_scans,
    ("GET", "/api/scans"): list_scans,
}
