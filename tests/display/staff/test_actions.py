"""What staff do on their page, in a real browser with a real gate and a real sync behind it."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from kiosk.calibration import TEXT
from kiosk.cli import sheet
from kiosk.display.staff.pictures import pictures
from kiosk.store import audit, chosen
from tests.display.staff.conftest import BOB

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

EVENT_ID = "62a1c0ffee0000000000e001"


def told(kiosk, action):
    return [row for row in audit.read(kiosk.data_dir) if row["action"] == action]


def reasons(kiosk):
    return [scan["reason"] for scan in kiosk.scans()]


# --- a scan by hand, an override -------------------------------------------------------------------------------------


def decline(desk):
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "This ticket was cancelled")


def test_a_code_that_is_typed_is_judged_and_shown_as_at_the_door(desk, venue):
    desk.page.locator("#code").fill("TKT-ADA-0001")
    desk.page.keyboard.press("Enter")
    desk.wait(".result", "Welcome")
    seen = desk.page.locator(".result .verdict")
    assert (seen.get_attribute("data-face"), seen.get_attribute("data-colour")) == ("approved", "green")
    assert desk.page.locator("#code").input_value() == ""
    desk.page.locator("#code-type").select_option("checkout")
    desk.type_code("TKT-ADA-0001")
    desk.wait(".result", "Goodbye")
    desk.type_code("NOBODYKNOWS")
    desk.wait(".result", "find the guest by name")
    assert seen.get_attribute("data-colour") == "red"
    assert [(scan["type"], scan["reason"]) for scan in venue.kiosk.scans()] == [
        ("checkin", "ok"), ("checkout", "ok"), ("checkout", "unknown"),
    ]  # fmt: skip


def test_the_last_declined_guest_is_admitted_with_a_reason_and_once(desk, venue):
    venue.kiosk.scan("TKT-BOB-0002")
    desk.wait("#last", "This ticket was cancelled")
    desk.press("Admit anyway", "#last")
    desk.answer("Admit")
    desk.wait("dialog.question", "Say why this guest is admitted")
    assert len(venue.kiosk.scans()) == 1
    desk.press("Paid at the box office")
    desk.page.evaluate(TWICE, "Admit")
    desk.wait(".result", "Admitted by staff")
    assert reasons(venue.kiosk) == ["invalid", "overridden"]
    (row,) = told(venue.kiosk, "override")
    assert (row["by"], row["declined"]) == ("staff", "invalid")
    desk.open_guest("olsen", "Ølsen")
    desk.wait("#guest .past", "Admitted because: Paid at the box office (staff)")


def test_who_was_admitted_since_is_not_offered_to_be_admitted_again(desk, venue):
    venue.kiosk.scan("TKT-BOB-0002")
    desk.press("Admit anyway", "#last")
    desk.press("Paid at the box office")
    desk.answer("Admit")
    desk.wait("#last", "Admitted since, at")
    assert desk.page.locator("#last button").count() == 0
    assert "No ticket is certain" not in desk.page.locator("#last").inner_text()


def test_nor_is_who_was_admitted_by_a_later_scan(desk, venue, eventually):
    venue.kiosk.scan("TKT-BOB-0002")
    desk.wait("#last", "Admit anyway")
    venue.list_tickets(replace(BOB, status="VALID"))
    eventually("he is let in", lambda: judged(venue))
    desk.wait("#last", "Admitted since, at")
    assert desk.page.locator("#last button").count() == 0


def judged(venue):
    venue.kiosk.call("scan", "TKT-BOB-0002", check=False)
    return "ok" in reasons(venue.kiosk)


# A double click that no browser has merged.
TWICE = """(name) => [1, 2].forEach(() => (
  [...document.querySelectorAll('dialog.question button')].find((each) => each.textContent === name).click()
))"""


def test_an_override_whose_answer_is_lost_is_asked_for_again_and_admits_once(desk, venue, eventually):
    decline(desk)
    desk.press("Admit anyway", ".result")
    desk.press("Identity was checked")

    def lose(route):
        route.fetch()
        route.abort()

    desk.page.route("**/staff/api/override", lose)
    desk.answer("Admit")
    desk.wait("dialog.question", "No connection")
    desk.page.unroute("**/staff/api/override")
    desk.answer("Admit")
    desk.wait(".result", "Admitted by staff")
    desk.wait(".result", "Same code again")
    assert reasons(venue.kiosk) == ["invalid", "overridden"]


def test_an_override_that_is_left_does_nothing(desk, venue):
    decline(desk)
    desk.press("Admit anyway", ".result")
    desk.press("Identity was checked")
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_selector("dialog.question", state="detached")
    assert reasons(venue.kiosk) == ["invalid"]


def test_a_verdict_of_the_door_is_seen_on_the_staff_page_while_it_stands_there(desk, venue):
    venue.kiosk.scan("TKT-ADA-0001")
    desk.wait("#live", "Welcome")
    assert desk.page.locator("#live").get_attribute("data-colour") == "green"
    desk.page.wait_for_selector("#live:empty", state="attached")
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "cancelled")
    assert desk.page.locator("#live").text_content() == ""


# --- guests ----------------------------------------------------------------------------------------------------------


def test_a_guest_is_found_while_typing_and_checked_in_after_a_question(desk, venue):
    asked = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.find("og")
    desk.wait("#found-said", "at least three letters")
    desk.page.locator("#name").fill("")
    desk.page.locator("#name").press_sequentially("ogunc", delay=20)
    desk.wait("#found", "Ada Öğünç")
    assert sum(url.endswith("/find") for url in asked) <= 2, "it waits for a pause"
    desk.page.locator("#found button").click()
    desk.press("Check in")
    assert venue.kiosk.scans() == []
    desk.answer("Cancel")
    desk.page.wait_for_selector("dialog.question", state="detached")
    assert venue.kiosk.scans() == []
    desk.press("Check in")
    desk.page.evaluate(TWICE, "Check in")
    desk.wait("#guest .result", "Welcome")
    desk.wait("#guest .past", "approved")
    desk.wait("#guest", "Inside")
    desk.press("Check out", "#guest")
    desk.answer("Check out")
    desk.wait("#guest .result", "Goodbye")
    assert [scan["type"] for scan in venue.kiosk.scans()] == ["checkin", "checkout"]
    desk.press("Back to the list")
    desk.wait("#found", "Not inside")


def test_who_is_declined_by_a_rule_is_admitted_from_the_guests_page(desk, venue):
    desk.open_guest("olsen", "Ølsen")
    desk.press("Check in")
    desk.answer("Check in")
    desk.wait("#guest .result", "This ticket was cancelled")
    desk.press("Admit anyway")
    desk.press("The organiser knows this guest")
    desk.answer("Admit")
    desk.wait("#guest .result", "Admitted by staff")
    assert reasons(venue.kiosk) == ["invalid", "overridden"]


def test_names_that_are_still_being_read_are_waited_for(desk):
    answers = [{"guests": [], "more": False, "ready": False}]
    desk.page.route(
        "**/staff/api/find", lambda route: route.fulfill(json=answers.pop()) if answers else route.continue_()
    )
    desk.find("ogunc")
    desk.wait("#found-said", "still being read")
    desk.wait("#found", "Ada Öğünç")


# --- choices ---------------------------------------------------------------------------------------------------------


def test_direction_and_types_are_chosen_put_in_force_and_taken_back(desk, venue):
    desk.open("choices")
    desk.page.get_by_label("Out", exact=True).check()
    desk.page.locator(f"#types-{EVENT_ID}").uncheck()
    desk.page.get_by_label("Standing").uncheck()
    desk.wait("#view-choices", "Not in force yet")
    assert not chosen.read(venue.kiosk.data_dir)
    desk.press("Put in force")
    desk.page.get_by_text("In force", exact=True).wait_for()
    kept = chosen.read(venue.kiosk.data_dir)
    assert (kept.scan_type, dict(kept.ticket_types)) == ("checkout", {EVENT_ID: ("type-2",)})
    desk.press("As configured")
    desk.answer("As configured")
    desk.page.wait_for_selector("dialog.question", state="detached")
    desk.page.get_by_text("In force", exact=True).wait_for()
    assert not chosen.read(venue.kiosk.data_dir)
    assert desk.page.get_by_label("As configured: In").is_checked()


def test_a_choice_that_cannot_be_is_refused_in_words_and_stays_as_it_was_made(desk, venue):
    desk.open("choices")
    desk.page.locator("#events-own").uncheck()
    desk.page.locator(f"#event-{EVENT_ID}").uncheck()
    desk.press("Put in force")
    desk.page.wait_for_selector("#view-choices .trouble:not(:empty)")
    assert not desk.page.locator(f"#event-{EVENT_ID}").is_checked()
    assert not chosen.read(venue.kiosk.data_dir)


def test_what_the_cloud_locks_can_be_seen_and_not_changed(desk, venue, eventually):
    venue.list_tickets(settings={"deviceSettings": {"scanConfig": {"mode": "lock"}}})
    eventually("it is locked", lambda: locked(desk))
    assert desk.page.get_by_label("Out", exact=True).is_disabled()
    assert desk.page.get_by_role("button", name="Put in force").is_disabled()


def locked(desk):
    desk.open("scan")
    desk.open("choices")
    desk.page.wait_for_selector("#view-choices fieldset")
    return desk.page.locator("#locked").count()


# --- deliveries ------------------------------------------------------------------------------------------------------


def test_refused_scans_are_shown_with_their_reason_and_sent_again(desk, venue, cloud, eventually):
    desk.type_code("TKT-ADA-0001")
    desk.wait(".result", "Welcome")
    desk.type_code("TKT-EVE-0003")
    desk.wait(".result", "Eve")
    venue.kiosk.start("sync")
    eventually("both are delivered", lambda: len(cloud.scans()) == 2)
    venue.kiosk.stop("sync")
    with closing(sqlite3.connect(venue.kiosk.data_dir / "ledger.db")) as database, database:
        database.execute("UPDATE delivery SET state = 'refused', error = '400: no such <ticket>'")
    desk.open("deliveries")
    desk.wait("#refused", "400: no such <ticket>")
    desk.press("Send again, scan 1")
    desk.wait("#view-deliveries", "Sync does not answer")
    venue.kiosk.start("sync")
    eventually("sync listens", (venue.kiosk.runtime_dir / "sync.sock").exists)
    desk.press("Send again, scan 1")
    desk.wait("#view-deliveries", "1 scan is sent again")
    desk.press("Send all again")
    desk.wait("#view-deliveries", "1 scan is sent again")
    eventually("both are delivered again", lambda: len(cloud.scans()) == 4)
    desk.open("scan")
    desk.open("deliveries")
    desk.wait("#refused", "The cloud has refused nothing")


def test_a_list_that_shrank_is_believed_after_a_question(desk, venue, eventually):
    with closing(sqlite3.connect(venue.kiosk.data_dir / "tickets.db")) as database, database:
        database.execute("UPDATE list SET shrunk_to = 2")
        database.execute("INSERT INTO missing SELECT 't-eve', no FROM list")
    venue.configure(events=(), gate="settings_from_cloud = false")  # so that sync leaves this list alone
    venue.kiosk.start("sync")
    eventually("sync listens", (venue.kiosk.runtime_dir / "sync.sock").exists)
    desk.open("deliveries")
    desk.wait("#lists", "shrank to 2")
    desk.press("Accept the smaller list")
    assert desk.page.evaluate("document.activeElement.textContent") == "Cancel", "nothing to do in passing"
    desk.answer("Accept")
    desk.wait("#view-deliveries", "1 ticket was taken off the list")
    assert len(told(venue.kiosk, "list accepted")) == 1


# --- the machine -----------------------------------------------------------------------------------------------------


def test_scanners_clock_and_language_are_told_with_what_to_do(desk, venue):
    desk.open("setup")
    desk.wait("#lanes", "left")
    desk.press("Calibrate left")
    desk.wait("dialog.question", "Scan one of these codes with scanner left")
    desk.page.wait_for_function("() => document.querySelector('dialog img').naturalWidth > 0")
    desk.page.keyboard.press("Escape")
    desk.wait("#clock", "timeslots cannot be checked")
    desk.wait("#view-setup", "kiosk pin")
    assert desk.page.locator("#lanes .badge.in").count() == 2


def test_a_clock_that_is_known_to_be_wrong_needs_nobody_any_more(venue, open_desk, eventually):
    said = {"quality": "guessed", "known": True, "source": "operator", "aheadSeconds": -3600.0}
    with venue.kiosk.saying("gate", clock=said):
        venue.show(eventually)
        desk = open_desk()
        desk.sign_in()
        desk.open("setup")
        desk.wait("#clock", "whatever this machine’s clock shows")
        assert "said by staff" in desk.page.locator("#clock").inner_text()
        assert desk.page.get_by_role("button", name="Set the clock").count() == 1, "the last word counts"


def test_the_code_to_calibrate_with_is_the_one_that_kiosk_calibrate_knows(desk, tmp_path):
    sheet.write(tmp_path / "sheet.svg", TEXT)
    drawn = desk.page.evaluate("fetch('/staff/calibration.svg').then((answer) => answer.text())")
    assert drawn == (tmp_path / "sheet.svg").read_text(encoding="utf-8")


def test_the_evening_is_shown_in_five_pictures_and_as_many_tables(desk):
    desk.type_code("TKT-ADA-0001")
    desk.wait(".result", "Welcome")
    desk.type_code("TKT-BOB-0002")
    desk.wait(".result", "cancelled")
    desk.open("numbers")
    whole = "() => [...document.querySelectorAll('#figures img')].filter((each) => each.naturalWidth > 0).length"
    desk.page.wait_for_function(f"() => ({whole})() === {len(pictures())}")
    for summary in desk.page.locator("summary").all():
        summary.click()
    tables = [table.inner_text() for table in desk.page.locator("#figures table").all()]
    assert len(tables) == len(pictures())
    assert "manual\t1" in tables[2]
    assert "Standing\t1" in tables[3]
    assert "cancelled\t1" in tables[4]
