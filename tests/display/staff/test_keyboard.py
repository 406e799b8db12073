"""The keyboard on the screen, under fingers in a real browser: there is no other at the door."""

from dataclasses import replace

import pytest

from tests.display.staff.conftest import ADA, Board

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

SIZES = [(1024, 600), (800, 480), (600, 1024)]
LAYOUTS = {"en": "qwerty", "de": "qwertz", "fr": "azerty", "es": "qwerty", "it": "qwerty", "nl": "qwerty"}
ASCII = "".join(map(chr, range(33, 127)))
OWN_LETTERS = {"de": "äöüß", "es": "áéíóúüñ¿¡", "fr": "àâæçéèêëîïôœùûüÿ", "it": "àèéìíòóù", "nl": "áéëïóöüè"}


@pytest.fixture
def board(venue, open_desk, eventually):
    """The staff page on a touch screen, signed in; most of what is typed needs no gate."""
    venue.show(eventually)
    desk = open_desk(has_touch=True)
    desk.sign_in()
    yield Board(desk)
    assert desk.errors == []


@pytest.fixture
def declined(board, venue):
    """A guest was declined, and the question whether to admit lies over the page."""
    venue.kiosk.open_gate()
    board.desk.type_code("TKT-BOB-0002")
    board.desk.wait(".result", "This ticket was cancelled")
    board.desk.press("Admit anyway", ".result")
    return board


# --- what it is for --------------------------------------------------------------------------------------------------


def test_a_guest_is_found_by_touch_alone(board):
    board.desk.open("guests")
    assert board.place.is_hidden()
    board.touch("#name")
    board.type("ogunc")
    assert board.focused() == "name"
    board.page.locator("#found button").filter(has_text="Ada Öğünç").tap()
    board.page.locator("#guest h2").first.wait_for()
    board.gone()


def test_a_code_with_capitals_and_signs_is_typed_as_it_is_and_entered(board, venue):
    code = "aB/c_D:9#x.Y-z"
    venue.list_tickets(replace(ADA, barcode=code))
    venue.kiosk.open_gate()
    board.touch("#code")
    board.type(code)
    assert board.value("#code") == code
    board.key("Enter key").tap()
    board.desk.wait(".result", "Welcome")
    board.gone()
    assert board.value("#code") == ""
    assert [scan["reason"] for scan in venue.kiosk.scans()] == ["ok"]


def test_a_reason_of_ones_own_is_typed_in_the_question(declined):
    declined.touch("#why")
    declined.type("Künstler, geprüft")
    assert (declined.focused(), declined.value("#why")) == ("why", "Künstler, geprüft")
    declined.page.locator("dialog.question").get_by_role("button", name="Admit", exact=True).tap()
    declined.desk.wait(".result", "Admitted by staff")
    declined.gone()
    declined.touch("#code")  # the question is gone, with all that was in it
    declined.type("x")
    assert declined.value("#code") == "x"
    declined.desk.open_guest("olsen", "Ølsen")
    declined.desk.wait("#guest .past", "Admitted because: Künstler, geprüft (staff)")


def test_in_a_reason_enter_is_a_new_line_and_done_leaves_the_question_open(declined):
    declined.touch("#why")
    declined.type("a")
    declined.key("Enter key").tap()
    declined.type("b")
    declined.key("Done").tap()
    declined.gone()
    assert declined.value("#why") == "a\nb"
    assert declined.page.locator("dialog.question").is_visible()


# --- when it is there ------------------------------------------------------------------------------------------------


def test_a_real_key_sends_it_away_and_for_a_while_no_touch_brings_it_back(board):
    board.touch("#code")
    board.type("ab")
    board.page.keyboard.press("Shift")
    assert board.place.is_visible(), "a scanner's or a case's key that types nothing is no keyboard"
    board.page.keyboard.type("c")
    board.gone()
    assert (board.value("#code"), board.focused()) == ("abc", "code")
    board.page.locator("#code").tap()
    board.page.wait_for_timeout(300)
    assert board.place.is_hidden()
    board.page.evaluate(
        "(() => { const now = performance.now; performance.now = () => now.call(performance) + 61000; })()"
    )
    board.touch("#code")


def test_a_mouse_brings_it_by_the_button_only(desk):
    desk.page.locator("#code").click()
    desk.page.wait_for_timeout(300)
    board = Board(desk)
    assert board.place.is_hidden()
    toggle = desk.page.locator("#typing").get_by_role("button", name="Keyboard")
    toggle.click()
    board.place.wait_for()
    assert (toggle.get_attribute("aria-expanded"), board.focused()) == ("true", "code")
    board.key("q").click()
    board.key("Capitals").click()
    board.key("w").or_(board.key("W")).click()
    assert board.value("#code") == "qW"
    toggle.click()
    board.gone()
    assert toggle.get_attribute("aria-expanded") == "false"


def test_a_phone_that_looks_at_the_kiosk_keeps_its_own_keyboard(board):
    board.page.route("**/staff/keyboard.js", elsewhere)
    board.page.reload()
    board.page.wait_for_selector("#pin:not([open])", state="attached")
    board.page.locator("#code").tap()
    board.page.wait_for_timeout(300)
    assert (board.focused(), board.place.is_hidden()) == ("code", True)
    board.page.locator("#typing").get_by_role("button", name="Keyboard").tap()
    board.place.wait_for()
    assert board.page.locator("#code").get_attribute("inputmode") == "none"
    board.key("Done").tap()
    board.gone()
    assert not board.page.locator("#code").get_attribute("inputmode")


def elsewhere(route):
    """As if the page had another machine's address: a browser has none to give here."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("location.hostname", '"192.0.2.7"'))


def test_it_goes_when_something_else_is_touched_which_is_pressed_all_the_same(board):
    board.touch("#code")
    board.page.locator("#tabs a[href='#guests']").tap()
    board.gone()
    board.page.wait_for_selector("#view-guests")
    board.touch("#name")
    board.type("ada")
    board.desk.wait("#found", "Eve Ada Larsson")
    board.page.locator("#found button").filter(has_text="Ada Öğünç").click()  # a mouse presses and lets go later
    board.page.locator("#guest h2").filter(has_text="Ada Öğünç").wait_for()
    board.gone()


def test_it_goes_with_the_lock_and_has_kept_nothing(board, venue):
    board.desk.open("guests")
    board.touch("#name")
    board.type("ogunc")
    venue.set_pin("918273")  # which ends every session
    board.page.wait_for_selector("#pin[open]")
    board.gone()
    assert "ogunc" not in board.page.content()
    board.desk.sign_in("918273")
    board.page.wait_for_timeout(300)
    assert board.place.is_hidden()
    board.page.locator("#lock").tap()
    board.page.wait_for_selector("#pin[open]")
    board.desk.sign_in("918273")
    board.touch("#name")
    assert board.value("#name") == ""


def test_what_the_done_key_uncovers_is_not_pressed(board):
    """A browser makes a click of the end of a touch, and gives it to whatever lies there by then."""
    board.page.evaluate("document.addEventListener('click', (event) => (document.body.dataset.hit = event.target.id))")
    board.touch("#code")
    board.key("Done").tap()
    board.gone()
    board.page.wait_for_timeout(300)
    assert board.page.evaluate("document.body.dataset.hit") == ""
    assert board.focused() == "code"


# --- how it types ----------------------------------------------------------------------------------------------------


def test_it_types_and_deletes_where_the_caret_is_and_over_what_is_selected(board):
    board.touch("#code")
    board.type("abcd")
    select(board, 2, 2)
    board.type("x")
    board.type("y")
    assert board.value("#code") == "abxycd"
    board.key("Delete").tap()
    assert board.value("#code") == "abxcd"
    select(board, 1, 4)
    board.type("z")
    assert board.value("#code") == "azd"
    select(board, 0, 2)
    board.key("Delete").tap()
    board.key("Delete").tap()
    assert board.value("#code") == "d"


def select(board, begin, end):
    board.page.evaluate("([begin, end]) => document.activeElement.setSelectionRange(begin, end)", [begin, end])


def test_delete_takes_whole_signs_and_goes_on_while_it_is_held(board):
    board.touch("#code")
    board.page.locator("#code").fill("long enough 🎫")
    board.key("Delete").tap()
    assert board.value("#code") == "long enough "
    board.key("Delete").dispatch_event("pointerdown", {"button": 0})
    board.page.wait_for_function("() => document.querySelector('#code').value === ''")
    board.key("Delete").dispatch_event("pointerup")
    board.type("abcdef")
    board.page.wait_for_timeout(900)
    assert board.value("#code") == "abcdef", "it has stopped"


def test_one_capital_or_all_of_them(board):
    board.touch("#code")
    shift = board.key("Capitals")
    shift.tap()
    assert shift.get_attribute("aria-pressed") == "mixed"
    board.key("A").tap()
    board.key("b").tap()
    shift.tap()
    shift.tap()
    assert shift.get_attribute("aria-pressed") == "true"
    for name in ("C", "D"):
        board.key(name).tap()
    shift.tap()
    board.key("e").tap()
    assert board.value("#code") == "AbCDe"


def test_a_field_takes_no_more_than_it_may_hold(board):
    board.desk.open("guests")
    board.touch("#name")
    board.page.locator("#name").fill("x" * 99)
    board.type("yz")
    assert board.value("#name") == "x" * 99 + "y"
    select(board, 0, 50)
    board.type("z")
    assert board.value("#name") == "z" + "x" * 49 + "y"


def test_text_that_runs_the_other_way_is_only_text(board):
    board.desk.open("guests")
    board.touch("#name")
    hebrew = "\u202eשלום\u2066"
    board.page.locator("#name").fill(hebrew)
    select(board, 3, 3)
    board.type("a'")
    assert board.value("#name") == hebrew[:3] + "a'" + hebrew[3:]
    board.key("Delete").tap()
    board.key("Delete").tap()
    assert board.value("#name") == hebrew
    assert board.place.evaluate("(place) => getComputedStyle(place).direction") == "ltr"


def test_two_fingers_that_overlap_type_two_letters(board):
    board.touch("#code")
    cdp = board.page.context.new_cdp_session(board.page)
    one, two = ({**middle(board.key(name)), "id": n} for n, name in enumerate("gh"))
    for kind, points in (("touchStart", [one]), ("touchStart", [one, two]), ("touchEnd", [two]), ("touchEnd", [])):
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert board.value("#code") == "gh"
    assert board.focused() == "code"


def middle(place):
    box = place.bounding_box()
    return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}


def test_who_has_keys_pressed_by_another_aid_types_each_once(board):
    board.touch("#code")
    board.key("k").evaluate("(key) => key.click()")
    assert board.value("#code") == "k"


# --- what is on it ---------------------------------------------------------------------------------------------------


def test_letters_lie_as_in_the_languages_country_and_every_sign_is_somewhere(board):
    for language, layout in LAYOUTS.items():
        speak(board.page, language)
        board.touch("#code")
        on_keys = board.page.evaluate(ON_KEYS)
        assert "".join(on_keys).partition("0")[2].startswith(layout)
        for _ in ("signs", "accents"):
            board.place.locator("div:last-child .wide").first.tap()
            on_keys += board.page.evaluate(ON_KEYS)
            assert [name for name in board.page.evaluate(NAMES) if not name.strip()] == []
        wanted = {*(sign for sign in ASCII if not sign.isupper()), *OWN_LETTERS.get(language, "")}
        assert wanted - set(on_keys) == set(), language


def speak(page, language):
    """Let the page speak a language, whose texts matter nothing here."""
    page.unroute("**/words")
    page.route("**/words", lambda route: route.fulfill(json={**route.fetch().json(), "language": language}))
    page.add_init_script("EventSource = class {}")  # or it would hear that another one is spoken
    page.reload()
    page.wait_for_selector("#pin:not([open])", state="attached")


ON_KEYS = "() => [...document.querySelectorAll('#keyboard [data-small]')].map((each) => each.textContent)"
NAMES = "() => [...document.querySelectorAll('#keyboard button')].map((b) => b.ariaLabel ?? b.textContent)"


# --- how it looks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_keys_are_for_gloves_and_the_field_and_what_is_found_stay_above_them(open_desk, page, axe, size):
    desk = open_desk(size, has_touch=True)
    desk.sign_in()
    board, found = Board(desk), {}
    board.touch("#code")
    look(board, found, "code", axe, "#code")
    desk.open("guests")
    board.touch("#name")
    board.type("ogunc")
    desk.wait("#found", "Ada Öğünç")
    look(board, found, "name", axe, "#name", "#found button >> nth=0")
    for leaf in ("Signs", "Accents"):
        board.turn(leaf)
        look(board, found, leaf, axe, "#name")
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "cancelled")
    desk.press("Admit anyway", ".result")
    board.touch("#why")
    look(board, found, "why", axe, "#why", "dialog.question .row button >> nth=0")
    board.key("Done").tap()
    board.gone()
    assert [tab for tab in reached(desk) if tab == "keyboard"] == []
    assert (found, desk.errors) == ({}, [])


def look(board, found, state, axe, *above):
    top = board.place.bounding_box()["y"]
    problems = axe(board.page) + board.page.evaluate(KEYS)
    for name in above:
        box = board.page.locator(name).bounding_box()
        if box["y"] < 0 or box["y"] + box["height"] > top:
            problems.append(f"hidden: {name} {box}, keyboard from {top}")
    if problems:
        found[state] = problems


def reached(desk):
    """Where the tab key comes to, with the keyboard away."""
    for _ in range(12):
        desk.page.keyboard.press("Tab")
        yield desk.page.evaluate("document.activeElement.closest('#keyboard')?.id")


# Keys too small, cut off, or outside the screen.
KEYS = """() => [...document.querySelectorAll('#keyboard button')].flatMap((key) => {
  const box = key.getBoundingClientRect();
  const found = [];
  if (box.height < 48 || box.width < 44) found.push('small');
  if (box.left < 0 || box.right > innerWidth || box.bottom > innerHeight) found.push('out');
  if (key.scrollWidth > key.clientWidth + 1) found.push('cut');
  return found.map((what) => `${what}: ${key.textContent} ${box.width}x${box.height}`);
})"""
