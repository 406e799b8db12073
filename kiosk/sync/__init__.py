"""Sync: the list in, the scans out.

Uploading, downloading and looking up never stop each other: each has its own thread and its own connections.
"""
