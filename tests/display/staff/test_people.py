"""The names beside a list that changes: new ones at once, renamed and removed ones never wrong."""

from contextlib import closing
from dataclasses import replace

import pytest

from kiosk.display.staff import people
from kiosk.display.staff.people import People
from kiosk.model import Listed, Ticket
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState

EVENT = "e-1"


def guest(number, name):
    return Ticket(f"t-{number}", f"CODE000{number}", EVENT, "type", name=name)


@pytest.fixture
def listed(tmp_path, eventually):
    """A list, and how it is searched; `find` waits until the names are read."""
    with closing(Cache(tmp_path)) as store:
        store.store([Listed(guest(1, "Ada Öğünç")), Listed(guest(2, "Bob"))], ListState(EVENT, "cloud"))
        state = store.list_of(EVENT)
        found = People(tmp_path)
        with closing(tickets.reader(tmp_path)) as database:

            def find(text):
                eventually("the names are read", lambda: found.find(database, text) is not None)
                return [each.id for each in found.find(database, text)]

            find.store, find.state, find.people, find.database = store, state, found, database
            yield find


def test_names_are_read_at_the_first_question(listed):
    assert listed.people.find(listed.database, "ogunc") is None
    assert listed("ogunc") == ["t-1"]
    assert listed("og") == []


def test_a_ticket_that_comes_is_found_at_once(listed):
    assert listed("carl") == []
    listed.store.store([Listed(guest(3, "Carla"))], listed.state)
    assert listed("carl") == ["t-3"]


def test_a_ticket_that_went_or_has_another_name_is_not_found_by_the_old_one(listed):
    assert listed("ada") == ["t-1"]
    listed.store.store([Listed(replace(guest(1, "Zoë")))], listed.state)
    listed.store.mark_gone(["t-2"], listed.state)
    assert (listed("ada"), listed("bob")) == ([], [])


def test_another_name_is_found_once_all_are_read_anew(listed, monkeypatch, eventually):
    assert listed("ada") == ["t-1"]
    listed.store.store([Listed(replace(guest(1, "Zoë")))], listed.state)
    monkeypatch.setattr(people, "FRESH_S", 0.0)
    monkeypatch.setattr(people, "LEISURE", 0)
    eventually("it is read anew", lambda: listed("zoe") == ["t-1"])


def test_a_list_that_still_arrives_is_searched_and_goes_on_being_when_it_is_settled(listed):
    listed.store.append([Listed(guest(n, f"Dora {n}")) for n in range(4, 9)], listed.state)
    assert listed("dora") == [f"t-{n}" for n in range(4, 9)]
    listed.store.settle()
    assert listed("dora") == [f"t-{n}" for n in range(4, 9)]


def test_each_ticket_is_found_once_though_it_is_listed_and_arrives_again(listed):
    listed.store.append([Listed(guest(1, "Ada Öğünç"))], listed.state)
    assert listed("ada") == ["t-1"]
