"""Files of calendars and contacts in and out: what other programs write and read, and a whole home in one archive."""
