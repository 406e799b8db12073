import re
from collections import Counter
from itertools import islice

import pytest

from kiosk.sandbox import generate_tickets


def test_the_same_seed_gives_the_same_tickets_and_another_one_others():
    first, again, other = (list(generate_tickets(200, "e1", seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert not {each["_id"] for each in first} & {each["_id"] for each in other}
    assert not {each["barcode"] for each in first} & {each["barcode"] for each in other}


def test_a_longer_list_begins_like_a_shorter_one():
    assert list(islice(generate_tickets(1_000_000, "e1"), 50)) == list(generate_tickets(50, "e1"))


def test_ids_and_barcodes_are_well_formed_and_unique():
    tickets = list(generate_tickets(20_000, "e1"))
    for field, pattern in (("_id", r"[0-9a-f]{24}"), ("barcode", r"[0-9A-Z]{12}")):
        values = {each[field] for each in tickets}
        assert len(values) == 20_000
        assert all(re.fullmatch(pattern, value) for value in values)


def test_most_tickets_are_valid_and_some_are_not():
    counts = Counter(each.get("status") for each in generate_tickets(5_000, "e1"))
    assert counts.keys() == {"VALID", "INVALID", "DETAILSREQUIRED", None}
    assert counts["VALID"] > 4_400
    assert min(counts.values()) > 50


def test_every_type_has_one_id_and_only_seats_have_rows():
    tickets = list(generate_tickets(3_000, "e1"))
    types = {(each["ticketName"], each["ticketTypeId"]) for each in tickets}
    assert len(types) == len(dict(types)) == 6
    assert {("row" in each, "seat" in each) for each in tickets} == {(True, True), (False, False)}
    assert all(each["eventId"] == "e1" and each["name"] and each["area"] for each in tickets)


@pytest.mark.parametrize("count", [-1, 1_000_001])
def test_more_than_a_million_cannot_be_made(count):
    with pytest.raises(ValueError, match="1000000"):
        next(generate_tickets(count, "e1"))


def test_nobody_is_a_list_too():
    assert list(generate_tickets(0, "e1")) == []
