"""Faults of what the cloud says: answers of another shape, lists that are short, shifting, strange or unreadable."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.sandbox.faults import SCAN_LIST, TICKET_LIST, UPLOAD, Call, Fault, Parameters, fault
from kiosk.sandbox.messages import Document, Reply, Request, encode
from kiosk.sandbox.tickets import derived_id


def _bent(reply: Reply, bend: Callable[[Any], object]) -> Reply:
    """Return a success with another body; an error, or what another fault has left of an answer, as it is."""
    if reply.status != 200:
        return reply
    try:
        return replace(reply, body=encode(bend(reply.json)))
    except (ValueError, TypeError, KeyError, AttributeError):
        return reply


def _with_rows(reply: Reply, bend: Callable[[Document], Document]) -> Reply:
    return _bent(reply, lambda page: page | {"docs": [bend(row) for row in page["docs"]]})


def _event(call: Call) -> str:
    return call.request.path.rsplit("/", 1)[-1]


@fault(UPLOAD)
def answer_array(call: Call) -> Reply:
    """Answer an upload with all the scans that were stored, in an array."""
    return _bent(call.proceed(), lambda _: call.request.items)


@fault(UPLOAD, answer={"ok": True})
def answer_other(call: Call) -> Reply:
    """Answer an upload with some other JSON, `answer`."""
    return _bent(call.proceed(), lambda _: call.parameters["answer"])


@fault(UPLOAD)
def wrong_ids(call: Call) -> Reply:
    """Answer an upload with a scan that somebody else made."""
    stranger = {"_id": secrets.token_hex(12), "ticketId": secrets.token_hex(12), "barcode": "STRANGER0001"}
    return _bent(call.proceed(), lambda scan: scan | stranger | {"deviceId": "another-door"})


@fault(UPLOAD)
def partial_answer(call: Call) -> Reply:
    """Store the whole batch, but answer with the first half of it only."""
    return _bent(call.proceed(), lambda _: call.request.items[: len(call.request.items) // 2])


@fault(TICKET_LIST)
def empty_list(call: Call) -> Reply:
    """Answer with an empty list, as though the seller were about to import."""
    return _bent(call.proceed(), lambda _: {"docs": [], "total": 0})


@fault(TICKET_LIST)
def half_list(call: Call) -> Reply:
    """Answer with the first half of the list as though it were all, as in the middle of an import."""

    def halve(page: Document) -> Document:
        total = page["total"] // 2
        return {"docs": page["docs"][: max(0, total - call.request.skip)], "total": total}

    return _bent(call.proceed(), halve)


@fault(TICKET_LIST, by=1)
def moving_total(call: Call) -> Reply:
    """Give a total that is `by` too high on one page and too low on the next."""
    drift = call.parameters["by"] * (1 if call.nth % 2 else -1)
    return _bent(call.proceed(), lambda page: page | {"total": max(0, page["total"] + drift)})


def _past_the_first_page(request: Request, _parameters: Parameters) -> bool:
    return request.skip > 0


@fault(TICKET_LIST, when=_past_the_first_page, by=1)
def shifting_pages(call: Call) -> Reply:
    """Shift a later page by `by` rows, so that rows are missed, and the next one back, so that rows are repeated."""
    shift = call.parameters["by"] * (1 if call.nth % 2 else -1)
    return call.proceed(call.request.asking(skip=str(max(0, call.request.skip + shift))))


@fault(SCAN_LIST)
def ignore_time_filter(call: Call) -> Reply:
    """Answer as though `time`, or `from` and `until`, had not been asked for."""
    return call.proceed(call.request.asking(time=None, **{"from": None}, until=None))


@fault(SCAN_LIST, count=3)
def null_device(call: Call) -> Reply:
    """Let other devices, whose deviceId is null, check in `count` tickets, the last of the event's list, beforehand."""
    event_id, tickets = call.request.parameters.get("eventId", ""), call.records.tickets
    # Each time those before the last ones, so that no ticket is checked in twice.
    end = max(0, tickets.total(event_id) - (call.nth - 1) * call.parameters["count"])
    start = max(0, end - call.parameters["count"])
    elsewhere = tickets.page(event_id, top=end - start, skip=start)
    call.records.scans.add(_anonymous(ticket, call.records.stamp()) for ticket in elsewhere)
    return call.proceed()


def _anonymous(ticket: Document, time: str) -> Document:
    copied = {name: ticket[name] for name in ("eventId", "barcode", "ticketTypeId", "ticketName", "sellerId")}
    entry = {"ticketId": ticket["_id"], "time": time, "type": "checkin", "scanResult": "approved", "deviceId": None}
    return copied | entry


@fault(SCAN_LIST)
def bare_scans(call: Call) -> Reply:
    """Leave ticketName and name out of every scan."""
    return _with_rows(call.proceed(), lambda scan: {k: v for k, v in scan.items() if k not in ("ticketName", "name")})


@fault("GET /api/")
def unknown_fields(call: Call) -> Reply:
    """Add fields that no version knows to the answer and to every row."""
    novelty = {"__v": 3, "futureField": {"nested": [1, None, "two"]}}

    def add(answer: Any) -> Any:
        if isinstance(answer, list):
            return [row | novelty for row in answer]
        return answer | novelty | ({"docs": add(answer["docs"])} if "docs" in answer else {})

    return _bent(call.proceed(), add)


@fault(TICKET_LIST, status="ON_HOLD", every=1)
def unknown_status(call: Call) -> Reply:
    """Give every ticket, or one in `every`, a `status` that no version knows."""
    return _in_every(call, lambda ticket: ticket | {"status": call.parameters["status"]})


@fault(TICKET_LIST, every=1)
def no_status(call: Call) -> Reply:
    """Leave the status out of every ticket, or of one in `every`."""
    return _in_every(call, lambda ticket: {k: v for k, v in ticket.items() if k != "status"})


def _in_every(call: Call, bend: Callable[[Document], Document]) -> Reply:
    step = max(1, call.parameters["every"])

    def bend_rows(page: Document) -> Document:
        return page | {"docs": [row if index % step else bend(row) for index, row in enumerate(page["docs"])]}

    return _bent(call.proceed(), bend_rows)


@fault(TICKET_LIST, index=0, row={"_id": None, "barcode": 12345678})
def bad_row(call: Call) -> Reply:
    """Put `row`, which nobody can read, in the place of the row at `index`."""
    at, row = call.parameters["index"], call.parameters["row"]
    return _bent(call.proceed(), lambda page: page | {"docs": [*page["docs"][:at], row, *page["docs"][at + 1 :]]})


@fault(TICKET_LIST, barcode="")
def reissued(call: Call) -> Reply:
    """Give the first ticket of the list a new `barcode` under its old `_id`, beforehand."""
    for ticket in call.records.tickets.page(_event(call), top=1):
        barcode = call.parameters["barcode"] or secrets.token_hex(6).upper()
        call.records.tickets.add([{"_id": ticket["_id"], "barcode": barcode}])
    return call.proceed()


@fault(TICKET_LIST, event_id="")
def same_barcode(call: Call) -> Reply:
    """Give another event, `event_id` or the next best, a ticket with the barcode of the list's first, beforehand."""
    others = [event["_id"] for event in call.records.events() if event["_id"] != _event(call)]
    other = call.parameters["event_id"] or next(iter(others), derived_id(_event(call), "other"))
    for ticket in call.records.tickets.page(_event(call), top=1):
        twin = {"_id": derived_id(ticket["_id"], other), "eventId": other}
        call.records.tickets.add([ticket | twin], touch=True)
    return call.proceed()


DISTORTIONS = tuple(each for each in list(globals().values()) if isinstance(each, Fault))
