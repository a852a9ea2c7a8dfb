-- Scheduling: who is invited and what he answered (RFC 6638, RFC 5546, RFC 6047).
--
-- scheduling_inbox       messages that came for a user, until a client removes them; data is the iTIP message
-- scheduling_mail        messages for people elsewhere, from the commit that made them until they are in the outbound
--                        queue: the row goes in the transaction that queues the mail. user_id is whose event it is;
--                        is_automatic: an answer the server gave for him
-- scheduling_attendees   what an organizer's side remembers of each attendee: sent_sequence is the SEQUENCE he was last
--                        told (recurrence ''), stamp the DTSTAMP of his last answer for the instance
-- scheduling_settings    a user's own choice: invitations by mail (NULL: as the server's configuration says), and
--                        whether invitations are answered for him
--
-- Times are epoch milliseconds. Additive; nothing that exists changes.

CREATE TABLE scheduling_inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    href TEXT NOT NULL,
    etag TEXT NOT NULL,
    method TEXT NOT NULL,
    uid TEXT NOT NULL,
    component TEXT NOT NULL,
    data BLOB NOT NULL,
    modseq INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX idx_scheduling_inbox_href ON scheduling_inbox(user_id, href);

CREATE TABLE scheduling_mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    uid TEXT NOT NULL,
    data BLOB NOT NULL,
    is_automatic INTEGER NOT NULL DEFAULT 0 CHECK (is_automatic IN (0, 1)),
    created_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_scheduling_mail_user ON scheduling_mail(user_id);

CREATE TABLE scheduling_attendees (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    uid TEXT NOT NULL,
    attendee TEXT NOT NULL,
    recurrence TEXT NOT NULL DEFAULT '',
    sent_sequence INTEGER NOT NULL DEFAULT 0,
    stamp TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, uid, attendee, recurrence)
) STRICT, WITHOUT ROWID;

CREATE TABLE scheduling_settings (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    invitations TEXT CHECK (invitations IN ('all', 'known', 'off')),
    auto_reply TEXT NOT NULL DEFAULT 'off' CHECK (auto_reply IN ('off', 'accept', 'automatic'))
) STRICT;
