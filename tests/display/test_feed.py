"""The newest snapshot, for as many screens as there are."""

import asyncio
import json
import threading

from kiosk.display.feed import Feed
from kiosk.display.snapshot import FRESH_NS, Snapshot


def snapshot(number, made_ns=0):
    return Snapshot({"number": number}, None, made_ns)


def number(event):
    return json.loads(event.removeprefix(b"data: "))["number"]


def test_a_new_client_gets_the_snapshot_of_now(run):
    feed = Feed(lambda: 0)
    feed.publish(snapshot(1))
    feed.publish(snapshot(2))

    async def main():
        return number(await anext(feed.follow()))

    assert run(main()) == 2


def test_a_slow_client_misses_what_was_between_and_nothing_is_queued(run):
    feed = Feed(lambda: 0)
    feed.publish(snapshot(0))

    async def main():
        slow = feed.follow()
        seen = [number(await anext(slow))]
        for each in range(1, 1000):
            feed.publish(snapshot(each))
            await asyncio.sleep(0)
        seen.append(number(await anext(slow)))
        return seen

    assert run(main()) == [0, 999]


def test_a_client_waits_for_news_and_every_client_gets_them(run):
    feed = Feed(lambda: 0)

    async def main():
        waiting = [asyncio.ensure_future(anext(feed.follow())) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=feed.publish, args=(snapshot(5),)).start()
        return [number(event) for event in await asyncio.gather(*waiting)]

    assert run(main()) == [5, 5, 5]


def test_an_old_snapshot_is_not_sent_as_if_it_were_of_now(run):
    feed = Feed(lambda: FRESH_NS)
    feed.publish(snapshot(1, made_ns=0))

    async def main():
        coming = asyncio.ensure_future(anext(feed.follow()))
        await asyncio.sleep(0)
        feed.publish(snapshot(2, made_ns=FRESH_NS))
        return number(await coming)

    assert run(main()) == 2


def test_closing_ends_all_who_follow(run):
    feed = Feed(lambda: 0)
    feed.publish(snapshot(1))

    async def main():
        async def follow():
            return [number(event) async for event in feed.follow()]

        following = [asyncio.ensure_future(follow()) for _ in range(2)]
        await asyncio.sleep(0)
        threading.Thread(target=feed.close).start()
        return await asyncio.gather(*following)

    assert run(main()) == [[1], [1]]


def test_news_after_the_end_disturb_nobody(run):
    feed = Feed(lambda: 0)
    feed.publish(snapshot(1))

    async def main():
        return number(await anext(feed.follow()))

    run(main())
    feed.publish(snapshot(2))
    feed.close()
