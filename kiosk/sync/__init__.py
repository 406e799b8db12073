"""Sync: the list in, the scans out.

Uploading and downloading never stop each other: each has its own thread, its own connections and its own files.
"""
