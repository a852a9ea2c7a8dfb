"""Calendars and contacts: who may see what, what is stored, what changed, who is invited."""
