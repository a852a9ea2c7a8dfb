"""How safe a connection to another server must be: DANE, MTA-STS, what is remembered; and the reports about it."""
