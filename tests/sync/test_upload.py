"""A scan's journey from the journal to the cloud, step by step; `test_exactly_once.py` plays any of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from kiosk import plan
from kiosk.cloud.budget import Budget, Share, Use
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import NotSent, Unauthorized
from kiosk.model import Delivery
from kiosk.outcome import Outcome
from kiosk.store import ledger as ledgers
from kiosk.store.ledger import Ledger, hand_out_again
from kiosk.sync import upload as uploads
from kiosk.sync.register import Register
from kiosk.sync.upload import Upload
from tests.sync.modelcloud import DEVICE, NOTHING_DONE, Clock, Cloud, Dice, Door, like


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    for name, stand_in in (("time", made), ("clock", made), ("random", Dice)):
        monkeypatch.setattr(uploads, name, stand_in)
    return made


@pytest.fixture
def service(clock) -> Cloud:
    return Cloud(clock)


@pytest.fixture
def door(tmp_path, service) -> Iterator[Door]:
    made = Door(tmp_path, service)
    made.start()  # an empty journal: whatever comes now is new
    assert made.step() is None
    yield made
    made.close()


# --- one step after the other ----------------------------------------------------------------------------------------


def test_without_a_journal_there_is_nothing_to_do(tmp_path, service):
    ledger = Ledger(tmp_path)
    upload = Upload(Register(tmp_path, ledger, ran_before=True), ledger, service, 200)
    assert upload.step() is None
    assert service.posts == []
    ledger.close()


def test_new_scans_are_delivered_oldest_first_in_full_batches(door, service):
    door.batch_size = 4
    door.start()
    door.record(10)
    door.finish()
    assert [len(batch) for batch in service.posts] == [4, 4, 2]
    assert service.codes() == door.expected()
    assert door.states() == {"acked": list(range(1, 11))}


def test_a_batch_is_on_disk_as_under_way_before_it_is_sent(door, service):
    seen: list[dict[str, list[int]]] = []
    service.watch = lambda: seen.append(door.states())
    door.record(3)
    door.finish()
    assert seen == [{"inflight": [1, 2, 3]}]


def test_scans_without_a_ticket_stay_here_and_do_not_hold_up_the_others(door, service):
    door.record()
    door.record_unknown()
    door.record()
    door.finish()
    assert service.codes() == ["CODE00001", "CODE00003"]
    assert door.states() == {"acked": [1, 3], "local": [2]}


def test_scans_that_come_while_others_are_under_way_go_out_after_them(door, service):
    door.record(2)
    service.watch = lambda: door.record() if len(door.scans) < 5 else None
    door.finish()
    assert service.codes() == door.expected()
    assert len(door.scans) == 5


@pytest.mark.parametrize("fault", sorted(set(NOTHING_DONE) - {"budget"}))
def test_when_nothing_was_sent_or_taken_the_batch_is_pending_again_and_waits(door, service, fault):
    service.script = [fault]
    door.record(3)
    assert door.step() == 0.0
    assert door.states() == {"pending": [1, 2, 3]}
    assert door.upload.problem is not None
    assert door.upload.failures == 1
    assert door.upload.step() > 0.0
    assert service.reads == 0
    door.finish()
    assert service.codes() == door.expected()
    assert door.upload.problem is None
    assert door.upload.failures == 0


def test_the_wait_that_the_cloud_asks_for_is_kept(door, service):
    service.script = ["slow down"]
    door.record()
    door.step()
    assert door.upload.step() == 30.0


@pytest.mark.parametrize("fault", ["lost before", "lost after", "lost half"])
def test_what_was_sent_and_not_answered_is_read_back_after_it_has_settled_and_never_simply_sent_again(
    door, service, fault
):
    service.script = [fault]
    door.record(4)
    door.step()
    assert door.states() == {"unknown": [1, 2, 3, 4]}
    assert door.upload.step() == plan.SETTLE_S
    door.record(2)  # newer ones do not overtake it
    door.step()
    door.finish()
    assert service.codes() == door.expected()
    assert service.reads == (2 if fault == "lost half" else 1)
    sent = [code for batch in service.posts for code in batch]
    assert sent.count("CODE00001") == (2 if fault == "lost before" else 1)
    assert sent.count("CODE00004") == (1 if fault == "lost after" else 2)


def test_what_may_still_be_running_is_looked_for_soon_but_not_sent_again_before_it_cannot_be_any_more(
    door, service, clock
):
    service.script = ["timed out late"]
    door.record(3)
    door.step()
    given_up_s = clock.now_s
    door.step()
    door.step()
    assert (service.reads, door.states()) == (1, {"unknown": [1, 2, 3]})
    assert door.upload.step() == pytest.approx(plan.RUN_S - plan.SETTLE_S)
    door.finish()
    assert service.codes() == door.expected()
    assert len(service.posts) == 1
    assert clock.now_s == pytest.approx(given_up_s + plan.RUN_S)


def test_what_had_arrived_though_nobody_answered_in_time_is_found_at_the_first_look(door, service, clock):
    service.script = ["timed out after"]
    door.record(3)
    door.finish()
    assert (service.reads, len(service.posts)) == (1, 1)
    assert door.states() == {"acked": [1, 2, 3]}


def test_a_scan_of_another_door_with_the_same_ticket_and_time_is_not_taken_for_ours(door, service):
    door.record()
    service.script = ["lost before"]
    door.step()
    foreign = like(door.scans[0])
    service.stored += [foreign | {"deviceId": "gate-2"}, {k: v for k, v in foreign.items() if k != "deviceId"}]
    door.finish()
    assert [scan.get("deviceId") for scan in service.stored] == ["gate-2", None, DEVICE]


def test_a_batch_of_two_events_is_read_back_event_by_event(door, service):
    door.record(2, "fest")
    door.record(2, "gala")
    service.script = ["lost after"]
    door.step()
    door.finish()
    assert service.reads == 2
    assert service.codes() == door.expected()


def test_what_one_event_has_is_kept_when_the_other_cannot_be_read_back(door, service):
    door.record(2, "fest")
    door.record(2, "gala")
    service.script = ["lost after", "", "refused connection"]
    door.step()
    door.step()
    assert door.step() == 0.0
    assert door.states() == {"acked": [1, 2], "unknown": [3, 4]}
    door.finish()
    assert service.codes() == door.expected()


def test_reading_back_that_fails_is_said_and_tried_again_later(door, service):
    service.script = ["lost after", "refused connection"]
    door.record()
    door.step()
    door.step()
    door.step()
    assert isinstance(door.upload.problem, NotSent)
    assert door.upload.failures == 2
    assert door.states() == {"unknown": [1]}
    assert door.upload.step() > 0.0
    door.finish()
    assert service.codes() == door.expected()
    assert len(service.posts) == 1


@pytest.mark.parametrize("fault", ["killed before", "killed after", "killed late"])
def test_what_was_under_way_when_sync_was_killed_is_doubted_and_given_time_to_settle(door, service, fault, clock):
    service.script = [fault]
    door.record(3)
    door.step()
    killed_s = clock.now_s
    door.start()
    assert door.states() == {"unknown": [1, 2, 3]}
    door.finish()
    assert service.codes() == door.expected()
    assert len(service.posts) == (2 if fault == "killed before" else 1)
    assert clock.now_s - killed_s == (0.0 if fault == "killed after" else plan.RUN_S)


def test_after_a_reboot_a_batch_that_was_under_way_cannot_be_any_more(door, service, clock):
    service.script = ["killed before"]
    door.record(3)
    door.step()
    clock.reboot(plan.RUN_S)
    clock.now_s += plan.RUN_S
    began_s = clock.now_s
    door.finish()
    assert service.codes() == door.expected()
    assert clock.now_s == began_s


def test_a_restart_costs_the_read_back_of_one_batch_and_no_more(door, service):
    door.batch_size = 10
    door.start()
    door.record(500)
    for _ in range(20):
        door.step()
    service.script = ["killed after"]
    door.step()
    service.honours_time = True
    door.finish()
    assert service.codes() == door.expected()
    assert service.reads == 1


def test_a_refused_scan_stands_alone_with_the_clouds_words_and_the_others_go_on(door, service):
    service.bad = {"CODE00004", "CODE00005"}
    door.record(9)
    door.finish()
    assert service.codes() == door.expected()
    assert door.states() == {"acked": [1, 2, 3, 6, 7, 8, 9], "refused": [4, 5]}
    database = ledgers.reader(door.directory)
    assert ledgers.states(database, 4, 4)[4] == (Delivery.REFUSED, "400: one of them is bad")
    database.close()


def test_a_refused_scan_that_a_person_hands_out_again_is_tried_again_alone(door, service):
    service.bad = {"CODE00002"}
    door.record(3)
    door.finish()
    service.bad.clear()
    assert hand_out_again(door.directory, []) == [2]
    door.finish()
    assert service.codes() == ["CODE00001", "CODE00003", "CODE00002"]
    assert door.states() == {"acked": [1, 2, 3]}


def test_a_batch_that_is_too_large_shrinks_until_it_fits(door, service):
    service.largest = 30
    door.record(200)
    door.finish()
    assert service.codes() == door.expected()
    assert door.states() == {"acked": list(range(1, 201))}


def test_a_cloud_that_came_back_ends_a_long_back_off(door, service):
    service.script = ["refused connection"] * 5
    door.record()
    while service.script:
        door.step()
    assert door.upload.step() > plan.SETTLE_S
    door.upload.hurry()
    assert door.upload.step() == pytest.approx(plan.SETTLE_S)


def test_a_cloud_that_swallows_every_upload_is_asked_more_and_more_seldom(door, service, clock):
    """Reading back works, uploads are never answered: an hour of it must not cost a thousand requests."""
    service.script = ["lost before", ""] * 10_000
    door.record()
    end = clock.now_s + 3600
    while clock.now_s < end:
        door.step()
    assert len(service.posts) + service.reads < 200


def test_the_budget_says_when_and_is_no_problem(door, service):
    service.script = ["budget"]
    door.record(2)
    assert door.step() == 4.0
    assert (door.upload.problem, door.upload.failures) == (None, 0)
    assert door.states() == {"pending": [1, 2]}
    door.finish()
    assert service.codes() == door.expected()


def test_a_size_that_was_too_large_is_not_tried_again(door, service):
    service.largest = 30
    door.record(400)
    door.finish()
    too_large = [batch for batch in service.posts if len(batch) > 30]
    assert len(too_large) == 3  # 200, 100, 50
    assert service.codes() == door.expected()


# --- reading back that is not allowed --------------------------------------------------------------------------------


def test_what_cannot_be_looked_up_is_held_in_sight_and_does_not_hold_up_the_others(door, service):
    service.may_read = False
    service.script = ["lost after"]
    door.record(2)
    door.step()
    door.step()
    door.step()
    assert "kiosk retry --unknown" in str(door.upload.problem)
    assert isinstance(door.upload.problem, Unauthorized)
    door.record(2)
    door.step()
    assert door.states() == {"unknown": [1, 2], "acked": [3, 4]}
    assert 0 < door.upload.step() <= plan.LOOK_AGAIN_S
    assert door.upload.asks_person


def test_what_is_held_is_cleared_up_as_soon_as_looking_is_allowed_again(door, service):
    service.may_read = False
    service.script = ["lost after"]
    door.record(2)
    for _ in range(6):
        door.step()
    service.may_read = True
    door.finish()
    assert service.codes() == door.expected()
    assert len(service.posts) == 1


def test_what_is_held_is_sent_again_when_a_person_says_so(door, service):
    service.may_read = False
    service.script = ["lost before"]
    door.record(2)
    for _ in range(6):
        door.step()
    assert hand_out_again(door.directory, [], unknown=True) == [1, 2]
    door.finish()
    assert service.codes() == door.expected()


def test_who_prefers_doubles_to_gaps_has_it_sent_again_once_nothing_can_be_running_any_more(door, service, clock):
    service.may_read = False
    door.on_unknown = "resend"
    door.start()
    service.script = ["timed out before"]
    door.record(2)
    door.step()
    given_up_s = clock.now_s
    door.finish()
    assert service.codes() == door.expected()
    assert clock.now_s >= given_up_s + plan.RUN_S


def test_what_can_never_be_looked_up_is_held_without_a_look(door, service):
    service.can_look = False
    door.start()
    service.script = ["lost after"]
    door.record(2)
    door.step()
    assert door.upload.step() == math.inf
    assert door.upload.asks_person
    assert (service.reads, door.states()) == (0, {"unknown": [1, 2]})


def test_a_look_in_between_over_several_pages_is_not_mixed_up_with_what_is_sent_after_it(door, service):
    """The first look is left behind when a person hands out what it was for."""
    service.cap = 1
    door.record(3)
    service.script = ["lost before"]
    service.stored = [like(door.scans[0]) | {"deviceId": f"gate-{n}", "_id": f"x{n}"} for n in range(2, 9)]
    door.step()
    door.step()
    assert door.step() == 0.0
    hand_out_again(door.directory, [], unknown=True)
    service.script = ["timed out late"]
    door.step()
    door.finish()
    assert service.codes() == door.expected()


# --- files that are lost or do not fit together ----------------------------------------------------------------------


@pytest.mark.parametrize("ran_before", [True, False])
def test_a_ledger_that_was_lost_costs_a_look_and_only_what_is_missing_is_sent(door, service, ran_before):
    door.record(30, "fest")
    door.record(10, "gala")
    door.finish()
    service.stored = [scan for scan in service.stored if scan["barcode"] not in {"CODE00007", "CODE00035"}]
    door.record(3)
    door.lose("ledger.db")
    posts = len(service.posts)
    door.finish()
    assert sorted(service.codes()) == door.expected()
    assert service.posts[posts:] == [["CODE00007", "CODE00035", "CODE00041", "CODE00042", "CODE00043"]]
    assert service.reads <= 8  # each event at once, and again when nothing can be under way any more


def test_a_first_run_beside_a_journal_looks_nothing_up(tmp_path, service):
    door = Door(tmp_path, service)
    door.record(3)
    service.may_read = False
    door.finish()
    assert service.codes() == door.expected()
    assert service.reads == 0
    door.close()


def test_a_new_journal_beside_an_old_ledger_is_delivered(door, service):
    door.record(5)
    door.finish()
    door.lose("journal.db")
    door.journal.close()
    fresh = Door(door.directory, service)
    fresh.ran_before = True
    fresh.clock.now_s += 3600
    fresh.record(3)
    fresh.finish()
    assert service.codes() == ["CODE00001", "CODE00002", "CODE00003", "CODE00004", "CODE00005", *fresh.expected()]
    fresh.close()


@pytest.mark.parametrize("state", [Delivery.PENDING, Delivery.UNKNOWN])
def test_scans_whose_journal_is_gone_never_make_sync_run_hot(door, service, clock, state):
    door.record(3)
    service.script = ["refused connection"]
    door.step()
    if state is Delivery.UNKNOWN:
        door.ledger.post([1, 2, 3], clock.now())
        door.ledger.move(Outcome.NO_ANSWER, [1, 2, 3])
    door.lose("journal.db")
    door.start()
    clock.now_s += 1000.0
    waits = [door.upload.step() for _ in range(50)]
    assert waits[-1] is None or waits[-1] > 0.0
    assert service.posts == []


def test_scans_that_the_journal_has_lost_stand_in_sight_and_hold_up_nobody(door, service):
    """A row is torn out of the middle of the file, against its own guard."""
    door.record(3)
    file = door.journal._database
    for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        file.execute(f"DROP TRIGGER {trigger}")
    file.execute("DELETE FROM scan WHERE seq = 2")
    door.register.take_in()
    door.ledger.take_in([ledgers.Entry(door.scans[1], Delivery.PENDING, "fest")])
    door.finish()
    assert door.states() == {"acked": [1, 3], "refused": [2]}


# --- against the sandbox cloud ---------------------------------------------------------------------------------------


@pytest.fixture
def line(cloud, clock) -> Iterator[Line]:
    share = Share(Budget(100_000, clock.monotonic), Use.DELIVERY)
    drawn = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"}, share)
    yield drawn
    drawn.close()


def deliver(upload: Upload, clock: Clock) -> None:
    for _ in range(500):
        waited = upload.step()
        if waited is None:
            return
        clock.now_s += waited
    raise AssertionError("it never comes to an end")


@pytest.fixture
def real(tmp_path, cloud, line, clock) -> Iterator[tuple[Door, Upload]]:
    door = Door(tmp_path, Cloud(clock))
    ledger = Ledger(tmp_path)
    register = Register(tmp_path, ledger, ran_before=False)
    upload = Upload(register, ledger, Portier(line), 200)
    upload.step()
    yield door, upload
    register.close()
    ledger.close()
    door.close()


@pytest.mark.parametrize(
    "faults",
    [
        [("lost_reply", {})] * 3, [("error_after", {}), ("error_before", {}), ("lost_reply", {})],
        [("rate_limited", {"retry_after": "date"}), ("rate_limited", {"retry_after": "none"})],
        [("offline", {}), ("half_reply", {}), ("cut_json", {}), ("wrong_ids", {}), ("partial_answer", {})],
        [("captive_html", {}), ("captive_204", {}), ("captive_redirect", {}), ("captive_meta", {})],
        [("unauthorized", {}), ("forbidden", {}), ("not_found_html", {}), ("answer_other", {})],
    ],
)  # fmt: skip
def test_the_sandboxs_faults_one_after_the_other_neither_lose_nor_double_a_scan(real, cloud, clock, faults):
    door, upload = real
    door.record(450)
    for name, parameters in faults:
        cloud.arm(name, 1, route="POST /api/scans", **parameters)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == door.expected()


def test_what_may_have_arrived_is_found_behind_thousands_of_newer_scans_though_the_time_filter_has_no_effect(
    real, cloud, clock, line
):
    door, upload = real
    door.record(150)
    cloud.arm("lost_reply", 1)
    cloud.arm("ignore_time_filter", None)
    upload.step()
    other = like(door.scans[0]) | {"deviceId": "gate-2", "time": "2030-01-23T23:00:00.000Z"}
    for _ in range(3):
        line.post("/scans", [other] * 900)
    deliver(upload, clock)
    ours = [scan["barcode"] for scan in cloud.scans() if scan["deviceId"] == DEVICE]
    assert ours == door.expected()


def test_a_limit_in_the_way_only_makes_the_batches_smaller(real, cloud, clock):
    door, upload = real
    cloud.arm("too_large", None, limit=64)
    door.record(300)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == door.expected()


def test_scans_that_the_cloud_refuses_are_exactly_the_ones_left_over(real, cloud, clock):
    door, upload = real
    door.record(250)
    bad = {"CODE00003", "CODE00004", "CODE00199", "CODE00201", "CODE00250"}
    for barcode in bad:
        cloud.arm("refuse_scan", None, barcode=barcode)
    deliver(upload, clock)
    assert [scan["barcode"] for scan in cloud.scans()] == [code for code in door.expected() if code not in bad]
    assert door.states()["refused"] == [3, 4, 199, 201, 250]
