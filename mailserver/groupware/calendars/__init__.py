"""Calendars: what is accepted, when it occurs, and the queries over it."""
