"""`kiosk reset`: a kiosk as if it had never been at a door.

The order in which files go is what a kill or a power cut in the middle leaves behind:

- The ledger goes before the journal. Half done, that is a kiosk that lost its ledger: sync looks at what the cloud has
  before it sends anything. The other way round an old ledger would lie beside a new journal, whose scans begin at 1
  again, and would call them delivered that nobody has seen.
- What the journal could be put together again from goes before it, or a start in between would bring it back.
- A file goes before its write-ahead log: a log without its file is nothing, a file without its log has lost its end.
- Each kind is gone on disk before the next one goes. The locks go last, held all the while: that sync's is there tells
  sync that a ledger was lost, and is not the first of all.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from kiosk import clock
from kiosk.cli.options import Setup, with_setup
from kiosk.cli.status import display_answers
from kiosk.errors import Refused, StoreError
from kiosk.model import Delivery
from kiosk.store import audit, journal, ledger
from kiosk.store.database import own, sync_directory
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.store.outlook import Outlook

FILES = (
    "ledger.db*", "witness*/*", "backup/*", "quarantine/*/*", "quarantine/*", "recover*",
    "journal.db*", "dates.db*", "tickets.db*", "heard.db*", "choices.json", "language.json", "calibrated.json",
    "ballast", "gate.lock", "sync.lock",
)  # fmt: skip
"""What goes, in this order; each file with its write-ahead log and its backups."""

MIRRORED = "witness*/*"

DELIVERED_OR_NEVER = frozenset({Delivery.ACKED, Delivery.LOCAL})


@click.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option(
    "--lose-undelivered", "accepted", metavar="N", type=click.IntRange(min=0),
    help="Remove scans that the cloud does not have, exactly so many.",
)  # fmt: skip
@with_setup
def command(setup: Setup, yes: bool, accepted: int | None) -> None:
    """Remove everything this kiosk has recorded and learned: journal, ledger, ticket list, what other doors told.

    The configuration and the credentials stay, and what `kiosk audit` tells. Nothing is removed while a program runs
    here, nor while there are scans that the cloud does not have: `kiosk sync --once` delivers them, `kiosk export FILE`
    saves them.
    """
    directory = setup.data_dir()
    with own(directory / "gate.lock", "gate"), own(directory / "sync.lock", "sync"):
        if display_answers(setup.config.display):
            raise Refused("kiosk display is running here: stop it first, or it goes on showing what was")
        _refuse_undelivered(directory, accepted)
        mirror = _reached(setup.config.device.journal_mirror)
        _confirm(setup.config.device.id, directory, yes=yes)
        if mirror is not None:
            _remove(mirror, MIRRORED)
        remove(directory)
        audit.note(directory, "reset", lost=accepted or 0)
    click.echo(f"nothing is left in {directory} but who did this: the next start begins anew", err=True)


def _refuse_undelivered(directory: Path, accepted: int | None) -> None:
    undelivered = sum(_undelivered(directory).values())
    if accepted is None and undelivered:
        raise Refused(
            f"{undelivered} scans are not in the cloud: deliver them with `kiosk sync --once`, save them with "
            f"`kiosk export FILE`; `--lose-undelivered {undelivered}` removes them"
        )
    if accepted is not None and accepted != undelivered:
        raise Refused(f"{undelivered} scans are not in the cloud, not {accepted}: nothing was removed")


def _undelivered(directory: Path) -> dict[str, int]:
    """Return how many scans are in each state that wants something. Raises Refused where that cannot be told."""
    try:
        _bring_up_to_date(directory)
        with closing(Outlook(directory)) as outlook:
            outbox = outlook.outbox(clock.now())
    except (StoreError, sqlite3.Error) as error:
        raise Refused(
            f"{error}: what is undelivered cannot be counted, so nothing is removed; move the damaged one of "
            f"{journal.FILE} and {ledger.FILE} to a safe place and try again"
        ) from error
    return {state.value: outbox[state.value] or 0 for state in Delivery if state not in DELIVERED_OR_NEVER}


def _bring_up_to_date(directory: Path) -> None:
    """A file of an older version would count as none at all. We hold the locks of those who do this else."""
    if (directory / journal.FILE).exists():
        Journal(directory, "").close()
    if (directory / ledger.FILE).exists():
        Ledger(directory).close()


def _reached(mirror: Path | None) -> Path | None:
    """A second record that is not there now would bring everything back once it is. Raises Refused."""
    if mirror is not None and not mirror.is_dir():
        raise Refused(f"the second record in {mirror} cannot be reached: plug it in, or take journal_mirror out")
    return mirror


def _confirm(device_id: str, directory: Path, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("without a terminal nobody can be asked: say --yes")
    asked = f"Everything in {directory} that this kiosk has recorded is removed. Type {device_id} to go on"
    if click.prompt(asked, default="", show_default=False, err=True).strip() != device_id:
        raise Refused("nothing was removed")


def remove(directory: Path) -> None:
    """Remove what a kiosk keeps, in the one order that may end at any point."""
    for pattern in FILES:
        _remove(directory, pattern)


def _remove(directory: Path, pattern: str) -> None:
    """Remove the files of one kind, and the directories that were made for them."""
    for path in doomed(directory, pattern):
        path.unlink()
    if made := pattern.rpartition("/")[0]:
        for place in [path for path in directory.glob(made) if path.is_dir() and not any(path.iterdir())]:
            place.rmdir()
    sync_directory(directory)


def doomed(directory: Path, pattern: str) -> Iterator[Path]:
    """Return the files of this kind, each before its write-ahead log."""
    return (path for path in sorted(directory.glob(pattern)) if path.is_file())
