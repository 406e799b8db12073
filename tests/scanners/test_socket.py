"""Manual entry over a real Unix socket: whatever a client does, the others are heard and nobody is kept waiting."""

import gc
import json
import os
import select
import socket
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.decode import NOT_TEXT, TOO_LONG
from kiosk.errors import GateNotRunning, ScannerLost
from kiosk.model import Annulment, Answer, Direction, Moment, Reason, Result, Scan, Verdict
from kiosk.scanners import socket as desk
from kiosk.scanners.socket import MAX_CLIENTS, MAX_LINE, SocketScanner, ask

PATIENCE_S = 10.0
AT = Moment(datetime(2026, 6, 1, 19, 30, tzinfo=UTC), 10**12, "boot-1")
SCAN = Scan(
    7, "id-7", AT.at, "gate-1", AT, "manual", "TKT1", Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
)
ANSWER = Answer(SCAN, "This code is not on the list")
TOLD = {"seq": 7, "message": "This code is not on the list", "repeated": False}


@pytest.fixture
def path(tmp_path):
    return tmp_path / desk.FILE


@pytest.fixture
def scanner(path):
    with closing(SocketScanner(path, "manual")) as opened:
        yield opened


@pytest.fixture
def dial(path):
    """Connect as one more client; all are hung up at the end."""
    clients = []

    def connect() -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        clients.append(client)
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        return client

    yield connect
    for client in clients:
        client.close()


def question(code: object, kind: object = None) -> bytes:
    return json.dumps({"code": code, "type": kind}).encode() + b"\n"


def heard(scanner, number: int):
    """Read, whenever there is something, until this many codes came in."""
    found = []
    while len(found) < number:
        assert select.select([scanner], [], [], PATIENCE_S)[0], f"nothing came after {found}"
        found += scanner.read(clock.now())
    return found


def settled(scanner):
    """Read until there is nothing left to read: what was sent to a Unix socket is there at once."""
    found = []
    while select.select([scanner], [], [], 0)[0]:
        found += scanner.read(clock.now())
    return found


def codes(readings) -> list[str]:
    return [reading.code for reading in readings]


def line_of(client: socket.socket) -> dict[str, object]:
    with client.makefile("rb") as answers:
        return json.loads(answers.readline())


def hung_up(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- one code in, one answer out -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "direction"),
    [("checkin", Direction.CHECKIN), ("checkout", Direction.CHECKOUT), (None, None), ("", None)],
)
def test_a_code_handed_in_is_a_reading_of_the_lane(scanner, dial, kind, direction):
    dial().sendall(question("TKT1", kind))
    (reading,) = heard(scanner, 1)
    assert (reading.lane, reading.code, reading.raw, reading.direction, reading.flaw) == (
        "manual", "TKT1", b"TKT1", direction, None,
    )  # fmt: skip


def test_the_answer_goes_to_the_client_that_asked(scanner, dial):
    first, second = dial(), dial()
    first.sendall(question("A"))
    second.sendall(question("B"))
    for reading in heard(scanner, 2):
        reading.asker(Answer(SCAN, f"about {reading.code}"))
    assert line_of(first)["message"] == "about A"
    assert line_of(second)["message"] == "about B"


def test_asking_gives_what_the_gate_answered(scanner, path):
    said: list[object] = []
    asking = threading.Thread(target=lambda: said.append(ask(path, "TKT1", Direction.CHECKOUT)))
    asking.start()
    (reading,) = heard(scanner, 1)
    assert (reading.code, reading.direction) == ("TKT1", Direction.CHECKOUT)
    reading.asker(ANSWER)
    asking.join(PATIENCE_S)
    assert said == [TOLD]


def test_an_answer_without_a_scan_says_that_there_is_none(scanner, dial):
    client = dial()
    client.sendall(question("TKT1"))
    heard(scanner, 1)[0].asker(Answer(None, "see staff"))
    assert line_of(client) == {"seq": None, "message": "see staff", "repeated": False}


def test_one_client_can_ask_again_and_again(scanner, dial):
    client = dial()
    for number in range(20):
        client.sendall(question(f"K{number}"))
        (reading,) = heard(scanner, 1)
        assert reading.code == f"K{number}"
        reading.asker(ANSWER)
        assert line_of(client) == TOLD


def test_codes_handed_in_all_at_once_are_all_heard_in_order(scanner, dial):
    sent = [f"K{number}" for number in range(20)]
    dial().sendall(b"".join(map(question, sent)))
    assert codes(heard(scanner, 20)) == sent


@pytest.mark.parametrize(
    ("code", "raw", "flaw"),
    [
        ("Löwe-€", "Löwe-€".encode(), None),
        ("AB\udcff\udcfeCD", b"AB\xff\xfeCD", NOT_TEXT),
        ("A\0B", b"A\0B", None),
        ("K" * 600, b"K" * 512, TOO_LONG),
        ("\r\nTKT1\r\n", b"TKT1", None),
    ],
    ids=["text", "no text", "a zero within", "too long", "with its ends"],
)
def test_any_code_that_a_command_line_can_hold_gets_through(scanner, path, code, raw, flaw):
    asking = threading.Thread(target=ask, args=(path, code, None))
    asking.start()
    (reading,) = heard(scanner, 1)
    reading.asker(ANSWER)
    asking.join(PATIENCE_S)
    assert (reading.raw, reading.flaw) == (raw, flaw)


def test_the_longest_code_with_every_byte_escaped_gets_through(scanner, dial):
    dial().sendall(question("\x01" * 2048))
    assert heard(scanner, 1)[0].flaw == TOO_LONG


# --- clients that misbehave ------------------------------------------------------------------------------------------

GARBAGE = [
    b"", b"TKT1", b"{", b"null", b"[]", b"17", b'"TKT1"', b"{}", b'{"code": 17}', b'{"code": null}',
    b'{"code": ["TKT1"]}', b'{"code": "TKT1", "type": "sideways"}', b'{"code": "TKT1", "type": ["checkin"]}',
    b'{"code": "TKT1", "type": {"a": 1}}', b'{"code": "\\ud800"}', b"\xff\xfe\x00", b"\0" * 64,
    b'{"code": ' + b"9" * 5000 + b"}", b"[" * 9000, b'{"code":' * 1500, b"GET / HTTP/1.1\r", b'{"code": ""}',
    b'{"code": "\\r\\n"}',
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: repr(garbage[:24]))
def test_garbage_is_no_reading_and_the_next_line_is(scanner, dial, garbage):
    client = dial()
    client.sendall(garbage + b"\n")
    assert settled(scanner) == []
    client.sendall(question("TKT1"))
    assert codes(heard(scanner, 1)) == ["TKT1"]


@pytest.mark.parametrize(
    ("garbage", "said"), [(b"TKT1", "this is not a code handed in"), (b'{"code": ""}', "the code is empty")]
)
def test_garbage_is_answered_with_what_is_wrong_with_it(scanner, dial, garbage, said):
    client = dial()
    client.sendall(garbage + b"\n")
    settled(scanner)
    answer = line_of(client)
    assert answer["seq"] is None
    assert str(answer["message"]).startswith(said)


def test_a_line_that_comes_byte_by_byte_is_one_line(scanner, dial):
    client = dial()
    *pieces, last = (bytes([byte]) for byte in question("TKT1"))
    for piece in pieces:
        client.sendall(piece)
        assert settled(scanner) == [] if piece == b":" else True
    client.sendall(last)
    assert codes(heard(scanner, 1)) == ["TKT1"]


def test_half_a_line_keeps_nobody_waiting_and_is_dropped_when_its_client_goes(scanner, dial):
    slow, quick = dial(), dial()
    slow.sendall(b'{"code": "HALF')
    quick.sendall(question("WHOLE"))
    assert codes(heard(scanner, 1)) == ["WHOLE"]
    slow.close()
    assert settled(scanner) == []


def test_a_line_without_an_end_is_hung_up_on_and_the_others_are_heard(scanner, dial):
    endless, other = dial(), dial()
    sending = threading.Thread(target=swallow, args=(endless, b"K" * (8 * MAX_LINE)))
    sending.start()
    while sending.is_alive():
        assert settled(scanner) == []
    assert settled(scanner) == []
    assert hung_up(endless)
    other.sendall(question("TKT1"))
    assert codes(heard(scanner, 1)) == ["TKT1"]


def swallow(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        return


def test_a_client_that_never_reads_keeps_nobody_waiting(scanner, dial):
    deaf, other = dial(), dial()
    deaf.sendall(question("DEAF"))
    (reading,) = heard(scanner, 1)
    for _ in range(5_000):  # far more than the kernel keeps for it
        reading.asker(ANSWER)
    other.sendall(question("TKT1"))
    (reading,) = heard(scanner, 1)
    reading.asker(ANSWER)
    assert line_of(other) == TOLD


def test_a_client_that_has_gone_before_the_answer_is_no_harm(scanner, dial):
    for number in range(3):
        client = dial()
        client.sendall(question(f"K{number}"))
        (reading,) = heard(scanner, 1)
        client.close()
        if number:
            settled(scanner)  # the ears have noticed, or have not yet
        reading.asker(ANSWER)
    assert settled(scanner) == []


def test_a_client_that_hangs_up_on_its_answer_is_no_harm(scanner, dial):
    """What it has not read makes the kernel reset the connection, which is more than an end."""
    rude, other = dial(), dial()
    rude.sendall(question("RUDE"))
    heard(scanner, 1)[0].asker(ANSWER)
    rude.close()
    other.sendall(question("TKT1"))
    assert codes(settled(scanner)) == ["TKT1"]


def test_a_client_that_has_said_all_still_gets_its_answer(scanner, dial):
    """As `nc -N` and `socat` do: they close their half once they have sent it."""
    client = dial()
    client.sendall(question("TKT1"))
    client.shutdown(socket.SHUT_WR)
    (reading,) = heard(scanner, 1)
    settled(scanner)
    reading.asker(ANSWER)
    assert line_of(client) == TOLD


def test_an_answer_never_goes_to_a_client_that_came_later(scanner, dial):
    first = dial()
    first.sendall(question("FIRST"))
    (reading,) = heard(scanner, 1)
    first.close()
    settled(scanner)
    second = dial()  # the kernel gives it the descriptor that has become free
    second.sendall(question("SECOND"))
    (later,) = heard(scanner, 1)
    reading.asker(Answer(SCAN, "for the first"))
    later.asker(Answer(SCAN, "for the second"))
    assert line_of(second)["message"] == "for the second"


def test_many_clients_at_once_are_all_heard(scanner, dial):
    clients = [dial() for _ in range(MAX_CLIENTS)]
    settled(scanner)
    for number, client in enumerate(clients):
        client.sendall(question(f"K{number}"))
    readings = heard(scanner, MAX_CLIENTS)
    assert sorted(codes(readings)) == sorted(f"K{number}" for number in range(MAX_CLIENTS))
    for reading in readings:
        reading.asker(Answer(SCAN, reading.code))
    assert [line_of(client)["message"] for client in clients] == [f"K{number}" for number in range(MAX_CLIENTS)]


def test_one_client_too_many_is_hung_up_on_and_has_a_place_when_another_goes(scanner, dial):
    clients = []
    for _ in range(MAX_CLIENTS):
        clients.append(dial())
        settled(scanner)
    late = dial()
    settled(scanner)
    assert hung_up(late)
    clients[0].close()
    settled(scanner)
    dial().sendall(question("TKT1"))
    assert codes(heard(scanner, 1)) == ["TKT1"]


# --- opened and closed -----------------------------------------------------------------------------------------------


def test_only_the_kiosks_own_user_can_hand_codes_in(scanner, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_closing_hangs_up_takes_the_socket_away_and_leaves_no_descriptor(path, tmp_path):
    before = descriptors()
    for _ in range(5):
        scanner = SocketScanner(path, "manual")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))
            client.sendall(question("TKT1"))
            (reading,) = heard(scanner, 1)
            scanner.close()
            reading.asker(ANSWER)
            assert hung_up(client)
        assert not path.exists()
    assert descriptors() == before


def test_a_socket_that_a_killed_gate_left_behind_is_replaced(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
        left_behind.bind(str(path))
    with closing(SocketScanner(path, "manual")) as scanner, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(question("TKT1"))
        assert codes(heard(scanner, 1)) == ["TKT1"]


def test_what_lies_in_the_sockets_place_and_is_none_is_not_removed(path):
    path.write_text("somebody's work", encoding="ascii")
    with pytest.raises(ScannerLost, match=desk.FILE):
        SocketScanner(path, "manual")
    assert path.read_text(encoding="ascii") == "somebody's work"


def test_a_path_longer_than_the_kernel_takes_works_all_the_same(tmp_path):
    directory = tmp_path / ("d" * 120) / ("ü" * 60)
    directory.mkdir(parents=True)
    path = directory / desk.FILE
    assert len(os.fsencode(path)) > 107
    before = descriptors()
    with closing(SocketScanner(path, "manual")) as scanner:
        asking = threading.Thread(target=ask, args=(path, "TKT1", None))
        asking.start()
        (reading,) = heard(scanner, 1)
        reading.asker(ANSWER)
        asking.join(PATIENCE_S)
        assert reading.code == "TKT1"
    assert not path.exists()
    assert descriptors() == before


@pytest.mark.parametrize("place", ["missing", "long and missing", "a directory", "in a file"])
def test_a_place_where_no_socket_can_be_is_a_lost_scanner_that_leaves_nothing_open(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "taken" / desk.FILE).mkdir(parents=True)
    path = {
        "missing": tmp_path / "missing" / desk.FILE,
        "long and missing": tmp_path / ("x" * 120) / desk.FILE,
        "a directory": tmp_path / "taken" / desk.FILE,
        "in a file": tmp_path / "file" / desk.FILE,
    }[place]
    before = descriptors()
    for _ in range(5):
        with pytest.raises(ScannerLost, match=desk.FILE):
            SocketScanner(path, "manual")
    gc.collect()
    assert descriptors() == before


def test_asking_where_no_gate_runs_says_so(path):
    with pytest.raises(GateNotRunning, match="start `kiosk gate`"):
        ask(path, "TKT1", None)


@pytest.mark.parametrize("said", [b"", b"no JSON\n", b'{"seq": 7'])
def test_asking_a_gate_that_dies_instead_of_answering_says_so(path, said):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gate:
        gate.bind(str(path))
        gate.listen()

        def die() -> None:
            connection, _ = gate.accept()
            with connection:
                connection.recv(MAX_LINE)
                connection.sendall(said)

        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(GateNotRunning):
            ask(path, "TKT1", None)
        dying.join(PATIENCE_S)


# --- taking an admission back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "wish"), [({"annul": 17}, Annulment(17)), ({"annul": 17, "force": True}, Annulment(17, force=True))]
)
def test_the_wish_to_take_an_admission_back_is_no_code(scanner, dial, words, wish):
    client = dial()
    client.sendall(json.dumps(words).encode() + b"\n")
    (reading,) = heard(scanner, 1)
    assert (reading.annuls, reading.code, reading.lane) == (wish, "", "manual")
    reading.asker(ANSWER)
    assert line_of(client) == TOLD


@pytest.mark.parametrize(
    "words",
    [*({"annul": wrong} for wrong in ("17", 0, -1, 1.5, True, 1 << 63)), {"annul": 1, "force": 1}],
)
def test_a_wish_without_a_scan_s_number_is_refused(scanner, dial, words):
    client = dial()
    client.sendall(json.dumps(words).encode() + b"\n")
    assert settled(scanner) == []
    assert "annul needs a scan's number" in line_of(client)["message"]
