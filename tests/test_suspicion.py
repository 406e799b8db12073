"""A scanner whose layout is not the configured one is noticed by codes that nobody knows."""

from __future__ import annotations

import string
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kiosk.clock import now
from kiosk.decode import Frames
from kiosk.gate import Gate
from kiosk.keys import Keys
from kiosk.layouts import LAYOUTS
from kiosk.model import EventRules, Listed, Moment, Reading, Reason, Rules, Ticket
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState
from kiosk.suspicion import RUN, Suspicion, retyped
from tests.typist import ENTER, WAYS, alt, press, typed

OF_CODES = string.ascii_letters + string.digits + "-_/=.:+,;*&?!%$ "
"""What codes are made of, and more."""

AT = Moment(datetime(2026, 6, 1, tzinfo=UTC), 10**12, "boot")


def read(text: str, scanner: str, configured: str) -> Reading:
    """What the door reads when a scanner that is set to one layout types, and another is configured."""
    keys = Keys(Frames("left"), LAYOUTS[configured])
    (reading,) = (reading for event in typed(f"{text}\r", scanner) for reading in keys.feed(*event, AT))
    return reading


# --- from one layout to another --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scanner", "configured", "damaged"),
    [
        ("us", "fr", "VV)&é!\"'"),
        ("fr", "us", "VV6!@>#$"),
        ("us", "de", "VVß12-34"),
        ("de", "us", "VV/12&34"),
        ("be", "us", "VV=!@>#$"),
    ],
)
def test_a_damaged_code_is_what_was_meant_in_the_scanners_own_layout(scanner, configured, damaged):
    assert read("VV-12/34", scanner, configured).code == damaged
    assert retyped(damaged, configured, scanner) == "VV-12/34"


@pytest.mark.parametrize("scanner", sorted(LAYOUTS))
def test_whatever_codes_are_made_of_comes_back_from_any_layout_to_any_other(scanner):
    for configured in LAYOUTS.keys() - {scanner}:
        for sign in OF_CODES:
            reading = read(f"{sign}x", scanner, configured)
            if reading.flaw is None:
                assert retyped(reading.code, configured, scanner) == f"{sign}x", (configured, sign)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_in_its_own_layout_a_text_is_itself(layout):
    for sign in WAYS[layout]:
        if sign not in "\r\t":
            assert retyped(f"a{sign}b", layout, layout) == f"a{sign}b"


def test_alt_gr_and_dead_keys_are_keys_as_well():
    assert retyped("@|", "de", "fr") == "æ|"
    assert retyped("|", "fi", "de") == "|"  # by AltGr; with Shift, too, another key types it
    assert retyped("ê1", "de", "us") == "`e1"
    assert retyped("ê", "de", "fr") == "²e"
    assert retyped("`a", "us", "de") == "â"
    assert retyped("^", "de", "us") == "` "
    assert retyped("ü-", "de", "us") == "[/"


@pytest.mark.parametrize(
    ("text", "typed_as", "meant"),
    [
        ("日", "us", "de"),  # on no key
        ("a\x1db", "us", "de"),
        ("=", "us", "de"),  # a dead key, and nothing behind it
        ("==", "us", "de"),
        ("[1", "us", "fr"),  # an accent on a digit
        ("€", "de", "us"),  # AltGr, which there is not
    ],
)
def test_what_cannot_be_typed_or_types_nothing_whole_is_nothing(text, typed_as, meant):
    assert retyped(text, typed_as, meant) is None


# --- watching a lane -------------------------------------------------------------------------------------------------


class List:
    """Tickets, and how often somebody asked for one."""

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes, self.asked = set(codes), 0

    def has(self, code: str) -> bool:
        self.asked += 1
        return code in self._codes


TICKETS = [f"VV-{number}/yz" for number in range(20)]


class Watched:
    """A suspicion about one lane, and a list behind it."""

    def __init__(self, configured: str = "us", codes: Iterable[str] = TICKETS) -> None:
        self.configured, self.list = configured, List(codes)
        self.suspicion = Suspicion({"left": configured, "right": configured})

    def scan(self, code: str, scanner: str, reason: Reason = Reason.UNKNOWN) -> str | None:
        return self.hear(read(code, scanner, self.configured), reason)

    def hear(self, reading: Reading, reason: Reason = Reason.UNKNOWN) -> str | None:
        self.suspicion.note(reading, reason, self.list.has)
        return self.suspicion.hint("left")


@pytest.mark.parametrize("scanner", ["gb", "de", "fr", "it", "be", "es", "no"])
def test_three_unknown_codes_in_a_row_that_another_layout_knows_raise_it(scanner):
    codes = [f'{code}"' for code in TICKETS]
    watched = Watched("us", codes)
    hints = [watched.scan(code, scanner) for code in codes[:RUN]]
    assert hints[: RUN - 1] == [None] * (RUN - 1)
    assert f'"{scanner}"' in hints[-1]


def test_the_hint_says_what_to_do():
    watched = Watched("us")
    hints = [watched.scan(code, "be") for code in TICKETS[:RUN]]
    assert hints[-1] == (
        'scanner layout? These codes are known when read as "be": set layout = "be" for scanner left'
    )  # fmt: skip


def test_layouts_that_fit_equally_well_are_all_named_and_calibration_is_advised():
    watched = Watched("us", TICKETS)
    hint = [watched.scan(code, "de") for code in TICKETS[:RUN]][-1]
    assert hint == (
        'scanner layout? These codes are known when read as "de" or "ch-de" or "ch-fr": '.replace('"de" or', '"de",')
        + "let `kiosk calibrate` find which it is for scanner left"
    )


def test_each_code_leaves_fewer_layouts():
    watched = Watched("us", ["VV/1", "VV/2", "VV-yz/3!"])
    for code in ("VV/1", "VV/2"):
        watched.scan(code, "ch-de")
    assert '"ch-de" or "ch-fr"' in watched.scan("VV-yz/3!", "ch-de")


def test_a_code_that_fits_more_layouts_brings_none_back():
    watched = Watched("us", ["VV-yz/3!", "VV/1", "VV/2"])
    watched.scan("VV-yz/3!", "ch-de")
    watched.scan("VV/1", "ch-de")
    hint = watched.scan("VV/2", "ch-de")
    assert '"ch-de" or "ch-fr"' in hint
    assert '"de"' not in hint


@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.UNKNOWN_STALE])
def test_a_known_code_takes_the_hint_away_and_another_unknown_one_does_not(reason):
    watched = Watched("us")
    for code in TICKETS[:RUN]:
        watched.scan(code, "fr", reason)
    assert watched.suspicion.hint("left")
    assert watched.scan("NOBODY", "us")
    assert watched.hear(Reading("left", "half", b"half", AT, "keys were lost"), Reason.UNREADABLE)
    assert watched.scan(TICKETS[5], "us", Reason.ALREADY_IN) is None
    assert watched.scan(TICKETS[6], "fr") is None


@pytest.mark.parametrize("between", ["NOBODY-1", "nobody/2"])
def test_an_unknown_code_that_no_layout_knows_breaks_the_run(between):
    watched = Watched("us")
    for code in (*TICKETS[: RUN - 1], between, *TICKETS[: RUN - 1]):
        assert watched.scan(code, "fr") is None
    assert watched.scan(TICKETS[RUN], "fr")


def test_a_known_code_breaks_the_run():
    watched = Watched("us")
    for code in TICKETS[: RUN - 1]:
        watched.scan(code, "fr")
    watched.scan(TICKETS[9], "us", Reason.OK)
    for code in TICKETS[: RUN - 1]:
        assert watched.scan(code, "fr") is None


def test_a_known_code_that_is_the_same_in_both_layouts_says_nothing():
    """With a German scanner every code without Y, Z and signs is known, whatever is configured."""
    watched = Watched("us")
    for code in TICKETS[:RUN]:
        assert watched.scan("VV4711", "de", Reason.OK) is None
        hint = watched.scan(code, "de")
    assert hint
    assert watched.scan("VV4711", "de", Reason.OK) == hint
    assert watched.scan("NOBODY", "us") == hint
    assert watched.scan("VV4711", "de", Reason.OK) == hint
    assert watched.scan("VV-7", "us", Reason.OK) is None


def test_a_known_code_clears_only_those_layouts_in_which_it_would_be_another():
    watched = Watched("us")
    for code in TICKETS[:RUN]:
        hint = watched.scan(code, "ch-de")
    assert '"de", "ch-de" or "ch-fr"' in hint
    assert 'read as "de": set layout = "de"' in watched.scan("VV!", "us", Reason.OK)


def test_codes_that_different_layouts_know_are_no_run():
    watched = Watched("us", ["VV-1", "VV-2", "VV-3", "VV-4"])
    assert [watched.scan(f"VV-{n}", scanner) for n, scanner in enumerate(("fr", "be", "fr", "be"), 1)] == [None] * 4


def test_codes_of_another_lane_do_not_count():
    watched = Watched("us")
    for code in TICKETS[: RUN - 1]:
        watched.scan(code, "fr")
    reading = read(TICKETS[4], "fr", "us")
    elsewhere = Reading("right", reading.code, reading.raw, AT)
    assert watched.hear(elsewhere) is None
    assert watched.suspicion.hint("right") is None


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.UNKNOWN, Reason.UNKNOWN_STALE}))
def test_only_an_unknown_code_is_looked_at(reason):
    watched = Watched("us")
    for code in TICKETS[: RUN + 1]:
        assert watched.scan(code, "fr", reason) is None
    assert watched.list.asked == 0


def test_a_lane_that_is_no_keyboard_is_never_looked_at():
    watched = Watched("us")
    for code in TICKETS[: RUN + 1]:
        reading = read(code, "fr", "us")
        watched.hear(Reading("port", reading.code, reading.raw, AT))
    assert watched.suspicion.hint("port") is None
    assert watched.list.asked == 0


def test_a_code_that_is_unreadable_is_never_looked_at():
    watched = Watched("us")
    for code in TICKETS[: RUN + 1]:
        reading = read(code, "fr", "us")
        watched.hear(Reading("left", reading.code, reading.raw, AT, "keys were lost"))
    assert watched.list.asked == 0


def test_a_code_by_number_is_never_looked_at():
    """A ticket may be printed with what another layout's keys would type."""
    watched = Watched("us")
    for code in TICKETS[: RUN + 1]:
        damaged = read(code, "fr", "us").code
        keys = Keys(Frames("left"), LAYOUTS["us"])
        (reading,) = (r for event in [*alt(damaged), *press(ENTER)] for r in keys.feed(*event, AT))
        assert (reading.code, reading.flaw) == (damaged, None)
        assert watched.hear(reading) is None
    assert watched.list.asked == 0


def test_only_what_was_spelt_by_number_is_marked_so():
    keys = Keys(Frames("left", terminated=False), LAYOUTS["us"])
    late = replace(AT, boottime_ns=AT.boottime_ns + 10**9)
    events = [*alt("ab"), *press(ENTER), *typed("cd\r"), *typed("e"), *alt("f"), *press(ENTER), *typed("gh")]
    readings = [*keys.play(events, AT), *keys.silence(late), *keys.play(alt("ij"), late)]
    readings += keys.silence(replace(AT, boottime_ns=AT.boottime_ns + 2 * 10**9))
    marked = [("ab", True), ("cd", False), ("ef", True), ("gh", False), ("ij", True)]
    assert [(reading.code, reading.by_number) for reading in readings] == marked


@pytest.mark.parametrize("configured", sorted(LAYOUTS))
def test_the_list_is_asked_twelve_times_at_most_and_not_for_what_is_known_to_be_unknown(configured):
    watched = Watched(configured)
    for code in ("VV-12/yz", "abc", "VV 12", "AZERTY-qwerty_#|"):
        before = watched.list.asked
        watched.hear(Reading("left", code, code.encode(), AT))
        assert watched.list.asked - before <= 12
    asked = watched.list.asked
    watched.hear(Reading("left", "4711", b"4711", AT))
    if configured not in {"fr", "be"}:  # digits are digits everywhere else
        assert watched.list.asked - asked == 1  # and in those two they are the same signs


# --- at a door -------------------------------------------------------------------------------------------------------

EVENT_ID = "62a1c0ffee0000000000e001"


SHORT = [f"abc-{sign}" for sign in "def"]
MSC = 4


def fill(directory):
    with closing(Cache(directory)) as cache:
        tickets = [Listed(Ticket(f"t-{code}", code, EVENT_ID, "type-1")) for code in (*TICKETS, *SHORT)]
        cache.store(tickets, ListState(EVENT_ID, "cloud", complete=True, checked=now()))


def test_the_gate_asks_its_own_list_and_decides_as_ever(tmp_path):
    fill(tmp_path)
    with closing(Journal(tmp_path, "north")) as journal, closing(TicketList(tmp_path)) as tickets:
        gate = Gate(journal, tickets, lambda: Rules({EVENT_ID: EventRules()}), hold_off_s=3.0)
        gate.suspicion = Suspicion({"left": "us"})
        for code in TICKETS[:RUN]:
            assert gate.suspicion.hint("left") is None
            answer = gate.take(replace(read(code, "be", "us"), moment=now()))
            assert answer.scan.verdict.reason is Reason.UNKNOWN
        assert '"be"' in gate.suspicion.hint("left")
        assert gate.take(replace(read(TICKETS[9], "us", "us"), moment=now())).scan.verdict.reason is Reason.OK
        assert gate.suspicion.hint("left") is None


def test_a_code_that_is_shown_again_counts_once(tmp_path):
    fill(tmp_path)
    with closing(Journal(tmp_path, "north")) as journal, closing(TicketList(tmp_path)) as tickets:
        gate = Gate(journal, tickets, lambda: Rules({EVENT_ID: EventRules()}), hold_off_s=60.0)
        gate.suspicion = Suspicion({"left": "us"})
        for _ in range(RUN + 1):
            gate.take(replace(read(TICKETS[0], "be", "us"), moment=now()))
        assert gate.suspicion.hint("left") is None


@contextmanager
def typing(kiosk, text: str, scanner: str):
    """A gate, running, on a machine with a keyboard scanner that types."""
    from tests.scanners.test_hid import Machine

    machine = Machine(kiosk.directory)
    machine.plug_in()
    machine.will_type([event for event in typed(text, scanner) if event[0] != MSC])  # umockdev holds 170 events
    with (kiosk.directory / "gate.log").open("a", encoding="utf-8") as log:
        program = [sys.executable, "-m", "kiosk", "gate", "--config", str(kiosk.file), "--allow-volatile"]
        arguments = ["umockdev-run", *machine._arguments, "--", *program]
        running = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True)
    try:
        yield
    finally:
        running.terminate()
        running.wait(10)


@pytest.mark.needs("umockdev-run")
def test_the_alarm_is_raised_at_a_door_and_every_code_keeps_its_verdict(kiosk, cloud, eventually):
    pytest.importorskip("evdev")
    from tests.scanners.test_hid import DEVICE

    scanner = f'[[scanner]]\nname = "left"\nkind = "hid"\ndevice = "{DEVICE}"\nidle_ms = 5000\n'
    kiosk.configure(cloud.url, gate=f'events = ["{EVENT_ID}"]\nsettings_from_cloud = false', scanner=scanner)
    kiosk.data_dir.mkdir()
    fill(kiosk.data_dir)
    with typing(kiosk, "".join(f"{code}\r" for code in SHORT), "be"):
        eventually("all are recorded", lambda: len(kiosk.scans()) == RUN)
        hint = eventually("the alarm", lambda: kiosk.scanners()[0]["hint"])
        assert '"be"' in hint
        assert hint in kiosk.call("status").stdout
        assert {scan["reason"] for scan in kiosk.scans()} == {"unknown"}
        assert [scan["barcode"] for scan in kiosk.scans()] == [read(code, "be", "us").code for code in SHORT]
        assert [one["hint"] for one in kiosk.scanners() if one["kind"] != "hid"] == [None]
