-- Mailboxes that several users work with, what clients note about mailboxes, and room counted in messages.
--
-- mailbox_rights          who may do what with a mailbox, RFC 4314; without a row only its owner, and he everything.
--                         user_id NULL: every user of the server; is_negative 1: these rights are taken away
-- annotations             RFC 5464; mailbox_id NULL: of the server; user_id NULL: shared, else private to this user
-- quota_messages          how many messages a user may keep; 0: no limit
-- message_count, octets   what a mailbox holds: kept by every change, so that STATUS, quotas and LIST need no scan

CREATE TABLE mailbox_rights (
    id INTEGER PRIMARY KEY,
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    is_negative INTEGER NOT NULL DEFAULT 0 CHECK (is_negative IN (0, 1)),
    rights TEXT NOT NULL CHECK (rights <> '')
) STRICT;

CREATE UNIQUE INDEX idx_mailbox_rights ON mailbox_rights(mailbox_id, coalesce(user_id, 0), is_negative);
CREATE INDEX idx_mailbox_rights_user ON mailbox_rights(user_id);

CREATE TABLE annotations (
    id INTEGER PRIMARY KEY,
    mailbox_id INTEGER REFERENCES mailboxes(id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    entry TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX idx_annotations ON annotations(coalesce(mailbox_id, 0), coalesce(user_id, 0), entry);
CREATE INDEX idx_annotations_mailbox ON annotations(mailbox_id);
CREATE INDEX idx_annotations_user ON annotations(user_id);

ALTER TABLE users ADD COLUMN quota_messages INTEGER NOT NULL DEFAULT 0 CHECK (quota_messages >= 0);
ALTER TABLE mailboxes ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailboxes ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;

UPDATE mailboxes SET (message_count, octets) =
    (SELECT count(*), coalesce(sum(size), 0) FROM messages WHERE mailbox_id = mailboxes.id);
