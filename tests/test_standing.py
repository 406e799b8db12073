"""The rules of this moment, and staff's choices among them."""

from contextlib import closing

import pytest

from kiosk.config import parse
from kiosk.errors import Refused
from kiosk.model import Direction
from kiosk.standing import Standing
from kiosk.store import audit, chosen
from kiosk.store.cache import Cache
from kiosk.store.ticketlist import TicketList


@pytest.fixture
def standing(tmp_path):
    with closing(Cache(tmp_path)) as store, closing(TicketList(tmp_path)) as tickets:
        store.store_events({"e-2": "Gala"})
        made = Standing(parse('[gate]\nevents = ["e-1"]\n', "x").gate, tickets, tmp_path)
        made_again = lambda: Standing(parse('[gate]\nevents = ["e-1"]\n', "x").gate, tickets, tmp_path)  # noqa: E731
        yield made, store, made_again


def lock(store, mode="lock"):
    store.store_setting("me", {"deviceSettings": {"scanConfig": {"mode": mode}}})


def test_a_choice_counts_at_once_is_kept_and_written_down(standing, tmp_path):
    made, _, again = standing
    made.choose({"scanType": "checkout", "events": ["e-2"]}, "staff")
    assert (made().direction, list(made().events)) == (Direction.CHECKOUT, ["e-2"])
    assert list(again()().events) == ["e-2"]
    (row,) = audit.read(tmp_path)
    assert (row["action"], row["by"], row["scanType"], row["events"]) == (
        "settings chosen",
        "staff",
        "checkout",
        ["e-2"],
    )
    made.choose({}, "staff")
    assert list(made().events) == ["e-1"]
    assert list(audit.read(tmp_path))[-1]["choice"] == "as configured"


def test_a_lock_of_the_clouds_sets_a_choice_aside_until_it_is_gone(standing, tmp_path):
    made, store, _ = standing
    made.choose({"scanType": "checkout"}, "staff")
    lock(store)
    with pytest.raises(Refused, match="locked"):
        made.choose({"scanType": "checkout"}, "staff")
    assert made().direction is Direction.CHECKIN
    lock(store, "default")
    made._tickets.look_again()
    assert made().direction is Direction.CHECKOUT


@pytest.mark.parametrize("words", [{"events": ["e-3"]}, {"ticketTypes": {"e-3": ["a"]}}, {"events": []}, {"x": 1}, 7])
def test_what_cannot_be_chosen_changes_nothing(standing, tmp_path, words):
    made, _, _ = standing
    with pytest.raises(Refused):
        made.choose(words, "staff")
    assert not (tmp_path / chosen.FILE).exists()


def test_a_choice_that_cannot_be_written_down_does_not_count(standing, tmp_path):
    made, _, _ = standing
    (tmp_path / "choices.draft").mkdir()
    with pytest.raises(Refused, match="written down"):
        made.choose({"scanType": "checkout"}, "staff")
    assert made().direction is Direction.CHECKIN
