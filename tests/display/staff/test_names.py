"""Names as they are compared, and finding them among many, whatever they are."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.display.staff.names import LONGEST_NAME, MOST_LOOKED_AT, Roll, fold, rank, words_of


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Öğünç", "ogunc"), ("İrem IŞIK", "irem isik"), ("Straße", "strasse"), ("Søren Ærø", "soren aero"),
        ("Łukasz Đorđević", "lukasz dordevic"), ("O'Brien", "obrien"), ("Jean-Luc", "jean luc"), ("Ｗｉｄｅ", "wide"),
        ("Nguyễn", "nguyen"), ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"), ("Юлия", "юлия"), ("\u202eevil\u202c", "evil"),
        ("a\n\0b", "a b"), ("ﬁn", "fin"), ("Þór", "thor"), ("", ""), ("'", ""), ("  A   b ", "a b"),
    ],
)  # fmt: skip
def test_case_marks_and_special_letters_make_no_difference(name, folded):
    assert fold(name) == folded


def test_a_name_of_ten_thousand_letters_is_cut():
    assert len(fold("\ufdfa" * 10_000)) <= LONGEST_NAME


@given(st.text(max_size=60))
def test_what_is_folded_stays_as_it_is_and_never_breaks_a_line(text):
    folded = fold(text)
    assert "\n" not in folded
    assert folded == folded.strip()
    assert fold(fold(folded)) == fold(folded)


@pytest.mark.parametrize(
    ("text", "enough"), [("og", False), ("ogu", True), ("a b", False), ("李明", True), ("!!!", False)]
)
def test_it_takes_three_letters_and_a_character_that_is_a_word_counts_twice(text, enough):
    assert bool(words_of(text)) is enough


def test_a_name_in_which_the_words_begin_a_word_comes_first():
    assert rank("anna berg", ["ann"]) < rank("johanna", ["ann"]) < rank("johannes", ["ann"])
    assert rank("anna", ["bob"]) is None


@pytest.fixture
def roll():
    """A roll of these names, and its table."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute("CREATE TABLE ticket (n INTEGER PRIMARY KEY, name TEXT)")

        def of(*names):
            database.executemany("INSERT INTO ticket (name) VALUES (?)", ((name,) for name in names))
            made = Roll("ticket")
            while made.read(database, 3):
                pass
            return made

        of.database = database
        yield of


def test_all_words_are_found_in_any_order_and_nothing_across_two_names(roll):
    made = roll("Ada Öğünç", None, "Eve Ada", "Ogun", "c Ada")
    assert made.find(["ogunc", "ada"], 10) == made.find(["ada", "ogunc"], 10) == [1]
    assert made.find(["ada"], 10) == [1, 3, 5]
    assert made.find(["ada"], 2) == [1, 3]
    assert made.find(["nobody"], 10) == []


def test_one_name_is_found_once_however_often_it_has_the_word(roll):
    assert roll("anna hanna johanna", "anna").find(["anna"], 10) == [1, 2]


def test_rows_that_come_later_are_read_from_where_it_ended(roll):
    made = roll("Ada")
    roll.database.execute("INSERT INTO ticket (name) VALUES ('Adam')")
    assert made.read(roll.database, 100) is False
    assert made.find(["ada"], 10) == [1, 2]


def test_two_words_that_everybody_has_but_nobody_both_cost_a_bounded_look(roll):
    made = roll(*["ann"] * (MOST_LOOKED_AT + 10), "ann bob", *["bob"] * (MOST_LOOKED_AT + 10))
    assert made.find(["ann", "bob"], 10) == []
