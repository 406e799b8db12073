"""The staff page in a real browser: who may use it and for how long, and what goes wrong."""

import json
from urllib.parse import urlsplit

import pytest

from kiosk.store import audit

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

DIGITS = "402913"


@pytest.fixture
def locked_desk(venue, open_desk, eventually):
    """The page of a door with a gate and a PIN, not signed in."""
    venue.open(eventually, signed_in=False)
    venue.set_pin()
    return open_desk()


# --- who may come in -------------------------------------------------------------------------------------------------


def test_without_a_pin_the_page_says_how_to_set_one_and_looks_again(venue, open_desk, eventually):
    venue.open(eventually, signed_in=False)
    desk = open_desk()
    desk.wait("#pin", "type `kiosk pin` on this machine")
    assert desk.page.locator("#keys").is_hidden()
    venue.set_pin()
    desk.press("Look again")
    desk.sign_in()
    desk.wait("#tabs", "Guests")


def test_a_wrong_pin_is_told_and_too_many_are_counted_down(locked_desk):
    for digits in ("1111", "2222", "3333"):
        locked_desk.enter(digits)
        locked_desk.wait("#pin-trouble", "This PIN is wrong")
        assert locked_desk.page.locator("#digits").text_content() == ""
    locked_desk.wait("#pin-wait", "No PIN is taken for 0:2")
    assert locked_desk.page.locator(".key:enabled").count() == 0
    locked_desk.load()
    locked_desk.wait("#pin-wait", "No PIN is taken for 0:")


def test_a_pin_is_typed_on_a_keyboard_too_and_is_nowhere_on_the_page(locked_desk):
    locked_desk.page.wait_for_selector("#keys:not([hidden])")
    locked_desk.page.keyboard.type("4029139")
    locked_desk.page.keyboard.press("Backspace")
    assert DIGITS not in locked_desk.page.content()
    assert locked_desk.page.locator("#pin input").count() == 0
    locked_desk.page.keyboard.press("Enter")
    locked_desk.page.wait_for_selector("#pin:not([open])", state="attached")


def test_a_session_outlives_a_reload_and_ends_with_the_lock_button(desk):
    desk.type_code("TKT-ADA-0001")
    desk.wait(".result", "Ada Öğünç")
    desk.page.reload()
    desk.page.wait_for_selector("#pin:not([open])", state="attached")
    desk.open_guest("olsen", "Ølsen")
    desk.press("Lock")
    desk.wait("#pin", "Enter the PIN")
    assert "Ølsen" not in desk.page.content(), "what was found is forgotten"
    assert (
        desk.page.evaluate("fetch('/staff/api/state', {method: 'POST', body: '{}'}).then((answer) => answer.status)")
        != 200
    )


def test_the_time_that_is_left_is_counted_down_and_the_page_locks_by_itself(desk):
    state = json.dumps({"leftSeconds": 2})
    desk.page.evaluate("document.body.dataset.mark = 'same page'")
    desk.page.route("**/staff/api/state", lambda route: answer_with(route, state))
    desk.page.locator("#leaving").wait_for()
    assert desk.page.locator("#left").text_content().startswith("0:0")
    desk.page.route("**/staff/api/*", lambda route: route.abort())  # it needs nobody to tell it
    desk.page.wait_for_selector("#pin[open]")
    assert desk.page.evaluate("document.body.dataset.mark") == "same page"


def answer_with(route, changed):
    """The real answer, with some of it changed."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), **json.loads(changed)})


def test_who_stays_begins_the_time_anew(desk):
    desk.page.route("**/staff/api/state", lambda route: answer_with(route, '{"leftSeconds": 20}'))
    desk.page.locator("#leaving").wait_for()
    desk.page.unroute("**/staff/api/state")
    desk.press("Stay")
    desk.page.wait_for_selector("#leaving", state="hidden")
    assert desk.page.locator("#left").text_content() >= "4:"


def test_what_was_typed_is_still_there_after_a_pin_in_between(desk, venue):
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "This ticket was cancelled")
    desk.press("Admit anyway", ".result")
    desk.page.locator("#why").fill("known to the")
    desk.page.route("**/staff/api/state", lambda route: route.abort())  # so that it is the button that finds out
    venue.set_pin("918273")  # which ends every session
    desk.answer("Admit")
    desk.page.wait_for_selector("#pin[open]")
    assert (
        desk.page.evaluate("document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('dialog').id") == "pin"
    )
    desk.page.unroute("**/staff/api/state")
    desk.sign_in("918273")
    assert desk.page.locator("#why").input_value() == "known to the"
    desk.answer("Admit")
    desk.wait(".result", "Admitted by staff")
    assert [row["overrides"] for row in audit.read(venue.kiosk.data_dir) if row["action"] == "override"] == [1]


def test_nothing_is_asked_of_another_machine_and_no_name_or_code_is_in_an_address(desk):
    asked = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.open_guest("ogunc", "Ada Öğünç")
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "cancelled")
    desk.open("numbers")
    desk.page.wait_for_selector("#figures img")
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    assert not [url for url in asked if "TKT" in url or "ogunc" in url or "t-ada" in url]


def test_back_at_the_door_the_page_is_locked(desk, venue):
    desk.press("To the door")
    desk.page.wait_for_url(f"{desk.url}/")
    desk.page.wait_for_selector("body[data-face=ready]")
    desk.page.locator("a.staff").click()
    desk.wait("#pin", "Enter the PIN")


def test_a_keypad_that_nobody_touches_makes_way_for_the_door(locked_desk):
    locked_desk.page.wait_for_selector("#keys:not([hidden])")
    locked_desk.page.evaluate(
        "(() => { const now = performance.now; performance.now = () => now.call(performance) + 130000; })()"
    )
    locked_desk.page.wait_for_url(f"{locked_desk.url}/")


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_without_a_gate_the_page_says_what_to_start_and_keeps_what_was_typed(desk, venue):
    venue.kiosk.stop("gate")
    desk.wait("#silence", "The gate does not answer: start `kiosk gate`")
    desk.type_code("TKT-ADA-0001")
    desk.wait("#typing", "The gate does not answer")
    assert desk.page.locator("#code").input_value() == "TKT-ADA-0001"
    venue.kiosk.open_gate()
    desk.press("Check", "#typing")
    desk.wait(".result", "Welcome")


def test_a_network_that_is_gone_is_told_and_comes_back(desk, venue, eventually):
    venue.kiosk.stop("display")
    desk.wait("#trouble", "No connection")
    desk.page.locator("#code").fill("half a co")
    desk.press("To the door")
    desk.wait("#trouble", "No connection")
    assert desk.page.url.startswith(f"{desk.url}/staff"), "a browser's own page about it has no way back"
    venue.kiosk.start("display")
    desk.wait("#pin", "Enter the PIN")  # sessions end with the display
    desk.sign_in()
    assert desk.page.locator("#code").input_value() == "half a co"


def test_everything_can_be_reached_and_done_by_keyboard(desk):
    desk.page.locator("#title").focus()
    reached = []
    for _ in range(14):
        desk.page.keyboard.press("Tab")
        here = desk.page.evaluate(FOCUSED)
        reached.append(here["name"])
        assert here["seen"], here
    assert reached == [
        "lock", "door-page", "#scan", "#guests", "#choices", "#deliveries", "#setup", "#numbers", "main", "code",
        "code-type", "Check", *reached[12:],
    ]  # fmt: skip
    desk.page.locator("#tabs a[href='#guests']").focus()
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_selector("#view-guests")
    assert desk.page.evaluate("document.activeElement.id") == "title"
    assert desk.page.title() == "Guests · Staff"


FOCUSED = """() => {
  const here = document.activeElement;
  const name = here.id || here.getAttribute('href') || here.textContent;
  return {name, seen: here === document.body || getComputedStyle(here).outlineStyle === 'solid'};
}"""
