"""One program asks another over a Unix socket: whoever comes, the next one is answered."""

import json
import socket
import stat
import threading

import pytest

from kiosk import hatch


@pytest.fixture
def path(tmp_path, eventually, listens):
    """A hatch at which every question is answered with itself, until the end of the test."""
    place, stop = tmp_path / "x.sock", threading.Event()
    serving = threading.Thread(target=hatch.serve, args=(place, lambda question: {"asked": question}, stop))
    serving.start()
    eventually("it is open", lambda: listens(place))
    yield place
    stop.set()
    serving.join(10)
    assert not place.exists()


def say(path, words):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        return json.loads(client.makefile("rb").readline())


def test_a_question_gets_its_answer(path):
    assert hatch.ask(path, {"do": "this"}) == {"asked": {"do": "this"}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [b"", b"{\n", b"[" * 10_000 + b"\n", b"x" * 20_000 + b"\n", b"\xff\n"])
def test_what_is_no_question_is_told_so_and_the_next_one_is_answered(path, words):
    try:
        assert say(path, words)["refused"] == "malformed"
    except (ConnectionError, ValueError):  # who says more than a line is hung up on
        assert len(words) > hatch.MAX_LINE
    assert hatch.ask(path, {"n": 1}) == {"asked": {"n": 1}}


def test_who_says_nothing_keeps_nobody_waiting_for_long(path):
    with socket.socket(socket.AF_UNIX) as mute:
        mute.connect(str(path))
        assert hatch.ask(path, {"n": 1}) == {"asked": {"n": 1}}


def test_a_path_longer_than_a_socket_may_have_is_no_matter(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with hatch.listen(deep / "x.sock") as listener:
        assert listener.fileno() >= 0


def test_nobody_there_is_an_error_and_so_is_a_file_in_the_way(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        hatch.ask(tmp_path / "x.sock", {})
    (tmp_path / "x.sock").write_text("mine")
    with pytest.raises(OSError, match="in use"):
        hatch.listen(tmp_path / "x.sock")
    assert (tmp_path / "x.sock").read_text() == "mine"
