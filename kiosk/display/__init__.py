"""The screen at the door: a page, and a stream that keeps it true.

    gate.json ─┐                                     ┌─▶ browser
    journal.db ┼▶ eye (looks, 20 times a second) ─▶ feed (the newest snapshot only) ─▶ site
    sync.json ─┘                                     └─▶ browser

It reads files and writes none. Whatever stops on the way, the eye, the server, or the gate itself, the page turns grey
by its own clock: an old verdict never stays on a screen.
"""
