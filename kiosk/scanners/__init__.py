"""Scanners: one module a kind, one foreign library a module. Each opens its device or raises ScannerLost.

An open scanner has `fileno()` for the poll, `read(moment)` for what has arrived, and `close()`.
"""
