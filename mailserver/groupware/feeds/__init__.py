"""Calendars without a login, and calendars of other servers.

secret_addresses  secrets that are addresses: made, hashed, sealed
links             a calendar under a secret address, whole or its times alone
published         such a calendar as one stream
free_busy         when a user is busy, for those he lets know
sources           calendars that show outside feeds: made, pointed elsewhere
addresses         which URLs feeds may have (pure)
fetching          a feed from another server, over the guarded client
taking_in         what changed between a feed and the calendar, and writing it
refreshing        the daemon's task: fetches what is due
"""
