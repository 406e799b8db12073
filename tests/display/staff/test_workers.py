"""Work on threads of its own: the loop goes on meanwhile, and only so many wait."""

import asyncio
import threading

import pytest

from kiosk.display.staff.workers import MOST_WAITING, Busy, Workers


def test_results_and_errors_come_back_and_one_thread_does_it_all(run):
    async def main():
        workers = Workers("w")
        assert await workers.do(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await workers.do(lambda: 1 // 0)
        return {await workers.do(threading.get_ident) for _ in range(5)}

    assert len(run(main())) == 1


def test_the_loop_goes_on_while_something_takes_long_and_too_many_are_sent_away(run):
    async def main():
        workers, release = Workers("w"), threading.Event()
        asked = [asyncio.ensure_future(workers.do(lambda: release.wait(20))) for _ in range(MOST_WAITING + 2)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_EXCEPTION)
        assert {type(each.exception()) for each in done} == {Busy}
        release.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    found = run(main())
    assert found.count(True) >= MOST_WAITING
    assert len(found) - found.count(True) >= 1


def test_who_has_gone_is_not_worked_for(run):
    async def main():
        workers, release, done = Workers("w"), threading.Event(), []
        first = asyncio.ensure_future(workers.do(lambda: release.wait(20)))
        second = asyncio.ensure_future(workers.do(lambda: done.append(1)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        release.set()
        await first
        await workers.do(lambda: None)
        return done

    assert run(main()) == []
