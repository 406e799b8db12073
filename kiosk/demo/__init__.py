"""The whole kiosk on one machine: a stage with real programs, and an evening that is played on it."""
