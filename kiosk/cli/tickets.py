"""`kiosk tickets`: the list as the door has it; importing one from a file, and searching it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from kiosk import clock, words
from kiosk.cli.options import Setup, with_setup
from kiosk.errors import NoListYet, Refused
from kiosk.model import Ticket
from kiosk.store import tickets
from kiosk.sync.intake import Intake, read_rows

SHOWN_REJECTS = 20


@click.group("tickets", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@with_setup
def command(setup: Setup, as_json: bool) -> None:
    """Show what the ticket list holds; import one from a file; find a ticket.

    The list is the cloud's, kept up to date by `kiosk sync`. A kiosk can also run on an imported list alone.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    found = _summary(setup)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


def _summary(setup: Setup) -> dict[str, Any]:
    now = clock.now()
    try:
        database = tickets.reader(setup.config.device.data_dir)
    except NoListYet:
        return {"total": 0, "events": []}
    names, totals = tickets.event_names(database), tickets.totals(database)
    known = tickets.lists(database)
    return {
        "total": sum(totals.values()),
        "events": [
            {
                "eventId": event_id,
                "name": names.get(event_id),
                "tickets": totals.get(event_id, 0),
                "complete": known[event_id].complete if event_id in known else False,
                "ageSeconds": known[event_id].age_s(now) if event_id in known else None,
                "source": known[event_id].source if event_id in known else None,
                "unreadable": known[event_id].unreadable if event_id in known else 0,
            }
            for event_id in sorted(totals.keys() | known.keys())
        ],
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['total']} tickets"]
    for event in found["events"]:
        whole = "complete" if event["complete"] else "INCOMPLETE"
        age = f"{event['ageSeconds']:.0f} s old" if event["ageSeconds"] is not None else "never complete"
        name = event["name"] or "?"
        lines.append(f"{event['eventId']}  {name}: {event['tickets']} tickets, {whole}, {age}, from {event['source']}")
        if event["unreadable"]:
            lines.append(f"  {event['unreadable']} unreadable rows were left out")
    return lines


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--event", "event_id", metavar="ID", required=True, help="The event of rows that do not name one.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@with_setup
def import_(setup: Setup, file: Path, event_id: str, as_json: bool) -> None:
    """Import a ticket list: a JSON array, JSON lines, or CSV with a header, by the API's field names.

    `_id`, `barcode` and `ticketTypeId` are needed in each row. Rows that cannot be read are reported with their lines
    and left out; the exit status is 1 then. A ticket that is already there is brought up to date.
    """
    with closing(tickets.Tickets(setup.data_dir())) as store:
        intake = Intake(store, event_id, clock.now())
        intake.take(track(read_rows(file), description="importing", console=Console(stderr=True)))
        twice = tickets.codes_used_twice(store.database)
    _report(intake, twice, as_json=as_json)
    if intake.rejected:
        raise Refused(f"{intake.rejected} of {intake.rejected + intake.taken} rows were left out")


def _report(intake: Intake, twice: list[str], *, as_json: bool) -> None:
    if as_json:
        rejects = [{"line": line, "problem": problem} for line, problem in intake.rejects]
        found = {
            "imported": intake.taken,
            "rejected": intake.rejected,
            "rejects": rejects,
            "codesUsedTwice": len(twice),
        }
        click.echo(json.dumps(found))
        return
    for line, problem in intake.rejects[:SHOWN_REJECTS]:
        click.echo(f"line {line}: {problem}", err=True)
    if twice:
        click.echo(f"{len(twice)} codes belong to more than one ticket of an event: they will be `ambiguous`", err=True)
    click.echo(f"{intake.taken} tickets imported")


@command.command()
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_setup
def find(setup: Setup, text: str, as_json: bool) -> None:
    """Find tickets by the beginning of their code or a part of their holder's name, at most 50."""
    try:
        database = tickets.reader(setup.config.device.data_dir)
    except NoListYet as error:
        raise Refused(f"there is no list yet: {error}") from error
    for ticket in tickets.find(database, text):
        click.echo(json.dumps(_described(ticket), ensure_ascii=False) if as_json else _ticket_line(ticket))


def _described(ticket: Ticket) -> dict[str, Any]:
    return {
        "_id": ticket.id,
        "barcode": ticket.barcode,
        "eventId": ticket.event_id,
        "ticketTypeId": ticket.ticket_type_id,
        "ticketName": ticket.ticket_name,
        "name": ticket.name,
        "status": ticket.status,
        "area": ticket.area,
        "row": ticket.row,
        "seat": ticket.seat,
        "slotStartTime": words.stamp(ticket.slot_start) if ticket.slot_start is not None else None,
        "expiresAt": words.stamp(ticket.expires_at) if ticket.expires_at is not None else None,
    }


def _ticket_line(ticket: Ticket) -> str:
    return "  ".join(
        words.plain(part) for part in (ticket.barcode, ticket.status, ticket.ticket_name, ticket.name) if part
    )
