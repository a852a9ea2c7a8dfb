-- Scheduling of events with many guests goes on after the organizer's own write, in pieces (RFC 6638 allows both).
--
-- scheduling_messages     an iTIP message that waits for one or more people here; it goes with the last of its deliveries
-- scheduling_deliveries   who has not got it yet, in the order of id; the row goes in the transaction that delivers it.
--                         user_id is whose event it is
-- scheduling_answers      events of an organizer in whose guests' copies others' answers are still to be shown: guests
--                         up to `reached` (by address) have them; is_again: another answer came, so that all of them
--                         are gone through once more
--
-- Times are epoch milliseconds. Additive; nothing that exists changes.

CREATE TABLE scheduling_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    data BLOB NOT NULL
) STRICT;

CREATE INDEX idx_scheduling_messages_user ON scheduling_messages(user_id);

CREATE TABLE scheduling_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    message_id INTEGER NOT NULL REFERENCES scheduling_messages(id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    uid TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_scheduling_deliveries_event ON scheduling_deliveries(user_id, uid);
CREATE INDEX idx_scheduling_deliveries_message ON scheduling_deliveries(message_id);

CREATE TABLE scheduling_answers (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    uid TEXT NOT NULL,
    organizer TEXT NOT NULL,
    reached TEXT NOT NULL DEFAULT '',
    is_again INTEGER NOT NULL DEFAULT 0 CHECK (is_again IN (0, 1)),
    PRIMARY KEY (user_id, uid)
) STRICT, WITHOUT ROWID;
