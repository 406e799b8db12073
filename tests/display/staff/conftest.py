"""A door with real programs behind the staff page, and a page that speaks to it as a browser does."""

import contextlib
from dataclasses import dataclass

import httpx
import pytest

from kiosk import languages
from kiosk.clock import now
from kiosk.model import Listed, Ticket
from kiosk.store import pin
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState

EVENT_ID = "62a1c0ffee0000000000e001"
DIGITS = "402913"
ADA = Ticket("t-ada", "TKT-ADA-0001", EVENT_ID, "type-1", "Standing", "Ada Öğünç")
BOB = Ticket("t-bob", "TKT-BOB-0002", EVENT_ID, "type-1", "Standing", "Bob <b>Ølsen</b>", status="INVALID")
EVE = Ticket("t-eve", "TKT-EVE-0003", EVENT_ID, "type-2", "Backstage", "Eve Ada Larsson")


@dataclass
class Page:
    """What a browser has: the kiosk's own page, and a jar for its cookie."""

    client: httpx.Client

    def post(self, name, asked=None, **headers):
        return self.client.post(f"/staff/api/{name}", json=asked or {}, headers=headers)

    def ask(self, name, **asked):
        answer = self.post(name, asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, name, **asked):
        answer = self.post(name, asked)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    def sign_in(self, digits=DIGITS):
        return self.post("session", {"pin": digits})


class Venue:
    """A kiosk, its programs, and as many pages as are opened."""

    def __init__(self, kiosk, cloud_url):
        self.kiosk, self._cloud_url, self._pages = kiosk, cloud_url, []
        kiosk.data_dir.mkdir()
        self.configure()
        self.list_tickets(ADA, BOB, EVE)

    def configure(self, events=(EVENT_ID,), gate="", sync=""):
        listed = ", ".join(f'"{event}"' for event in events)
        self.kiosk.configure(self._cloud_url, gate=f"events = [{listed}]\n{gate}", sync=sync)

    def list_tickets(self, *found, event_id=EVENT_ID, settings=None):
        with contextlib.closing(Cache(self.kiosk.data_dir)) as store:
            store.store_events({event_id: f"Event {event_id[-1]}"})
            store.store([Listed(t) for t in found], ListState(event_id, "cloud", complete=True, checked=now()))
            if settings is not None:
                store.store_setting("me", settings)

    def set_pin(self, digits=DIGITS):
        pin.write(self.kiosk.data_dir / pin.FILE, digits)

    def page(self, **headers):
        url = f"http://127.0.0.1:{self.kiosk.port}"
        page = Page(httpx.Client(base_url=url, headers={"Origin": url, **headers}, timeout=30))
        self._pages.append(page)
        return page

    def open(self, eventually, *, signed_in=True):
        """Start gate and display, and open a page."""
        self.kiosk.open_gate()
        return self.show(eventually, signed_in=signed_in)

    def show(self, eventually, *, signed_in=True):
        page = self.start_display(eventually)
        if signed_in:
            self.set_pin()
            assert page.sign_in().status_code == 200
        return page

    def start_display(self, eventually):
        """Start the display, and return a page once it answers."""
        self.kiosk.start("display")
        page = self.page()

        def answers():
            with contextlib.suppress(httpx.TransportError):
                return page.client.get("/health").status_code == 200
            return False

        eventually("the display answers", answers)
        return page

    def close(self):
        for page in self._pages:
            page.client.close()


@pytest.fixture
def venue(kiosk, cloud):
    made = Venue(kiosk, cloud.url)
    yield made
    made.close()


@pytest.fixture
def page(venue, eventually):
    """A page that is signed in, at a door with a gate."""
    return venue.open(eventually)


class Desk:
    """The staff page in a browser, used as a person would; what is pressed and waited for is named in English."""

    def __init__(self, page, url, language="en"):
        self.page, self.url, self.errors, self.say = page, url, [], languages.read(language).say
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Policy" in said.text else None)
        self.load()

    def load(self):
        self.page.goto(f"{self.url}/staff")
        self.page.wait_for_selector("#pin[open]")

    def enter(self, digits=DIGITS):
        self.page.wait_for_selector("#keys:not([hidden])")
        for digit in digits:
            self.page.locator("#keys").get_by_role("button", name=digit, exact=True).click()
        self.page.locator("#enter").click()

    def sign_in(self, digits=DIGITS):
        self.enter(digits)
        self.page.wait_for_selector("#pin:not([open])", state="attached")

    def open(self, view):
        self.page.locator(f"#tabs a[href='#{view}']").click()
        self.page.wait_for_selector(f"#view-{view}")

    def press(self, name, within="body"):
        self.page.locator(within).get_by_role("button", name=self.say(name), exact=True).click()

    def answer(self, name):
        """Press a button of the question that lies over the page."""
        self.press(name, "dialog.question")

    def wait(self, place, text):
        self.page.locator(place).get_by_text(self.say(text) if isinstance(text, str) else text).first.wait_for()

    def type_code(self, code):
        self.open("scan")
        self.page.locator("#code").fill(code)
        self.press("Check", "#typing")

    def find(self, text):
        self.open("guests")
        self.page.locator("#name").fill(text)

    def open_guest(self, text, name):
        self.find(text)
        self.page.locator("#found button").filter(has_text=name).first.click()
        self.page.locator("#guest h2").first.wait_for()


class Board:
    """The keyboard on the screen, touched as a person would."""

    def __init__(self, desk):
        self.page, self.desk = desk.page, desk
        self.place = desk.page.locator("#keyboard")

    def touch(self, field):
        self.page.locator(field).tap()
        self.place.wait_for()

    def key(self, name):
        return self.place.get_by_role("button", name=name, exact=True)

    def type(self, text):
        """Press the keys of a text, of whichever page they are."""
        for sign in text:
            if sign == " ":
                self.key("Space").tap()
            elif sign.isalpha() and sign.isascii():
                self.turn("Letters")
                if sign.isupper():
                    self.key("Capitals").tap()
                self.key(sign).tap()
            else:
                for leaf in () if self.key(sign).count() else ("Signs", "Accents"):
                    self.turn(leaf)
                    if self.key(sign).count():
                        break
                self.key(sign).tap()

    def turn(self, leaf):
        if self.key(leaf).count():
            self.key(leaf).tap()

    def gone(self):
        self.place.wait_for(state="hidden")
        assert self.page.locator("[data-keyboard]").count() == 0

    def value(self, field):
        return self.page.locator(field).input_value()

    def focused(self):
        return self.page.evaluate("document.activeElement.id")


@pytest.fixture
def desk(browser, venue, page):
    """The staff page of a door with a gate, signed in."""
    with opened(browser, venue) as made:
        made.sign_in()
        yield made
        assert made.errors == []


@contextlib.contextmanager
def opened(browser, venue, size=(1024, 600), language="en", **options):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    try:
        yield Desk(context.new_page(), f"http://127.0.0.1:{venue.kiosk.port}", language)
    finally:
        context.close()


@pytest.fixture
def open_desk(browser, venue):
    """Open the staff page in a browser of its own, of a size; not signed in."""
    with contextlib.ExitStack() as stack:
        yield lambda *size, **options: stack.enter_context(opened(browser, venue, *size, **options))
