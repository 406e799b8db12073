"""Faults of the way to the cloud and of the cloud as a whole: no answer, a stranger's answer, or a refusal."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kiosk.sandbox.faults import EVERYTHING, UPLOAD, Call, Fault, Parameters, fault
from kiosk.sandbox.messages import HTML, Delivery, Reply, Request, http_date, refusal

_LOGIN_PAGE = b"""<!DOCTYPE html>
<html><head><title>Guest Wi-Fi</title></head>
<body><h1>Welcome</h1><form action="/login"><button>Accept the terms and connect</button></form></body></html>
"""
_FORWARDING_PAGE = b"""<!DOCTYPE html>
<html><head><meta http-equiv="refresh" content="0; url=http://login.portal.invalid/"></head></html>
"""
_NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>\n"


def _delivered(reply: Reply, **how: Any) -> Reply:
    return replace(reply, delivery=replace(reply.delivery, **how))


def _page(status: int, page: bytes) -> Reply:
    return Reply(status, page, HTML)


@fault(EVERYTHING)
def offline(_call: Call) -> Reply:
    """Take the connection and reset it at once; nothing is done."""
    return Reply(503, delivery=Delivery(silent=True, reset=True))


@fault(EVERYTHING)
def black_hole(_call: Call) -> Reply:
    """Take the request and never answer; nothing is done."""
    return Reply(504, delivery=Delivery(wait_s=math.inf))


@fault(UPLOAD)
def lost_reply(call: Call) -> Reply:
    """Do what is asked, then hang up without a byte."""
    return _delivered(call.proceed(), silent=True)


@fault(UPLOAD, seconds=2.0)
def slow_reply(call: Call) -> Reply:
    """Do what is asked, but answer `seconds` later."""
    return _delivered(call.proceed(), wait_s=call.parameters["seconds"])


@fault(EVERYTHING, seconds=1.0, head=0)
def dribble(call: Call) -> Reply:
    """Answer with `seconds` before every byte of the body, and of the head too where `head` is 1."""
    pause_s, slow_head = call.parameters["seconds"], bool(call.parameters["head"])
    return _delivered(call.proceed(), pause_s=pause_s, slow_head=slow_head)


@fault(EVERYTHING, share=0.5)
def half_reply(call: Call) -> Reply:
    """Announce the whole body, send `share` of it and hang up."""
    return _delivered(call.proceed(), share=call.parameters["share"])


@fault(EVERYTHING, share=0.5)
def cut_json(call: Call) -> Reply:
    """Send `share` of the body as though it were all."""
    reply = call.proceed()
    return replace(reply, body=reply.body[: int(len(reply.body) * call.parameters["share"])])


@fault(EVERYTHING)
def wrong_type(call: Call) -> Reply:
    """Give the right answer, labelled as HTML."""
    return replace(call.proceed(), content_type=HTML)


@fault(EVERYTHING)
def captive_html(_call: Call) -> Reply:
    """Answer as a captive portal: 200 and its log-in page; nothing is done."""
    return _page(200, _LOGIN_PAGE)


@fault(EVERYTHING)
def captive_meta(_call: Call) -> Reply:
    """Answer as a captive portal: 200 and a forwarding page that is labelled JSON; nothing is done."""
    return Reply(200, _FORWARDING_PAGE)


@fault(EVERYTHING)
def captive_204(_call: Call) -> Reply:
    """Answer as a captive portal: 204 without a body; nothing is done."""
    return Reply(204, content_type=None)


@fault(EVERYTHING, location="http://login.portal.invalid/")
def captive_redirect(call: Call) -> Reply:
    """Answer as a captive portal: 302 to another host, `location`; nothing is done."""
    return Reply(302, content_type=None, headers=(("Location", call.parameters["location"]),))


@fault(EVERYTHING)
def unauthorized(_call: Call) -> Reply:
    """Refuse the credential with 401."""
    return refusal(401, "Invalid credentials")


@fault(EVERYTHING)
def forbidden(_call: Call) -> Reply:
    """Refuse the credential with 403."""
    return refusal(403, "Insufficient permissions")


@fault(EVERYTHING)
def not_found_html(_call: Call) -> Reply:
    """Answer 404 with a page of the web server's own."""
    return _page(404, _NOT_FOUND_PAGE)


@fault(EVERYTHING, retry_after="1", seconds=2.0)
def rate_limited(call: Call) -> Reply:
    """Refuse with 429 and `Retry-After`: a number, or date (in `seconds`), junk, negative, none."""
    asked, due = call.parameters["retry_after"], call.records.now() + timedelta(seconds=call.parameters["seconds"])
    value = {"date": http_date(due), "junk": "soon", "negative": "-5"}.get(asked, str(asked))
    headers = [] if asked == "none" else [("Retry-After", value)]
    return refusal(429, "Rate limit exceeded, retry later", *headers)


@fault(UPLOAD, status=503)
def error_before(call: Call) -> Reply:
    """Fail with the 5xx `status` before anything is done."""
    return refusal(call.parameters["status"], "The service is not available")


@fault(UPLOAD, status=502)
def error_after(call: Call) -> Reply:
    """Do what is asked, then answer with the 5xx `status` all the same."""
    call.proceed()
    return refusal(call.parameters["status"], "The upstream service did not answer")


def _contains(request: Request, parameters: Parameters) -> bool:
    return any(item.get("barcode") == parameters["barcode"] for item in request.items)


@fault(UPLOAD, lasting=True, when=_contains, barcode=str)
def refuse_scan(call: Call) -> Reply:
    """Refuse with 400 every batch that contains the scan of `barcode`; stays armed."""
    index = next(i for i, item in enumerate(call.request.items) if item.get("barcode") == call.parameters["barcode"])
    return refusal(400, f"[{index}] violates a constraint")


def _exceeds(request: Request, parameters: Parameters) -> bool:
    return len(request.items) > int(parameters["limit"])


@fault(UPLOAD, lasting=True, when=_exceeds, limit=100)
def too_large(_call: Call) -> Reply:
    """Refuse with 413 every batch of more than `limit` scans; stays armed."""
    return refusal(413, "Request body is too large")


OUTAGES = tuple(each for each in list(globals().values()) if isinstance(each, Fault))
