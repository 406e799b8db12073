"""The back of the staff page: `routes.py` says what it answers."""
