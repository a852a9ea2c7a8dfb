"""iCalendar as values: reading, checking, recurrence, filters; no I/O. RFC 5545."""
