"""Scheduling: invitations, answers and cancellations between calendars here and mail elsewhere. RFC 6638, RFC 6047."""
