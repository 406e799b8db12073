"""`kiosk tickets`: the list as the door has it; importing one from a file, and searching it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from kiosk import clock, disk, words
from kiosk.cli.options import Setup, with_setup
from kiosk.errors import NoListYet, Refused
from kiosk.model import Moment, Ticket
from kiosk.store import alike, audit, tickets
from kiosk.store.alike import Ends
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState
from kiosk.sync import errands
from kiosk.sync.comparison import shrunk
from kiosk.sync.intake import Intake
from kiosk.sync.listfile import FIELDS, read_rows

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
        return {"total": 0, "events": [], "rulesNotUsed": []}
    names, known = tickets.event_names(database), tickets.lists(database)
    return {
        "total": tickets.total(database),
        "events": [_about(database, known[event_id], names, now) for event_id in sorted(known)],
        "rulesNotUsed": _not_used(_refused(setup, database)),
    }


def _refused(setup: Setup, database: sqlite3.Connection) -> dict[str, Ends]:
    """The rules that the configuration names, and the list forbids."""
    return {rule: ends for rule, ends in alike.refused(database).items() if rule in setup.config.gate.code_rules}


def _not_used(refused: dict[str, Ends]) -> list[dict[str, Any]]:
    return [{"rule": rule, "codeEnds": list(ends)} for rule, ends in refused.items()]


def _about(database: sqlite3.Connection, state: ListState, names: dict[str, str], now: Moment) -> dict[str, Any]:
    return {
        "eventId": state.event_id,
        "name": names.get(state.event_id),
        "tickets": tickets.held(database, state),
        "complete": state.complete,
        "ageSeconds": state.age_s(now),
        "source": state.source,
        "unreadable": tickets.unreadable(database, state),
        "unreadFields": tickets.unread(database, state),
        "expected": state.expected if state.skip else None,
        "shrunkTo": state.shrunk_to,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['total']} tickets"]
    for event in found["events"]:
        whole = "complete" if event["complete"] else "INCOMPLETE"
        age = f"{event['ageSeconds']:.0f} s old" if event["ageSeconds"] is not None else "never complete"
        name = event["name"] or "?"
        lines.append(f"{event['eventId']}  {name}: {event['tickets']} tickets, {whole}, {age}, from {event['source']}")
        lines += _remarks(event)
    return lines + [alike.sentence(each["rule"], each["codeEnds"]) for each in found["rulesNotUsed"]]


def _remarks(event: dict[str, Any]) -> Iterator[str]:
    if event["expected"] is not None:
        yield f"  still arriving: {event['tickets']} of {event['expected']}"
    if event["unreadable"]:
        yield f"  {event['unreadable']} unreadable rows were left out"
    if event["unreadFields"]:
        yield f"  {event['unreadFields']} tickets have a time that cannot be read, and go without it"
    if event["shrunkTo"] is not None:
        yield f"  {shrunk(event['eventId'], event['tickets'], event['shrunkTo'])}"


def _named(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Take `HEADING=FIELD` apart; a heading may have an equals sign in it, a field may not."""
    pairs = [text.rpartition("=") for text in given]
    if wrong := [field for heading, _, field in pairs if not heading or field not in FIELDS.values()]:
        raise click.BadParameter(f"{wrong[0]!r} is none of the fields: {', '.join(sorted(set(FIELDS.values())))}")
    return {heading.strip(): field for heading, _, field in pairs}


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--event", "event_id", metavar="ID", required=True, help="The event of rows that do not name one.")
@click.option(
    "--map", "names", metavar="HEADING=FIELD", multiple=True, callback=_named,
    help="What a column is that the API calls otherwise, such as 'Ticket no.=_id'. Can be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@with_setup
def import_(setup: Setup, file: Path, event_id: str, names: dict[str, str], as_json: bool) -> None:
    """Import a ticket list: a JSON array, JSON lines, or CSV with a header, by the API's field names.

    `_id`, `barcode` and `ticketTypeId` are needed in each row. Rows that cannot be read are reported with their lines
    and left out; the exit status is 1 then. A ticket that is already there is brought up to date. A file that breaks
    off is refused whole. Encoding and delimiter of a table are found out by themselves.
    """
    screen, directory = Console(stderr=True), setup.data_dir()
    if disk.is_low(directory):
        raise Refused("the disk is nearly full, and what room there is belongs to the scans: make room, then import")
    for _row in track(read_rows(file, names), description="reading", console=screen, transient=True):
        pass  # to the end, before anything is stored
    with closing(Cache(directory, names=setup.config.sync.store_names)) as store:
        intake = Intake(store, event_id, clock.now())
        intake.take(track(read_rows(file, names), description="importing", console=screen))
        twice, refused = tickets.codes_used_twice(store.database), _refused(setup, store.database)
    audit.note(directory, "list imported", event=event_id, tickets=intake.taken, leftOut=intake.rejected)
    _report(intake, twice, refused, as_json=as_json)
    if intake.rejected:
        raise Refused(f"{intake.rejected} of {intake.rejected + intake.taken} rows were left out")


def _report(
    intake: Intake, twice: list[tuple[str, str, list[str]]], refused: dict[str, Ends], *, as_json: bool
) -> None:
    if as_json:
        rejects = [{"line": line, "problem": problem} for line, problem in intake.rejects]
        found = {
            "imported": intake.taken,
            "rejected": intake.rejected,
            "rejects": rejects,
            "codesUsedTwice": [{"barcode": code, "eventId": event, "ticketIds": ids} for code, event, ids in twice],
            "rulesNotUsed": _not_used(refused),
        }
        click.echo(json.dumps(found))
        return
    for line, problem in intake.rejects[:SHOWN_REJECTS]:
        click.echo(f"line {line}: {problem}", err=True)
    for code, event_id, ids in twice:
        click.echo(
            f"{words.plain(code)} is the code of {len(ids)} tickets of event {event_id}: `ambiguous` at the door",
            err=True,
        )
    for rule, ends in refused.items():
        click.echo(alike.sentence(rule, ends), err=True)
    click.echo(f"{intake.taken} tickets imported")


@command.command()
@click.option("--event", "event_id", metavar="ID", help="Only this event's list. [default: every list that shrank]")
@with_setup
def accept(setup: Setup, event_id: str | None) -> None:
    """Believe a list that shrank: take the tickets off that the cloud no longer has.

    A list that suddenly lacks many tickets is kept as it was, in case the cloud was in the middle of something. What
    happened to the tickets stays on record; one that comes back is admitted again.
    """
    accepted = errands.accept(setup.data_dir(), event_id, names=setup.config.sync.store_names)
    for each, gone in accepted.items():
        click.echo(f"{gone} tickets of event {each} were taken off")


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
