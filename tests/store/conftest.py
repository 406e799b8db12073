"""A gate's record as it runs: what several tests of it stand on."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Direction, Moment, Reading, Reason, Result, Verdict
from kiosk.store import journal as journals
from kiosk.store import witness
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep

DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
LATER = {"backup_s": 9e4, "check_s": 9e4, "first_check_s": 9e4}


def scan(pen: Keeper | Journal, number: int) -> None:
    when = Moment(datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=number), number, "boot")
    pen.append(Reading("left", f"CODE{number}", f"CODE{number}".encode(), when), DECLINED)


def there(place: Path) -> list[int]:
    return [row[witness.SEQ] for row in witness.rows_after(place / witness.DIRECTORY, 0)]


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as opened:
        yield opened


@pytest.fixture
def seen(journal, tmp_path):
    """The journal as another program sees it."""
    with closing(journals.reader(tmp_path)) as opened:
        yield opened


@pytest.fixture
def running(tmp_path):
    """Build a running kiosk's record; it is closed at the end."""
    made: list[Keeper] = []

    def build(**plan: object) -> tuple[Keeper, Upkeep]:
        beside = Upkeep(tmp_path, Plan(**{**LATER, **plan}))  # type: ignore[arg-type]
        made.append(Keeper(tmp_path, "gate-1", 30.0, beside))
        beside.start()
        return made[-1], beside

    yield build
    for keeper in made:
        keeper.close()
