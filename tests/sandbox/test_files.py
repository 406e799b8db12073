import json
from textwrap import dedent

import pytest

from kiosk.sandbox import generate_tickets, read_tickets


@pytest.fixture
def read(tmp_path):
    """Write a text to a file and read the tickets in it."""

    def read(text):
        path = tmp_path / "list"
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return list(read_tickets(path, "e1"))

    return read


EXPECTED = [
    {"barcode": "BARCODE00001", "eventId": "e1", "name": "Zoë", "entry": ["north"]},
    {"barcode": "BARCODE00002", "eventId": "e2"},
]


def test_a_json_array_is_read(read):
    text = """
        [
            {"barcode": "BARCODE00001", "name": "Zoë", "entry": ["north"]},
            {"barcode": "BARCODE00002", "eventId": "e2", "name": null}
        ]
        """
    assert read(text) == EXPECTED
    assert read("[]") == read(" [ ] ") == []


def test_json_lines_are_read(read):
    text = """\
        {"barcode": "BARCODE00001", "name": "Zoë", "entry": ["north"]}

        {"barcode": "BARCODE00002", "eventId": "e2"}
        """
    assert read(text) == EXPECTED


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_table_is_read(read, separator):
    lines = ["barcode|eventId|name|entry", 'BARCODE00001||Zoë|"[""north""]"', "", "BARCODE00002|e2||"]
    assert read("\r\n".join(lines).replace("|", separator)) == EXPECTED


def test_a_cell_may_hold_separators_quotes_and_line_ends(read):
    (ticket,) = read('name,barcode\n"O\'Fenwick, ""Kaja""\njunior",BARCODE00001\n')
    assert ticket["name"] == 'O\'Fenwick, "Kaja"\njunior'


def test_the_mark_that_spreadsheets_put_in_front_is_no_part_of_a_name(read):
    assert read(b"\xef\xbb\xbfbarcode\nBARCODE00001\n")[0]["barcode"] == "BARCODE00001"


def test_a_long_list_survives_the_way_through_a_file(read):
    tickets = list(generate_tickets(500, "e1"))
    assert read(json.dumps(tickets, indent=1)) == tickets
    assert read("\n".join(map(json.dumps, tickets))) == tickets


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the file is empty"),
        (" \n ", "line 1: the file is empty"),
        ('[{"barcode": "BARCODE00001"},\n{"name": "x"}]', "line 2: barcode is required"),
        ('[{"barcode": "BARCODE00001"},\n\n7]', "line 3: not an object"),
        ('[\n{"barcode": "BARCODE00001"}\n{"barcode": "BARCODE00002"}]', "line 3: a comma or the end"),
        ('[{"barcode": "BARCODE00001"},\n{"barcode": }]', "line 2: Expecting value"),
        ('[{"barcode": "BARCODE00001"}', "line 1: a comma or the end"),
        ('[{"barcode": "BARCODE00001"}]\n]', "line 1: ']' after the end"),
        ("[", "line 1: Expecting value"),
        ("\n[7]", "line 2: not an object"),
        ('{"barcode": "BARCODE00001"}\n{"barcode": "SHORT"}', "line 2: barcode must have at least 8"),
        ('{"barcode": "BARCODE00001"}\n{"barcode": 12345678}', "line 2: barcode must be a string"),
        ('{"barcode": "BARCODE00001"}\n\n{"barcode": "BARC', "line 3: Unterminated"),
        ('{"barcode": "BARCODE00001", "name": 7}', "line 1: name must be a string"),
        ("barcode,name\nBARCODE00001,Kaja\nBARCODE00002\n", "line 3: 1 cells under 2 headings"),
        ("barcode,name\nBARCODE00001,Kaja,x\n", "line 2: 3 cells under 2 headings"),
        ("barcode,entry\nBARCODE00001,north\n", "line 2: Expecting value"),
        ("name\nKaja\n", "line 2: barcode is required"),
        ('barcode\n"BARCODE00001\n', "line 2: unexpected end of data"),
        (b"barcode\n\xff\xfe\xff\xff\n", "not text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(read, tmp_path, text, says):
    with pytest.raises(ValueError, match="list") as caught:
        read(text)
    assert str(caught.value).startswith(str(tmp_path))
    assert says in str(caught.value)
