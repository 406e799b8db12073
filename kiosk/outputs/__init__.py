"""What the door says without words: lamps, buzzers, relays, keyboard lights, sounds; and the turnstile's answer.

    gate ─ commit ─▶ answer ─▶ Panel.show ─┬▶ Output (thread) ─▶ Switch ─▶ pin, or keyboard light
                     (never waits)         ├▶ Output (thread) ─▶ Speaker ─▶ aplay
                                           └▶ Turnstile (thread) ◀─ contact

Each output has a thread of its own and a place for one thing to do: what is newer takes the place of what is older. One
that hangs is named and holds nobody up, neither a verdict nor the program's end. Whatever can open a gate is off before
anything is listened to, has a longest time, and is off at the end.
"""
