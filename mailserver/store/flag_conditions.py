"""Conditions on the flags of a message, as the partial indexes of `messages` have them (migration 016).

SQLite finds such an index only where a query says the same expression. A backslash begins a system flag and is in no
keyword, and each flag ends with the text or a comma: no flag is taken for another.
"""

UNSEEN = "instr(flags || ',', '\\Seen,') = 0"
DELETED = "instr(flags || ',', '\\Deleted,') > 0"
FLAGGED = "instr(flags || ',', '\\Flagged,') > 0"
