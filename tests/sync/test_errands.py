"""What people ask sync for."""

import threading
from contextlib import closing

import pytest

from kiosk.clock import now
from kiosk.errors import Refused
from kiosk.model import Delivery, Direction, Listed, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import audit, tickets
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.tickets import ListState
from kiosk.sync import errands
from kiosk.sync.errands import Errands

TICKET = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", "Ada")


def shrunken(directory, event_id="fest"):
    with closing(Cache(directory)) as store:
        store.store([Listed(Ticket(f"{event_id}-{n}", f"CODE{n}", event_id, "t")) for n in range(3)],
                    ListState(event_id, "cloud", complete=True, checked=now()))  # fmt: skip
        state = store.list_of(event_id)
        store.keep_aside([f"{event_id}-2"], ListState(event_id, "cloud", complete=True, shrunk_to=2, no=state.no))


@pytest.fixture
def refused(tmp_path):
    """Three scans that the cloud refused."""
    with closing(Journal(tmp_path, "gate")) as journal, closing(Ledger(tmp_path)) as ledger:
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
        scans = [journal.append(Reading("left", "CODE00001", b"CODE00001", now()), verdict) for _ in range(3)]
        ledger.take_in(Entry(scan, Delivery.REFUSED) for scan in scans)
    return tmp_path


def test_refused_scans_are_handed_out_again_those_that_are_named_or_all(refused):
    found = Errands(refused, names=True)
    assert found.answer({"do": "retry", "numbers": [2, 9]}) == {"again": [2]}
    assert found.answer({"do": "retry", "numbers": []}) == {"again": [1, 3]}
    assert [(row["action"], row["by"], row["numbers"]) for row in audit.read(refused)] == [
        ("retry", "staff", [2]), ("retry", "staff", [1, 3]),
    ]  # fmt: skip


def test_it_may_be_done_on_another_thread_while_sync_has_its_ledger_open(refused):
    said = []
    with closing(Ledger(refused)) as ledger:
        asked = {"do": "retry", "numbers": [1]}
        doing = threading.Thread(target=lambda: said.append(Errands(refused, names=True).answer(asked)))
        doing.start()
        doing.join(20)
        assert (said, ledger.numbers(Delivery.PENDING)) == ([{"again": [1]}], [1])


def test_without_a_ledger_there_is_nothing_to_hand_out(tmp_path):
    answer = Errands(tmp_path, names=True).answer({"do": "retry", "numbers": []})
    assert (answer["refused"], "kiosk sync" in str(answer["message"])) == ("nothing", True)


def test_a_list_that_shrank_is_accepted_by_its_event_or_all_of_them(tmp_path):
    shrunken(tmp_path)
    shrunken(tmp_path, "gala")
    found = Errands(tmp_path, names=True)
    assert found.answer({"do": "accept", "eventId": "nobody"})["refused"] == "nothing"
    assert found.answer({"do": "accept", "eventId": "gala"}) == {"accepted": {"gala": 1}}
    assert found.answer({"do": "accept", "eventId": None}) == {"accepted": {"fest": 1}}
    assert found.answer({"do": "accept", "eventId": None})["refused"] == "nothing"
    with closing(tickets.reader(tmp_path)) as database:
        assert tickets.total(database) == 4
    assert {row["by"] for row in audit.read(tmp_path)} == {"staff"}


@pytest.mark.parametrize(
    "question",
    [None, [], "retry", {}, {"do": "dance"}, {"do": "retry"}, {"do": "retry", "numbers": 1}, {"do": "accept"},
     {"do": "retry", "numbers": ["x"]}],
)  # fmt: skip
def test_what_is_no_order_is_told_so(refused, question):
    assert Errands(refused, names=True).answer(question)["refused"] == "malformed"


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"rubbish" * 1000)
    assert Errands(tmp_path, names=True).answer({"do": "retry", "numbers": []})["refused"] == "not_written"


def test_the_commands_say_why_not(tmp_path):
    with pytest.raises(Refused):
        errands.accept(tmp_path, None, names=True)
