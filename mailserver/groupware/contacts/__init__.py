"""Contacts: what is accepted, queries, whom one writes to, completion, the directory, birthdays."""
