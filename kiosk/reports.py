"""Where a bar code scanner in HID-POS mode keeps a code in its reports, by its report descriptor. Pure.

The fields are those of the HID Point of Sale Usage Tables 1.02, wherever the descriptor puts them. Where it names the
page of bar code scanners and none of these fields, the shape is used that most makers agree on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kiosk import descriptor as hid
from kiosk.descriptor import Field, Usage

BAR_CODE_SCANNER = 0x8C
BYTE_COUNT = (0x01, 0x3B)
SYMBOLOGY = ((BAR_CODE_SCANNER, 0xFB), (BAR_CODE_SCANNER, 0xFC), (BAR_CODE_SCANNER, 0xFD))
DECODED_DATA = (BAR_CODE_SCANNER, 0xFE)
DATA_CONTINUED = (BAR_CODE_SCANNER, 0xFF)


@dataclass(frozen=True, slots=True)
class Layout:
    """The input report that carries scanned data. `features` are the ids of the device's feature reports."""

    report_id: int | None
    data: Field
    length: Field | None = None
    identifier: tuple[Field, ...] = ()
    continued: Field | None = None
    features: frozenset[int] = frozenset()

    @property
    def bits(self) -> int:
        """How long the report is at least."""
        fields = (self.data, self.length, self.continued, *self.identifier)
        return max(field.end for field in fields if field is not None)


COMMON = Layout(
    report_id=2,
    length=Field(8, 8, highest=56),
    identifier=(Field(16, 8), Field(24, 8), Field(32, 8)),
    data=Field(40, 8, 56),
    continued=Field(504, 1),
)
"""64 bytes, as Honeywell, Access-IS and others send them (Access-IS LSR118 manual, appendix B)."""


def is_scanner(descriptor: bytes) -> bool:
    """Tell whether a report descriptor is that of a bar code scanner in HID-POS mode."""
    return layout(descriptor) is not None


def layout(descriptor: bytes) -> Layout | None:
    """Return where the scanner with this report descriptor keeps a code; None when it describes no scanner."""
    usages = (BYTE_COUNT, *SYMBOLOGY, DECODED_DATA, DATA_CONTINUED)
    described = hid.read(descriptor, BAR_CODE_SCANNER, usages)
    if described is None or not described.found:
        return None
    for report_id, fields in sorted(described.fields.items()):
        data = fields.get(DECODED_DATA)
        if data is not None and data.size % 8 == 0:
            return _joined(report_id or None, data, fields, described.features)
    return replace(COMMON, features=described.features)


def _joined(report_id: int | None, data: Field, fields: Mapping[Usage, Field], features: frozenset[int]) -> Layout:
    length, continued = fields.get(BYTE_COUNT), fields.get(DATA_CONTINUED)
    return Layout(report_id, data, length, _identifier(fields), continued, features)


def _identifier(fields: Mapping[Usage, Field]) -> tuple[Field, ...]:
    """Return the three bytes of an AIM identifier, be they three usages or one usage three times."""
    named = [fields[usage] for usage in SYMBOLOGY if usage in fields and fields[usage].size == 8]
    places = [field.offset + 8 * number for field in named for number in range(min(field.count, len(SYMBOLOGY)))]
    return tuple(Field(offset, 8) for offset in places[: len(SYMBOLOGY)])
