"""Every key is accepted where it stands in the handbook; every mistake is named with its file, line, key and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk import config
from kiosk.config import Config, Scanner
from kiosk.errors import ConfigError
from kiosk.fittings import Output, Turnstile
from kiosk.model import Direction

EXAMPLE = """\
[device]
id = "gate-north-1"            # sent as deviceId
data_dir = "/var/lib/kiosk"
runtime_dir = "/run/kiosk"

[cloud]
scans_url = "https://portier.vivenu.com/api"
access_url = "https://vivenu.com/api"
api_key_file = "/etc/kiosk/api-key"      # Bearer, for scans_url; or the systemd credential of that name
token_file = "/etc/kiosk/token"          # header token, for access_url
requests_per_hour = 900

[gate]
events = ["62a1f0"]            # empty: the events of the device settings
scan_type = "checkin"          # or "checkout"; a scanner may override it
allowed_ticket_types = []      # empty: all
entry_permissions = []         # empty: not looked at
multi_checkin = false          # in again after out
check_timeslots = false
timeslot_before_minutes = 0
timeslot_after_minutes = 0
accept_details_required = false
settings_from_cloud = true     # device settings of the cloud win over this section
hold_off_s = 3.0
stale_after_s = 86400          # an unknown code on an older list is `unknown_stale`

[[scanner]]
name = "left"
kind = "serial"                # hid | hidpos | serial | socket | replay
device = "/dev/serial/by-id/usb-scanner"
# type = "checkout"   layout = "de"   baudrate = 9600   prefix = ""   suffix = ""   idle_ms = 120

[sync]
batch_size = 200
upload_interval_s = 2.0
tickets_interval_s = 15
scans_interval_s = 15

[display]
host = "127.0.0.1"
port = 8080
language = "en"
"""


def problems(text: str) -> list[str]:
    """Return what is wrong with it, a line each, without the name of the file that all begin with."""
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "door.toml")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("door.toml:") for line in lines)
    return [line.removeprefix("door.toml:") for line in lines]


def problem(text: str) -> str:
    (only,) = problems(text)
    return only


# --- what is right ---------------------------------------------------------------------------------------------------


def test_the_handbooks_example_is_accepted_as_it_stands() -> None:
    found = config.parse(EXAMPLE, "kiosk.toml")
    scanner = Scanner(name="left", kind="serial", device="/dev/serial/by-id/usb-scanner")
    defaults = Config()
    assert found == Config(
        device=config.Device(id="gate-north-1"), gate=config.Gate(events=("62a1f0",)), scanner=(scanner,)
    )
    assert (found.cloud, found.sync, found.display) == (defaults.cloud, defaults.sync, defaults.display)


def test_the_handbooks_second_line_of_scanner_keys_is_accepted_too() -> None:
    more = 'type = "checkout"   layout = "de"   baudrate = 9600   prefix = ""   suffix = ""   idle_ms = 120'
    text = EXAMPLE.replace(f"# {more}", more.replace("   ", "\n"))
    (scanner,) = config.parse(text, "kiosk.toml").scanner
    assert (scanner.type, scanner.layout) == (Direction.CHECKOUT, "de")
    assert (scanner.baudrate, scanner.prefix, scanner.suffix, scanner.idle_ms) == (9600, "", "", 120)


def test_every_key_of_the_handbook_is_a_key_and_the_other_way_round() -> None:
    named = {
        "device": "id data_dir runtime_dir",
        "cloud": "scans_url access_url api_key_file token_file requests_per_hour",
        "gate": "events scan_type allowed_ticket_types entry_permissions entrances multi_checkin check_timeslots "
        "timeslot_before_minutes timeslot_after_minutes accept_details_required settings_from_cloud hold_off_s "
        "stale_after_s",
        "scanner": "name kind device type layout baudrate prefix suffix idle_ms",
        "output": "name kind pin active_low pulse_ms on lanes device led",
        "turnstile": "name pin active_low timeout_s bounce_ms lanes",
        "sync": "batch_size upload_interval_s tickets_interval_s scans_interval_s",
        "display": "host port language",
    }
    assert set(Config.model_fields) == set(named)
    for section, keys in named.items():
        several = {"scanner": Scanner, "output": Output, "turnstile": Turnstile}
        model = several.get(section) or type(getattr(Config(), section))
        assert set(keys.split()) <= set(model.model_fields)


def test_an_empty_file_is_a_configuration() -> None:
    assert config.parse("", "kiosk.toml") == Config()
    assert Config().gate.events == ()
    assert Config().cloud.requests_per_hour == 900
    assert Config().cloud.proxy_from_environment is False
    assert 1 <= len(Config().device.id) <= 64


@pytest.mark.parametrize("kind", ["hid", "hidpos", "socket"])
def test_some_scanners_need_no_device(kind: str) -> None:
    (scanner,) = config.parse(f'[[scanner]]\nname = "a"\nkind = "{kind}"\n', "kiosk.toml").scanner
    assert scanner.device == ""


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api", "http://127.9.9.9", "http://[::1]:99/api", "http://localhost/api"]
)
def test_http_is_good_enough_for_this_machine(url: str) -> None:
    found = config.parse(f'[cloud]\nscans_url = "{url}"\naccess_url = "{url}/"', "kiosk.toml")
    assert (found.cloud.scans_url, found.cloud.access_url) == (url, url)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().device.id = "other"


# --- what is wrong ---------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, str]] = {
    "an unknown key": ("[gate]\n\nhold_of_s = 3\n", "3: gate.hold_of_s: unknown key; did you mean 'hold_off_s'?"),
    "an unknown key that is like no other": (
        "[display]\nport = 80\n\nx = 3",
        "4: display.x: unknown key; known here: host, language, pin_file, port, scan_reveal_s, staff_from_network",
    ),
    "an unknown language": (
        '[display]\nport = 80\nlanguage = "xx"',
        "3: display.language: no such language; known here: de, en, es, fr, it, nl (found 'xx')",
    ),
    "an unknown key of the second scanner": (
        '[[scanner]]\nname = "a"\nkind = "hid"\n[[scanner]]\nname = "b"\nkind = "hid"\nbaud = 1\n',
        "7: scanner.1.baud: unknown key; did you mean 'baudrate'?",
    ),
    "an unknown section": ("\n[gates]\nevents = []\n", "2: gates: unknown key; did you mean 'gate'?"),
    "a key outside every section": (
        "# first\nzzz = 1\n[gate]\n",
        "2: zzz: unknown key; known here: cloud, device, display, gate, output, scanner, sync, turnstile",
    ),
    "an unknown section below a section": ("[gate]\n\n[gate.hold]\nx = 1\n", "3: gate.hold: unknown key; "),
    "a dotted key": ("\n\ngate.hold_of_s = 1\n", "3: gate.hold_of_s: unknown key; did you mean 'hold_off_s'?"),
    "a quoted key": ('[gate]\n"hold_of_s" = 1\n', "2: gate.hold_of_s: unknown key; did you mean 'hold_off_s'?"),
    "an inline section": ("\ngate = { hold_of_s = 1 }\n", "2: gate.hold_of_s: unknown key; did you mean"),
    "an indented key": ("  [ gate ]  # it\n  hold_of_s = 1\n", "2: gate.hold_of_s: unknown key; did you mean"),
    "text for a switch": ('[gate]\nmulti_checkin = "yes"\n', "2: gate.multi_checkin: Input should be a valid boolean"),
    "a number for a switch": ("[gate]\nmulti_checkin = 1\n", "2: gate.multi_checkin: Input should be a valid boolean"),
    "text for a number": ('[display]\nport = "80"\n', "2: display.port: Input should be a valid integer (found '80')"),
    "a fraction for a whole number": ("[sync]\nbatch_size = 1.5\n", "2: sync.batch_size: Input should be a valid int"),
    "a switch for a number": ("[gate]\nhold_off_s = true\n", "2: gate.hold_off_s: Input should be a valid number"),
    "a list for a table": ('[gate]\nentrances = ["a"]\n', "2: gate.entrances: needs a table such as {"),
    "a number in a table": ('[gate.entrances]\n"a" = 1\n', "2: gate.entrances.a: Input should be a valid string"),
    "a number for text": ("[device]\nid = 7\n", "2: device.id: Input should be a valid string (found 7)"),
    "a number for a path": ("[device]\ndata_dir = 7\n", "2: device.data_dir: "),
    "a number for a section": ("\ngate = 7\n", "2: gate: needs a section: [gate]"),
    "text for a list": ('[gate]\nevents = "62a1"\n', "2: gate.events: needs a list such as [\"…\"] (found '62a1')"),
    "a number in a list": (
        '[gate]\nevents = ["62a1", 7]\n',
        "2: gate.events.1: Input should be a valid string (found 7)",
    ),
    "one scanner in single brackets": ('\n[scanner]\nname = "a"\n', "2: scanner: needs double brackets: [[scanner]]"),
    "a direction that is none": (
        '[gate]\nscan_type = "entry"\n',
        "2: gate.scan_type: Input should be 'checkin' or 'checkout' (found 'entry')",
    ),
    "a scanner's direction that is none": (
        '[[scanner]]\nname = "a"\nkind = "hid"\ntype = "out"\n',
        "4: scanner.0.type: Input should be 'checkin' or 'checkout' (found 'out')",
    ),
    "a kind that is none": (
        '[[scanner]]\nname = "a"\nkind = "camera"\n',
        "3: scanner.0.kind: Input should be 'hid'",
    ),
    "a layout that is none": (
        '[[scanner]]\nname = "a"\nkind = "hid"\nlayout = "dvorak"\n',
        "4: scanner.0.layout: no such layout; known here: us, gb, de, fr, it, es, ch-de, ch-fr, be, se, no, dk, fi "
        "(found 'dvorak')",
    ),
    "a layout by the name of its country": (
        '[[scanner]]\nname = "a"\nkind = "hid"\nlayout = "uk"\n',
        "4: scanner.0.layout: no such layout; did you mean 'gb'? known here: us, gb, de, fr, ",
    ),
    "below the least": ("[gate]\nhold_off_s = -1\n", "2: gate.hold_off_s: Input should be greater than or equal to 0"),
    "above the most": ("[display]\nport = 65536\n", "2: display.port: Input should be less than or equal to 65535"),
    "not a number": ("[gate]\nhold_off_s = nan\n", "2: gate.hold_off_s: "),
    "an empty word": ('[device]\nid = "  "\n', "2: device.id: needs one to 64 printable characters (found '  ')"),
    "a word with a line in it": ('[device]\nid = "a\\nb"\n', "2: device.id: needs one to 64 printable characters"),
    "a long word": (
        f'[device]\nid = "{"x" * 65}"\n',
        f"2: device.id: String should have at most 64 characters (found '{'x' * 56}…)",
    ),
    "http to another machine": (
        '[cloud]\nscans_url = "http://portier.vivenu.com/api"\n',
        "2: cloud.scans_url: http:// would send the credential in the clear: use https://",
    ),
    "http to a name that looks like this machine": (
        '[cloud]\naccess_url = "http://localhost.example/api"\n',
        "2: cloud.access_url: http:// would send the credential in the clear: use https://",
    ),
    "http to this machine as a user of another": (
        '[cloud]\naccess_url = "http://127.0.0.1@portier.example/api"\n',
        "2: cloud.access_url: http:// would send the credential in the clear: use https://",
    ),
    "http to the venue's network": (
        '[cloud]\naccess_url = "http://192.168.1.2/api"\n',
        "2: cloud.access_url: http:// would send the credential in the clear: use https://",
    ),
    "an address without its scheme": (
        '[cloud]\naccess_url = "vivenu.com/api"\n',
        "2: cloud.access_url: needs a whole address such as https://portier.vivenu.com/api (found 'vivenu.com/api')",
    ),
    "an address without a host": (
        '[cloud]\naccess_url = "https:///api"\n',
        "2: cloud.access_url: needs a whole address such as https://portier.vivenu.com/api",
    ),
    "a name that no host can have": (
        '[cloud]\nscans_url = "https://vivenu..com/api"\n',
        "2: cloud.scans_url: needs a whole address such as https://portier.vivenu.com/api",
    ),
    "another scheme": ('[cloud]\naccess_url = "ftp://vivenu.com"\n', "2: cloud.access_url: needs a whole address"),
    "brackets left open in an address": ('[cloud]\naccess_url = "https://[::1/api"\n', "2: cloud.access_url: "),
    "a port that is none": ('[cloud]\naccess_url = "https://vivenu.com:https/api"\n', "2: cloud.access_url: "),
    "a rule that is none": (
        '[gate]\nevents = []\ncode_rules = ["aim", "uper"]\n',
        "3: gate.code_rules.1: no such rule; did you mean 'upper'? known here: bom, aim, eci, url, ean, upper "
        "(found 'uper')",
    ),
    "rules without their list": (
        '[gate]\ncode_rules = "upper"\n',
        "2: gate.code_rules: needs a list such as",
    ),
    "a serial scanner without a device": (
        '\n[[scanner]]\nname = "a"\nkind = "serial"\n',
        "2: scanner.0: device is missing: a serial scanner needs one (/dev/serial/by-id/…)",
    ),
    "a replay without a file": (
        '\n[[scanner]]\nname = "a"\nkind = "replay"\n',
        '2: scanner.0: device is missing: a replay scanner needs one ("-" for standard input, or a file)',
    ),
    "a scanner without a name": (
        '[[scanner]]\nname = "a"\nkind = "hid"\n\n[[scanner]]\nkind = "hid"\n',
        "5: scanner.1.name: is missing: add it to this section",
    ),
    "two scanners of one name": (
        '[[scanner]]\nname = "a"\nkind = "hid"\n\n[[scanner]]\nkind = "socket"\nname = "a"\n',
        "7: scanner.1.name: two scanners are called 'a': give each its own name",
    ),
    "two of three scanners of one name": (
        "".join(f'[[scanner]]\nkind = "hid"\nname = "{name}"\n' for name in "aba"),
        "9: scanner.2.name: two scanners are called 'a': give each its own name",
    ),
    "not TOML": ("[gate]\nevents = [\n", " not valid TOML: "),
    "a key twice": ("[gate]\nhold_off_s = 1\nhold_off_s = 2\n", " not valid TOML: "),
    "a section twice": ("[gate]\n[gate]\n", " not valid TOML: "),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_line_its_key_and_its_mend(text: str, said: str) -> None:
    assert problem(text)[: len(said)] == said


def test_bad_toml_is_named_with_its_line() -> None:
    assert problem("[gate]\n\nhold_off_s = = 3\n").endswith("(at line 3, column 14)")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems('zzz = 1\n[gate]\nhold_off_s = -1\n[display]\nport = 0\nlanguage = "xx"\n')
    assert sorted(line.split(": ")[0] for line in found) == ["1", "3", "5", "6"]
    assert sorted(line.split(": ")[1] for line in found) == [
        "display.language",
        "display.port",
        "gate.hold_off_s",
        "zzz",
    ]


def test_a_key_of_one_section_is_not_taken_for_the_same_key_of_another() -> None:
    text = '[[scanner]]\nname = "a"\nkind = "hid"\n[device]\nid = "x"\n[[scanner]]\nname = ""\nkind = "hid"\n'
    assert problem(text).startswith("7: scanner.1.name: ")


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written_on_any_machine(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    for raw in (EXAMPLE.encode(), b"\xef\xbb\xbf" + EXAMPLE.encode(), EXAMPLE.replace("\n", "\r\n").encode()):
        path.write_bytes(raw)
        assert config.read(path) == config.parse(EXAMPLE, "")


def test_a_mistake_in_a_file_is_named_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b"\xef\xbb\xbf[gate]\r\nmulti_checkin = 3\r\n")
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert str(caught.value) == f"{path}:2: gate.multi_checkin: Input should be a valid boolean (found 3)"


def test_a_missing_file_is_named_with_the_ways_to_name_another(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert str(caught.value) == (
        f"{path}: there is no such file. Name one with --config FILE or KIOSK_CONFIG; "
        "config/kiosk.example.toml is one to start from"
    )


@pytest.mark.parametrize("raw", ["[gate]".encode("utf-16"), b"[gate]\n# \xff"])
def test_a_file_that_is_not_utf_8_is_named(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert str(caught.value).startswith(f"{path}: cannot be read: ")


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.read(tmp_path)


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("a.toml", {"KIOSK_CONFIG": "b.toml"}, Path("a.toml")),
        (None, {"KIOSK_CONFIG": "b.toml"}, Path("b.toml")),
        ("", {"KIOSK_CONFIG": "b.toml"}, Path("b.toml")),
        (None, {"KIOSK_CONFIG": ""}, Path("/etc/kiosk/kiosk.toml")),
        (None, {}, Path("/etc/kiosk/kiosk.toml")),
    ],
)
def test_the_option_wins_over_the_environment_over_the_usual_place(
    option: str | None, environ: dict[str, str], expected: Path
) -> None:
    assert config.locate(option, environ) == expected


def test_the_environment_is_the_programs_own_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIOSK_CONFIG", "/srv/door.toml")
    assert config.locate(None) == Path("/srv/door.toml")


def test_a_key_can_be_placed_when_it_turns_out_wrong_only_later(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text("[gate]\n[cloud]\n\ntoken_file = '/x'\n", encoding="utf-8-sig")
    assert config.place(path, "cloud", "token_file") == f"{path}:4"
    assert config.place(path, "cloud", "api_key_file") == f"{path}:2"
    assert config.place(path, "display", "port") == f"{path}:1"
