"""Invents guests with their tickets; the same count, event and seed always give the same list."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from kiosk.sandbox.messages import Document
from kiosk.sandbox.tickets import SELLER, derived_id

MAX_TICKETS = 1_000_000


def _words(text: str) -> list[str]:
    return [word.replace("_", " ") for word in text.split()]


_GIVEN = _words(
    "Amina Bastian Chiara Daan Elif Fiete Greta Håkon Ines Jarosław Kaja Léonie Malik Noor Oisín Paula Quirin Rosalie "
    "Søren Tamás Ulla Vivek Wiebke Xenia Yara Zoë Bích-Ngọc Şebnem Ümit Þóra Øyvind Anne-Sophie 美咲 Νεφέλη Радка"
)
_FAMILY = _words(
    "Ackerfeld Birkhain Cordonnel Dämmerich Eschenrode Fjellmark Grünwasser Hollerbeck Isenbrandt Jordaanse Kestrelby "
    "Lindqvarn Marrowby Nightinghall O'Fenwick Perezalba Quillfeather Rosendahlin Świerkowicz Tannwald Ulmengrund "
    "Vesterholt Wintermoor Yellowreed Zandbergen Ó_Dúnlaing van_Duinkerk-Holm al-Nahrawi"
)

_STATUSES = ("VALID", None, "INVALID", "DETAILSREQUIRED")
_STATUS_WEIGHTS = (92, 3, 3, 2)

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # base 32 without the letters that are read as digits
_BARCODE_LENGTH = 12
_BARCODES = len(_DIGITS) ** _BARCODE_LENGTH


@dataclass(frozen=True, slots=True)
class Kind:
    """Describe one type of ticket; rows are 0 where nobody has a seat."""

    name: str
    category: str
    area: str
    rows: int = 0
    weight: int = 1


_KINDS = (
    Kind("Standing", "Full price", "Floor", weight=50),
    Kind("Standing reduced", "Reduced", "Floor", weight=15),
    Kind("Stalls", "Full price", "Stalls", rows=30, weight=15),
    Kind("Balcony", "Full price", "Balcony", rows=12, weight=12),
    Kind("VIP", "VIP", "Lounge", rows=4, weight=5),
    Kind("Guest list", "Free", "Floor", weight=3),
)
_WEIGHTS = tuple(kind.weight for kind in _KINDS)
_SEATS = 40


def generate_tickets(count: int, event_id: str, seed: int = 1) -> Iterator[Document]:
    """Yield this many tickets, up to a million, each with an `_id` and a barcode that no other one has."""
    if not 0 <= count <= MAX_TICKETS:
        raise ValueError(f"between 0 and {MAX_TICKETS} tickets can be made, not {count}")
    dice = random.Random(f"{event_id}/{seed}")
    prefix, offset = dice.getrandbits(72), dice.randrange(_BARCODES)
    # An odd step visits every one of 2^60 barcodes before it repeats one.
    step = dice.randrange(_BARCODES) | 1
    for number in range(count):
        identity = {"_id": f"{prefix:018x}{number:06x}", "barcode": _barcode((offset + number * step) % _BARCODES)}
        yield identity | _details(dice, event_id)


def _barcode(number: int) -> str:
    return "".join(_DIGITS[number >> shift & 31] for shift in range(5 * (_BARCODE_LENGTH - 1), -1, -5))


def _details(dice: random.Random, event_id: str) -> Document:
    kind = dice.choices(_KINDS, _WEIGHTS)[0]
    status = dice.choices(_STATUSES, _STATUS_WEIGHTS)[0]
    category_id = derived_id(event_id, "category", kind.category)
    ticket: Document = {
        "eventId": event_id,
        "sellerId": SELLER,
        "ticketTypeId": derived_id(event_id, kind.name),
        "ticketName": kind.name,
        "name": f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}",
        "priceCategoryId": category_id,
        "priceCategory": {"categoryId": category_id, "description": kind.category},
        "area": kind.area,
    }
    if status:
        ticket["status"] = status
    if kind.rows:
        ticket["row"], ticket["seat"] = str(dice.randint(1, kind.rows)), str(dice.randint(1, _SEATS))
    return ticket
