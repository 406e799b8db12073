"""The door that never stops: scan, decide, record, show, deliver."""

__version__ = "0.1.0"
