"""What may be wrong with a kiosk: each check a pure function over facts, each finding with its mend.

Whoever looks gathers the facts first; nothing here waits for a network without a time limit, and nothing is changed.
"""
