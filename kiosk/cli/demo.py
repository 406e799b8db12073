"""`kiosk demo`: the evening on a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kiosk import words
from kiosk.demo.evening import Evening, compare, outstanding, recorded
from kiosk.demo.stage import Stage
from kiosk.errors import NoListYet, Refused
from kiosk.model import Delivery, Result, Scan

ROWS = 14
"""How many of the last scans the table shows."""

REFRESH_S = 0.2

ANSWER_S = 1.0
"""How long a typed code may take to be recorded before we say that it is being held off."""


@click.command("demo")
@click.option("--once", is_flag=True, help="Play the evening through and exit; else it stays, and codes can be typed.")
def command(once: bool) -> None:
    """Run the whole kiosk on this machine, with nothing to configure.

    A sandbox cloud, a ticket list, a virtual serial scanner, the gate, sync, and the display in your browser. An
    evening is played: guests are admitted, a copied ticket, an unknown code and a cancelled ticket are declined, the
    network goes down and comes back, everything is delivered. The exit status is 0 only when every scan reached the
    cloud exactly once. Without a terminal to type at, it runs as with --once.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the stage takes its programs down with it
    console = Console()
    console.print("Starting a cloud, a gate, sync and a display …")
    with Stage() as stage:
        console.print(f"The screen at the door: [bold]{stage.display_url}[/bold]")
        evening = Evening(stage)
        with _board(stage, console) as board:
            for act in evening.acts():
                board.announce(act.title)
                act.play()
        if not once and sys.stdin.isatty():
            _stay(stage, evening, console)
        _conclude(stage, console)


class _Board:
    """The live table: every scan with its verdict, and what the cloud has of it."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage, self._console = stage, console
        self._title = ""

    def announce(self, title: str) -> None:
        self._title = title
        if not self._console.is_terminal:
            self._console.print(f"· {title}")

    def __rich__(self) -> Group:
        try:
            rows = recorded(self._stage)
        except NoListYet:
            rows = []
        return Group(_table(rows[-ROWS:]), Text(f"{self._title} …", style="bold"))


@contextmanager
def _board(stage: Stage, console: Console) -> Iterator[_Board]:
    board = _Board(stage, console)
    if not console.is_terminal:
        yield board
        return
    with Live(board, console=console, refresh_per_second=1 / REFRESH_S):
        yield board


def _table(rows: list[tuple[Scan, Delivery]]) -> Table:
    table = Table("", "code", "verdict", "why", "ticket", "cloud", expand=False)
    for scan, delivery in rows:
        colour = "green" if scan.verdict.result is Result.APPROVED else "red"
        said = (scan.barcode, words.sentence(scan.verdict, scan.at), _ticket_name(scan))
        code, why, ticket = (Text(words.plain(text)) for text in said)
        table.add_row(str(scan.seq), code, Text(words.headline(scan.verdict), colour), why, ticket, delivery.value)
    return table


def _ticket_name(scan: Scan) -> str:
    ticket = scan.verdict.ticket
    return (ticket.ticket_name or "") if ticket is not None else ""


def _stay(stage: Stage, evening: Evening, console: Console) -> None:
    """Scan what is typed until Ctrl-C or Ctrl-D."""
    console.print("\nYour turn. Type a code and Enter, or: [bold]down[/bold], [bold]up[/bold] (the network), Ctrl-D.")
    console.print(f"  valid: {', '.join(evening.valid[12:16])}   already in: {evening.valid[0]}")
    console.print(f"  cancelled: {evening.cancelled}   unknown: ABCD1234")
    try:
        for line in sys.stdin:
            _do(stage, line.strip(), console)
    except KeyboardInterrupt:
        console.print()
    stage.mend_network()
    console.print("Delivering what is left …")
    stage.wait_for("everything is delivered", lambda: outstanding(stage) == 0)


def _do(stage: Stage, word: str, console: Console) -> None:
    match word:
        case "":
            return
        case "down":
            stage.cut_network()
            console.print("the network is down")
        case "up":
            stage.mend_network()
            console.print("the network is back")
        case code:
            before = len(recorded(stage))
            stage.scan(code)
            _show_next(stage, before, console)


def _show_next(stage: Stage, before: int, console: Console) -> None:
    """Show the new row; within the hold-off there is none, and the screen shows the last verdict again."""
    if stage.happens(lambda: len(recorded(stage)) > before, ANSWER_S):
        console.print(_table(recorded(stage)[-1:]))
    else:
        console.print("shown again: the same code within the hold-off is no new scan")


def _conclude(stage: Stage, console: Console) -> None:
    """Compare the door's record with the cloud's. Raises Refused when they differ."""
    scans = [scan for scan, _ in recorded(stage)]
    once, missing, too_often = compare(scans, stage.delivered())
    local = sum(not scan.deliverable for scan in scans)
    approved = sum(scan.verdict.result is Result.APPROVED for scan in scans)
    console.print(_table(recorded(stage)))
    console.print(
        f"{len(scans)} scans: {approved} approved, {len(scans) - approved} declined. "
        f"In the cloud exactly once: {once}; missing: {missing}; too often: {too_often}; "
        f"kept here, because the cloud takes no unknown code: {local}."
    )
    if missing or too_often:
        raise Refused("not every scan was delivered exactly once")
