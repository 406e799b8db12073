"""What a code may be apart from what the scanner sent: each rule, what they make together, and that none raises."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.model import is_barcode
from kiosk.variants import RULES, WRAPPINGS, Variant, barest, variants

BOM = "\ufeff"
MOST = 16

BECOMES = [
    ("bom", f"{BOM}TICKET01", "TICKET01"),
    ("bom", f"{BOM}{BOM}TICKET01", "TICKET01"),
    ("bom", f"]Q1{BOM}TICKET01", "]Q1TICKET01"),
    ("bom", f"]Q1\\000026{BOM}TICKET01", "]Q1\\000026TICKET01"),
    ("bom", f"TICKET{BOM}01", None),
    ("bom", "TICKET01", None),
    ("aim", "]Q1TICKET01", "TICKET01"),
    ("aim", "]C0TICKET01", "TICKET01"),
    ("aim", "]zCTICKET01", "TICKET01"),
    ("aim", "]E00036000291452", "0036000291452"),
    ("aim", "]Q1a\\\\b", "a\\\\b"),
    ("aim", "]Q2a\\\\b", "a\\b"),
    ("aim", "]d4a\\\\b", "a\\b"),
    ("aim", "]d1a\\\\b", "a\\\\b"),
    ("aim", "]1QTICKET01", None),
    ("aim", "]Q-TICKET01", None),
    ("aim", "]ÄäTICKET01", None),
    ("aim", " ]Q1TICKET01", None),
    ("aim", "TICKET01", None),
    ("eci", "\\000026TICKET01", "TICKET01"),
    ("eci", "\\000003TICKET01", "TICKET01"),
    ("eci", "\\000020\\000026TICKET01", "TICKET01"),
    ("eci", "\\00026TICKET01", None),
    ("eci", "\\٠٠٠٠٢٦TICKET01", None),
    ("eci", "TICKET01\\000026", None),
    ("url", "https://tickets.example/t/TICKET01", "TICKET01"),
    ("url", "HTTP://TICKETS.EXAMPLE/TICKET01/", "TICKET01"),
    ("url", "https://tickets.example/t/TICKET%2D01?utm=x#top", "TICKET-01"),
    ("url", "https://tickets.example/?code=TICKET%2D01", "TICKET-01"),
    ("url", "https://tickets.example?code=a=b", "a=b"),
    ("url", "https://tickets.example/?code=TICKET01&x=1", ""),
    ("url", "https://tickets.example/?TICKET01", ""),
    ("url", "https://tickets.example/", ""),
    ("url", "https:///TICKET01", None),
    ("url", "https://[::1/TICKET01", None),
    ("url", "https://tickets.example/%FF%FE", None),
    ("url", "httpsTICKET01", None),
    ("url", "httpx://tickets.example/TICKET01", None),
    ("url", "ftp://tickets.example/TICKET01", None),
    ("ean", "036000291452", "0036000291452"),
    ("ean", "0036000291452", "036000291452"),
    ("ean", "4006381333931", None),
    ("ean", "036000291453", None),
    ("ean", "0036000291453", None),
    ("ean", "36000291452", None),
    ("ean", "03600029145٢", None),
    ("upper", "ticket-01ä", "TICKET-01Ä"),
    ("upper", "straße01", None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "code", "expected"), BECOMES, ids=[f"{rule}-{code!a}" for rule, code, _ in BECOMES])
def test_a_rule_makes_of_a_code_what_the_standard_says_or_does_not_apply(rule, code, expected):
    assert RULES[rule](code) == expected


TOGETHER = [
    ("TICKET01", []),
    ("]Q1\\000026TICKET01", [("\\000026TICKET01", "aim"), ("TICKET01", "aim+eci")]),
    ("]Q2\\000026a\\\\b", [
        ("\\000026a\\b", "aim"), ("]Q2\\000026A\\\\B", "upper"), ("a\\b", "aim+eci"), ("\\000026A\\B", "aim+upper"),
        ("A\\B", "aim+eci+upper"),
    ]),
    ("]E0036000291452", [("036000291452", "aim"), ("0036000291452", "aim+ean")]),
    (f"{BOM}https://t.example/T%31", [
        ("https://t.example/T%31", "bom"), (f"{BOM}HTTPS://T.EXAMPLE/T%31", "upper"), ("T1", "bom+url"),
        ("HTTPS://T.EXAMPLE/T%31", "bom+upper"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "others"), TOGETHER, ids=[ascii(code) for code, _ in TOGETHER])
def test_rules_are_taken_or_left_in_their_order_and_what_changes_least_comes_first(code, others):
    assert [(made, "+".join(rules)) for made, rules in variants(code)] == [(code, ""), *others]


def test_only_the_rules_that_are_named_are_tried_whatever_their_order():
    code = "]Q1\\000026ticket01"
    assert variants(code, ()) == (Variant(code),)
    assert [made.code for made in variants(code, ["eci", "aim"])] == [code, "\\000026ticket01", "ticket01"]
    assert variants(code, ["eci"]) == (Variant(code),)


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ("]Q1TICKET01", "TICKET01"),
        (f"]Q1\\000026{BOM}https://t.example/a/ticket-01", "ticket-01"),
        ("ticket01", "ticket01"),
        ("]E00036000291452", "0036000291452"),
        ("036000291452", "036000291452"),
        ("]Q1TICKET", "]Q1TICKET"),  # seven characters are no code of the cloud's
        ("https://t.example/a/b", "https://t.example/a/b"),
        ("\\000026a/b", "\\000026a/b"),
    ],
)
def test_the_barest_code_is_what_a_ticket_of_the_cloud_may_have(code, bare):
    assert barest(code) == bare


def test_the_barest_code_goes_by_the_rules_that_are_used():
    assert barest("]Q1\\000026TICKET01", ["aim"]) == "]Q1\\000026TICKET01"
    assert barest("]Q1TICKET01", ["eci", "upper"]) == "]Q1TICKET01"


PIECES = st.sampled_from([
    BOM, "]Q1", "]Q2", "]d4", "]E0", "\\000026", "\\000003", "\\\\", "https://", "HTTP://t.example/", "?code=", "%41",
    "%", "%FF", "/", "&", "036000291452", "0036000291452", "ticket01", "TICKET01", "ß", "ŉ", "\0", "\ud800", "[",
    "::1", "@",
])  # fmt: skip
WORST = f"]Q1\\000026{BOM}http://t.example/036000291452a"
CODES = st.text() | st.lists(PIECES, max_size=12).map("".join)


@given(CODES)
@example("x" * 5_000)
@example("https://t.example/" + "%41" * 2_000)
@example(WORST)
def test_whatever_the_code_its_variants_are_few_whole_and_no_longer_and_itself_the_first(code):
    made = variants(code)
    assert made[0] == Variant(code)
    assert len(made) <= MOST
    assert len({variant.code for variant in made}) == len(made)
    assert [len(variant.rules) for variant in made] == sorted(len(variant.rules) for variant in made)
    assert all(variant.code and len(variant.code) <= len(code) + 1 for variant in made[1:])


@given(CODES)
def test_the_rules_that_a_variant_names_make_it_of_the_code(code):
    for made, rules in variants(code):
        step = code
        for rule in rules:
            step = RULES[rule](step)
        assert (made, list(rules)) == (step, [rule for rule in RULES if rule in rules])


@given(CODES)
def test_what_a_rule_has_taken_off_or_raised_it_leaves_alone(code):
    for name in ("bom", "eci", "upper"):
        once = RULES[name](code)
        if once:
            assert RULES[name](once) in {None, once}


@given(CODES)
def test_a_upc_and_its_ean_lead_to_each_other(code):
    other = RULES["ean"](code)
    assert other is None or RULES["ean"](other) == code


@given(CODES)
def test_the_barest_code_is_one_of_the_variants_and_none_if_it_is_no_barcode(code):
    bare = barest(code)
    assert bare in {variant.code for variant in variants(code, WRAPPINGS)}
    assert bare == code or is_barcode(bare)
