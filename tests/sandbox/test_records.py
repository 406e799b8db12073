import sqlite3
import threading
from datetime import UTC, datetime

import pytest

from kiosk.sandbox import generate_tickets
from kiosk.sandbox.records import Records


@pytest.fixture
def records():
    records = Records(None, lambda: datetime(2030, 1, 23, 23, 0, 0, 123_999, tzinfo=UTC))
    yield records
    records.close()


def test_times_are_written_with_milliseconds_and_z(records):
    records.tickets.add([{"_id": "t", "eventId": "e"}])
    assert records.tickets.page("e", top=1)[0]["createdAt"] == "2030-01-23T23:00:00.123Z"


def test_scans_are_stored_all_or_none(records, scan):
    with pytest.raises(sqlite3.Error):
        records.scans.add([scan(), scan() | {"barcode": None}])
    assert records.scans.everything() == []
    records.scans.add([scan()])
    assert len(records.scans.everything()) == 1


def test_deep_pages_are_as_complete_as_early_ones(records):
    records.tickets.add(generate_tickets(12_345, "e"))
    every = [each["_id"] for each in generate_tickets(12_345, "e")]
    assert records.tickets.total("e") == 12_345
    for skip in (0, 4_999, 5_000, 12_000, 12_344, 12_345):
        assert [each["_id"] for each in records.tickets.page("e", 100, skip)] == every[skip : skip + 100]


def test_many_threads_may_write_and_read_at_once(records, scan):
    def work(number):
        for _ in range(20):
            records.scans.add([scan(deviceId=f"gate-{number}")])
            records.tickets.add([{"_id": f"t{number}", "eventId": "e"}])
            records.scans.page({"eventId": "nowhere"}, 10)
            assert records.tickets.total("e") >= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.counts() == {"scans": 120, "duplicates": 114, "tickets": 6, "events": 0}
