"""What is in a code, from a scanner's bytes to the ticket and the cloud: a table, and the programs as they run."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from kiosk.decode import Frames
from kiosk.gate import Gate
from kiosk.model import EventRules, Listed, Moment, Reason, Rules, Ticket
from kiosk.store import alike, past
from kiosk.store import journal as journals
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState
from kiosk.variants import RULES

EVENT, EVENT_ID = "e-1", "62a1c0ffee0000000000e001"
NOW = Moment(datetime(2026, 6, 1, 19, 30, tzinfo=UTC), 10**12, "boot-1")
ALL = tuple(RULES)
NOBODY = (None, None)

GS1 = "01040123456789012110TICKET01\x1d21" + "X" * 170

GOLDEN = [
    # bytes in, codes on the list, rules, the ticket's code and the rule
    (b"TICKET01", ["TICKET01"], ALL, ("TICKET01", None)),
    (b"TICKET01", [], ALL, NOBODY),
    (b"\xef\xbb\xbfTICKET01", ["TICKET01"], ALL, ("TICKET01", "bom")),
    (b"]Q1TICKET01", ["TICKET01"], ALL, ("TICKET01", "aim")),
    (b"]Q1TICKET01", ["TICKET01"], ("bom", "eci", "url", "ean", "upper"), NOBODY),
    (b"]Q1TICKET01", ["]Q1TICKET01"], ALL, ("]Q1TICKET01", None)),
    (b"]Q1TICKET01", ["]Q1TICKET01", "TICKET01"], ALL, ("]Q1TICKET01", None)),
    (b"]d1TICKET01", ["]Q1TICKET01", "TICKET01"], ALL, NOBODY),  # `aim` is refused: it makes two of them alike
    (b"\\000026TICKET01", ["TICKET01"], ALL, ("TICKET01", "eci")),
    (b"\\000020\\000026TICKET01", ["TICKET01"], ALL, ("TICKET01", "eci")),
    (b"]Q2\\000026TICKET01", ["TICKET01"], ALL, ("TICKET01", "aim+eci")),
    (b"]Q2\\000026TICKET01", ["\\000026TICKET01"], ALL, ("\\000026TICKET01", "aim")),
    (b"]Q2\\000026TICKET01", ["TICKET01"], ("aim",), NOBODY),
    (b"]Q2\\000026A\\\\B-TICKET", ["A\\B-TICKET"], ALL, ("A\\B-TICKET", "aim+eci")),
    (b"]Q1A\\\\B-TICKET", ["A\\\\B-TICKET"], ALL, ("A\\\\B-TICKET", "aim")),
    (b"]Q1\\000026\xef\xbb\xbfTICKET01", ["TICKET01"], ALL, ("TICKET01", "bom+aim+eci")),
    ("]Q2\\000026BESUCHER-JÜRGEN".encode(), ["BESUCHER-JÜRGEN"], ALL, ("BESUCHER-JÜRGEN", "aim+eci")),
    (b"https://t.example/x/TICKET01", ["TICKET01"], ALL, ("TICKET01", "url")),
    (b"HTTPS://T.EXAMPLE/TICKET01/", ["TICKET01"], ALL, ("TICKET01", "url")),
    (b"https://t.example/?code=ticket%2D01", ["TICKET-01"], ALL, ("TICKET-01", "url+upper")),
    (b"https://t.example/?code=TICKET01&x=1", ["TICKET01"], ALL, NOBODY),
    (b"https://t.example/x/TICKET01", ["https://t.example/x/TICKET01"], ALL, ("https://t.example/x/TICKET01", None)),
    (b"036000291452", ["0036000291452"], ALL, ("0036000291452", "ean")),
    (b"0036000291452", ["036000291452"], ALL, ("036000291452", "ean")),
    (b"]E00036000291452", ["036000291452"], ALL, ("036000291452", "aim+ean")),
    (b"036000291453", ["0036000291453"], ALL, NOBODY),  # its check digit is wrong
    (b"000000012345", ["12345", "0012345"], ALL, NOBODY),  # leading zeros are never taken for nothing
    (b"ticket01", ["TICKET01"], ALL, ("TICKET01", "upper")),
    (b"TICKET01", ["ticket01"], ALL, NOBODY),
    (b"Ticket01", ["ticket01", "TICKET01"], ALL, NOBODY),  # `upper` is refused
    (b"ticket01", ["ticket01", "TICKET01"], ALL, ("ticket01", None)),
    (b"TICKET 01", ["TICKET01"], ALL, NOBODY),
    (f"]d2{GS1}".encode(), [GS1], ALL, (GS1, "aim")),
]


@pytest.mark.parametrize(("sent", "listed", "rules", "expected"), GOLDEN, ids=[ascii(row[0])[2:50] for row in GOLDEN])
def test_what_a_scanner_sends_is_the_ticket_that_is_meant_and_its_bytes_are_kept(
    tmp_path, sent, listed, rules, expected
):
    with closing(Cache(tmp_path)) as pen:
        tickets = [Listed(Ticket(f"id of {code}", code, EVENT, "type-1")) for code in listed]
        pen.append(tickets, pen.list_of(EVENT))
        pen.settle()
        pen.store_state(ListState(EVENT, "cloud", complete=True, checked=NOW))
        alike.compare(pen.database)
    (reading,) = Frames("left").feed(sent + b"\r", NOW)
    with closing(Journal(tmp_path, "north")) as journal, closing(TicketList(tmp_path, rules)) as seen:
        gate = Gate(journal, seen, lambda: Rules({EVENT: EventRules()}), hold_off_s=3.0)
        gate.take(reading)
    with closing(journals.reader(tmp_path)) as database:
        (scan,) = past.scans_after(database, 0)
    code, _ = expected
    ticket = scan.verdict.ticket
    assert (ticket and ticket.barcode, scan.verdict.rule) == expected
    assert (scan.barcode, scan.verdict.reason) == (
        (code, Reason.OK) if code is not None else (sent.decode(), Reason.UNKNOWN)
    )  # fmt: skip
    assert (scan.raw or scan.barcode.encode()) == sent


# --- the programs ----------------------------------------------------------------------------------------------------

CODE = "SUMMER0001"
SENT = f"]Q1\\000026{CODE}"


def imported(kiosk, *codes: str) -> str:
    """Import a list as a person does; return what was said about it."""
    rows = [{"_id": f"id-{code}", "barcode": code, "ticketTypeId": "type-1"} for code in codes]
    file = kiosk.directory / "list.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return kiosk.call("tickets", "import", str(file), "--event", EVENT_ID).stderr


def raw(kiosk) -> list[bytes | None]:
    with closing(sqlite3.connect(f"file:{kiosk.data_dir}/journal.db?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute("SELECT raw FROM scan ORDER BY seq")]


def test_a_code_with_all_its_prefixes_is_admitted_recorded_and_delivered_under_the_tickets_code(
    kiosk, cloud, eventually
):
    cloud.add_tickets([{"_id": f"id-{CODE}", "barcode": CODE, "eventId": EVENT_ID}])
    kiosk.configure(cloud.url, gate=f'events = ["{EVENT_ID}"]')
    imported(kiosk, CODE, "SUMMER0002")
    kiosk.open_gate()
    kiosk.scan(SENT)
    kiosk.scan(CODE)  # a scanner that sends everything twice
    eventually("it is recorded", kiosk.scans)
    said = json.loads(kiosk.call("scan", "]Q1SUMMER0002", "--json").stdout)
    assert (said["reason"], said["barcode"]) == ("ok", "SUMMER0002")
    assert [(scan["barcode"], scan["reason"], scan["rule"]) for scan in kiosk.scans()] == [
        (CODE, "ok", "aim+eci"), ("SUMMER0002", "ok", "aim"),
    ]  # fmt: skip
    assert raw(kiosk)[0] == SENT.encode()
    log = (kiosk.directory / "gate.log").read_text()
    assert "…0001 by aim+eci" in log
    assert CODE not in log
    kiosk.call("sync", "--once")
    delivered = {scan["barcode"]: scan["scanResult"] for scan in cloud.scans()}
    assert delivered == {CODE: "approved", "SUMMER0002": "approved"}
    assert [scan["delivery"] for scan in kiosk.scans()] == ["acked", "acked"]


def test_a_list_that_is_imported_while_the_gate_runs_takes_a_rule_away(kiosk, cloud, eventually):
    kiosk.configure(cloud.url, gate=f'events = ["{EVENT_ID}"]\nlookup_ms = 0')
    imported(kiosk, CODE)
    kiosk.open_gate()
    kiosk.scan(CODE.lower())
    eventually("it is admitted", lambda: [scan["reason"] for scan in kiosk.scans()] == ["ok"])
    why = "rule upper is not used: it makes two tickets alike (…0009, …0009)"
    assert why in imported(kiosk, "winter0009", "WINTER0009")
    kiosk.scan("sumMER0001")  # within the hold-off, but no longer the same code
    eventually("it is declined", lambda: [scan["reason"] for scan in kiosk.scans()] == ["ok", "unknown"])
    assert (kiosk.directory / "gate.log").read_text().count(why) == 1


def test_a_ticket_that_was_just_bought_is_asked_for_by_its_bare_code(kiosk, cloud, eventually):
    text = kiosk.file.read_text().replace("tickets_interval_s = 0.5", "tickets_interval_s = 600")
    kiosk.file.write_text(text.replace("[gate]", "[gate]\nlookup_ms = 3000"))
    kiosk.start("sync")
    kiosk.open_gate()
    eventually("the list is there", lambda: kiosk.status()["tickets"]["complete"])
    eventually("the cloud is there", lambda: kiosk.status()["cloud"]["reachable"])
    eventually("the gate is open", lambda: json.loads((kiosk.runtime_dir / "gate.json").read_text())["events"])
    cloud.add_tickets([{"_id": "id-late", "barcode": "JUSTBOUGHT01", "eventId": EVENT_ID}])
    kiosk.scan("https://t.example/tickets/JUSTBOUGHT01?from=mail")
    rows = eventually("it is recorded", kiosk.scans)
    assert [(scan["barcode"], scan["reason"], scan["rule"]) for scan in rows] == [("JUSTBOUGHT01", "ok", "url")]
