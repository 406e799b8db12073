"""Rules that would make two tickets of the stored lists alike are refused, and come back when nothing is in the way."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.model import Listed, Moment, Ticket
from kiosk.store import alike
from kiosk.store import tickets as files
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState
from kiosk.variants import RULES, variants

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
MOMENT = Moment(AT, 10**12, "boot-1")
STATE = ListState("e-1", "cloud", complete=True, whole_at="2026-06-01T10:00:00.000Z", checked=MOMENT)


def ticket(code: str, event_id: str = "e-1") -> Ticket:
    return Ticket(f"id of {code}", code, event_id, "type-1")


def fill(pen: Cache, *codes: str) -> None:
    """Put tickets on the list as something that says nothing about it: only a look at all of them can tell."""
    pen.append([Listed(ticket(code)) for code in codes], pen.list_of("e-1"))
    pen.settle()


@pytest.fixture
def pen(tmp_path):
    with closing(Cache(tmp_path)) as opened:
        opened.store_state(STATE)
        yield opened


@pytest.fixture
def seen(pen, tmp_path):
    with closing(files.reader(tmp_path)) as opened:
        yield opened


# --- a look at everything --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "refused"),
    [
        (["TICKET-0001", "TICKET-0002", "]Q1OTHER-01", "https://t.example/t/X"], {}),
        (["ticket-0001", "TICKET-0001"], {"upper": ("0001", "0001")}),
        (["\ufeffTICKET01", "TICKET01"], {"bom": ("ET01", "ET01")}),
        (["]C1TICKET01", "TICKET01"], {"aim": ("ET01", "ET01")}),
        (["\\000026TICKET01", "TICKET01"], {"eci": ("ET01", "ET01")}),
        (["https://t.example/t/TICK%45T01", "TICKET01"], {"url": ("5T01", "ET01")}),
        (["036000291452", "0036000291452"], {"ean": ("1452", "1452")}),
        (["]Q1abcdefgh", "ABCDEFGH"], {"upper": ("efgh", "EFGH")}),
        (["]Q1abcdefgh", "]Q1ABCDEFGH", "ABCDEFGH"], {"aim": ("EFGH", "EFGH"), "upper": ("efgh", "EFGH")}),
        (["ticket-é\x1b", "TICKET-É\x1b"], {"upper": (r"t-\xe9\x1b", r"T-\xc9\x1b")}),
    ],
)
def test_a_rule_that_makes_one_ticket_another_is_refused_and_no_other_rule_is(pen, seen, codes, refused):
    fill(pen, *codes)
    alike.compare(pen.database)
    assert alike.refused(seen) == refused


def test_tickets_of_different_events_are_kept_apart_too_and_one_of_both_is_no_clash(pen, seen):
    fill(pen, "TICKET01")
    pen.append([Listed(replace(ticket("TICKET01", "e-2"), id="other")), Listed(ticket("ABCDEFGH", "e-2"))], STATE)
    pen.settle()
    alike.compare(pen.database)
    assert alike.refused(seen) == {}
    fill(pen, "abcdefgh")
    alike.compare(pen.database)
    assert list(alike.refused(seen)) == ["upper"]


def test_what_stands_far_apart_in_a_long_list_is_found_whichever_comes_first(pen, seen, monkeypatch):
    monkeypatch.setattr(alike, "PORTION", 3)
    fill(pen, "ABCDEFGH", *(f"FILLER-{n:04}" for n in range(20)), "abcdefgh", "036000291452")
    pen.append([Listed(ticket("0036000291452"))], STATE)
    pen.settle()
    alike.compare(pen.database)
    assert alike.refused(seen) == {"upper": ("efgh", "EFGH"), "ean": ("1452", "1452")}


@pytest.mark.parametrize("gone", ["abcdefgh", "ABCDEFGH"])
def test_a_rule_comes_back_when_a_ticket_in_its_way_has_gone(pen, seen, gone):
    fill(pen, "abcdefgh", "ABCDEFGH")
    alike.compare(pen.database)
    pen.mark_gone([f"id of {gone}"], STATE)
    assert list(alike.refused(seen)) == ["upper"]
    alike.compare(pen.database)
    assert alike.refused(seen) == {}


def test_a_look_at_everything_holds_no_writer_up(pen, seen, tmp_path, monkeypatch):
    """It runs for seconds: whoever writes meanwhile must not wait for its end."""
    fill(pen, "abcdefgh", "ABCDEFGH")
    during = []

    def look(code, rules):
        with closing(Cache(tmp_path)) as other:
            other.database.execute("PRAGMA busy_timeout = 0")
            other.store_setting("meanwhile", len(during))
        during.append(code)
        return variants(code, rules)

    monkeypatch.setattr(alike, "variants", look)
    alike.compare(pen.database)
    assert len(during) >= 2
    assert list(alike.refused(seen)) == ["upper"]


CODES = st.lists(
    st.sampled_from(["abcdefgh", "ABCDEFGH", "]Q1ABCDEFGH", "]Q1abcdefgh", "\\000026abcdefgh", "\ufeffABCDEFGH",
                     "ijklmnop", "https://t.example/abcdefgh", "036000291452", "0036000291452", "]E0036000291452"]),
    unique=True,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CODES)
def test_under_the_rules_that_are_left_no_ticket_becomes_another(tmp_path_factory, codes):
    with closing(Cache(tmp_path_factory.mktemp("list"))) as pen:
        pen.store_state(STATE)
        fill(pen, *codes)
        alike.compare(pen.database)
        refused = alike.refused(pen.database)
    left = set(RULES) - set(refused)
    for code in codes:
        assert {variant.code for variant in variants(code, left)} & set(codes) == {code}
    for rule in refused:  # and none is refused for nothing: beside some of the others it does make two tickets alike
        beside = [left | {rule, *others} for n in range(len(refused)) for others in combinations(refused, n)]
        assert any({v.code for v in variants(code, rules)} & set(codes) - {code} for rules in beside for code in codes)


# --- what comes ------------------------------------------------------------------------------------------------------


def test_a_ticket_that_comes_and_would_become_another_is_noticed_at_once(pen, seen):
    pen.store([Listed(ticket("ABCDEFGH"))], STATE)
    assert alike.refused(seen) == {}
    pen.store([Listed(ticket("abcdefgh"))], STATE)
    assert alike.refused(seen) == {"upper": ("efgh", "EFGH")}
    pen.store_answer("]Q1ABCDEFGH", [Listed(ticket("]Q1ABCDEFGH"))], pen.list_of("e-1"), MOMENT)
    assert alike.refused(seen) == {"upper": ("efgh", "EFGH"), "aim": ("EFGH", "EFGH")}


def test_a_ticket_that_gets_a_new_code_is_not_compared_with_itself(pen, seen):
    newer = replace(ticket("ABCDEFGH"), id="one")
    pen.store([Listed(newer, AT)], STATE)
    pen.store_answer("abcdefgh", [Listed(replace(newer, barcode="abcdefgh"))], pen.list_of("e-1"), MOMENT)
    assert alike.refused(seen) == {}


def test_whether_everything_is_to_be_looked_at_is_told_by_what_has_changed_since(pen):
    def due() -> tuple[bool, bool]:
        return alike.is_due(pen.database, at_leisure=False), alike.is_due(pen.database, at_leisure=True)

    assert due() == (True, True)
    alike.compare(pen.database)
    assert due() == (False, False)
    pen.store([Listed(ticket("TICKET01"))], STATE)
    assert due() == (False, True)
    alike.compare(pen.database)
    assert due() == (False, False)
    pen.store([Listed(ticket("TICKET01"))], STATE)
    assert due() == (False, False)
    pen.store_state(replace(STATE, whole_at="2026-06-01T16:00:00.000Z"))
    assert due() == (True, True)
    alike.compare(pen.database)
    pen.purge([pen.list_of("e-1")])
    assert due() == (True, True)


def test_what_comes_while_everything_is_looked_at_is_looked_at_again(pen, seen, monkeypatch):
    fill(pen, "abcdefgh", "OTHER-01")

    def look(code, rules):
        if code == "OTHER-01" and "ABCDEFGH" not in codes:
            codes.append("ABCDEFGH")
            pen_of_another.store([Listed(ticket("ABCDEFGH"))], STATE)
        return variants(code, rules)

    codes: list[str] = []
    with closing(Cache(_directory(pen))) as pen_of_another:
        monkeypatch.setattr(alike, "variants", look)
        alike.compare(pen.database)
        assert alike.is_due(pen.database, at_leisure=True)
        alike.compare(pen.database)
    assert list(alike.refused(seen)) == ["upper"]


def _directory(pen):
    from pathlib import Path

    return Path(pen.database.execute("PRAGMA database_list").fetchone()[2]).parent


@pytest.mark.parametrize(
    "kept",
    [[], "upper", {"refused": "upper"}, {"refused": {"upper": "abcd"}}, {"refused": {"of tomorrow": ["a", "b"]}}],
)
def test_what_another_version_has_kept_refuses_nothing_and_is_made_anew(pen, seen, kept):
    pen.store_setting(alike.SETTING, kept)
    assert alike.refused(seen) == {}
    assert alike.is_due(seen, at_leisure=False)


def test_it_is_said_with_the_ends_of_the_codes_alone():
    said = "rule upper is not used: it makes two tickets alike (…1234, …5678)"
    assert alike.sentence("upper", ("1234", "5678")) == said
