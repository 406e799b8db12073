"""The cloud's two hosts: the scans service (`portier`) and the access-control API (`access`).

Only a schema-valid JSON answer with the right status counts as an answer; everything else is an error of `errors.py`
that says whether anything can have arrived.
"""
