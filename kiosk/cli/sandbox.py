"""`kiosk sandbox`: a cloud to practise with."""

from __future__ import annotations

import queue
from pathlib import Path

import click

from kiosk.cli.options import on_signal
from kiosk.errors import Refused
from kiosk.sandbox import FAULTS, Sandbox, generate_tickets, read_tickets

EVENT_ID, EVENT_NAME = "62a1c0ffee0000000000e001", "Summer Night Festival"


def _faults() -> str:
    return "\n".join(f"  {name:<20} {fault.description}" for name, fault in sorted(FAULTS.items()))


@click.command("sandbox", epilog="\b\nFaults:\n" + _faults())
@click.option("--port", metavar="N", type=click.IntRange(0, 65_535), default=8090, show_default=True, help="0: any.")
@click.option("--tickets", metavar="FILE|N", default="1000", show_default=True, help="A file of tickets, or how many.")
@click.option("--event", "event_id", metavar="ID", default=EVENT_ID, show_default=True, help="The tickets' event.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same tickets.")
@click.option("--api-key", help="The only key to accept. [default: any]")
@click.option("--token", help="The only token to accept. [default: any]")
@click.option("--store", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Keep its data here.")
@click.option(
    "--fault", "faults", metavar="NAME[=TIMES]", multiple=True, help="Arm a fault from the start; repeatable."
)
def command(
    port: int,
    tickets: str,
    event_id: str,
    seed: int,
    api_key: str | None,
    token: str | None,
    store: Path | None,
    faults: tuple[str, ...],
) -> None:
    """Run a cloud to practise with: both hosts' APIs on one port of this machine, with every fault of the real one.

    Point `scans_url` and `access_url` at the address it prints, any key and token will do. Faults are armed here, or
    at any time by `POST /sandbox/faults {"name": …, "times": n or null}`; `GET /sandbox/summary` tells what it has.
    """
    try:
        box = Sandbox(port=port, api_key=api_key, token=token, store=store)
        _fill(box, tickets, event_id, seed)
        for fault in faults:
            _arm(box, fault)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise Refused(f"the sandbox cannot start: {error}") from error
    _serve(box, event_id)


def _serve(box: Sandbox, event_id: str) -> None:
    over: queue.SimpleQueue[None] = queue.SimpleQueue()  # an Event's lock is not for signal handlers
    with on_signal(lambda: over.put(None)), box:
        click.echo(f"{box.url}/api")
        click.echo(f"sandbox cloud for event {event_id}: Ctrl-C ends it", err=True)
        over.get()


def _fill(box: Sandbox, tickets: str, event_id: str, seed: int) -> None:
    box.add_event(event_id, EVENT_NAME)
    if tickets.isdecimal():
        box.add_tickets(generate_tickets(int(tickets), event_id, seed))
    elif Path(tickets).is_file():
        box.add_tickets(read_tickets(Path(tickets), event_id))
    else:
        raise ValueError(f"--tickets {tickets}: neither a number nor a file that is there")


def _arm(box: Sandbox, words: str) -> None:
    name, _, times = words.partition("=")
    if not times:
        box.arm(name)
    elif times == "always":
        box.arm(name, None)
    elif times.isdecimal():
        box.arm(name, int(times))
    else:
        raise click.UsageError(f"--fault {words}: say {name}=3 for three times, or {name}=always")
