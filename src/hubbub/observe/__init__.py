"""Observers of events: logs and progress."""
