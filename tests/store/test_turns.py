"""What the turnstile said of whom, in the journal."""

from contextlib import closing

import pytest

from kiosk.clock import now
from kiosk.model import Passed
from kiosk.store import journal as journals
from kiosk.store import turns
from kiosk.store.journal import Journal

TURNED, LATE = Passed.TURNED, Passed.TIMED_OUT


@pytest.mark.parametrize(
    ("said", "kept"), [([TURNED], TURNED), ([LATE], LATE), ([LATE, TURNED], TURNED), ([TURNED, LATE], TURNED)]
)
def test_who_passed_has_passed_however_late(tmp_path, said, kept):
    with closing(Journal(tmp_path, "north")) as journal:
        for passed in said:
            journal.turn(7, passed, now())
    with closing(journals.reader(tmp_path)) as database:
        assert turns.between(database, 7, 7) == {7: kept}
        assert turns.between(database, 1, 6) == {}
