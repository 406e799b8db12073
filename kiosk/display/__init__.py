"""The screen at the door: a page, and a stream that keeps it true.

    gate.json  ─┐
    journal.db ─┤                                                                      ┌─▶ browser
    sync.json  ─┼▶ eye (looks, 20 times a second) ─▶ feed (the newest snapshot only) ─▶ site
    tickets.db ─┘                                                                      └─▶ browser

`tickets.db` also says how the screen is to look: the cloud's device settings, as the last sync stored them.

It reads files and writes none. Whatever stops on the way, the eye, the server, or the gate itself, the page turns grey
by its own clock: an old verdict never stays on a screen.
"""
