-- What people send: a mailbox that shows what waits to leave, copies in Sent, limits, mail that is released here.
--
-- mailboxes.is_outbox  1 for the mailbox that shows a user's waiting mail: one at most, and its room is nobody's quota
-- users, domains.submissions_per_hour  recipients within an hour; NULL: what the configuration says, 0: no limit
-- users.sent_copies    'off', 'on' or 'dedupe'; NULL: what the configuration says
-- outbox_messages      which message of an outbox shows which transaction of the queue, and what of it
-- sent_copies          messages in Sent that the server filed. yields: the client's own copy takes its place;
--                      all_queued: nobody had it when it was filed, so that it goes when all is taken back;
--                      modseq: the change number it had then, a later one says that somebody did something with it
-- hidden_fields        Bcc as the sender wrote it, while the message waits: taken back, it is there again
-- local_handovers      rows of the queue that were delivered to mailboxes here: a crash before the row says so
--                      delivers nothing twice

ALTER TABLE mailboxes ADD COLUMN is_outbox INTEGER NOT NULL DEFAULT 0 CHECK (is_outbox IN (0, 1));
ALTER TABLE users ADD COLUMN submissions_per_hour INTEGER CHECK (submissions_per_hour >= 0);
ALTER TABLE users ADD COLUMN sent_copies TEXT CHECK (sent_copies IN ('off', 'on', 'dedupe'));
ALTER TABLE domains ADD COLUMN submissions_per_hour INTEGER CHECK (submissions_per_hour >= 0);

CREATE UNIQUE INDEX idx_mailboxes_outbox ON mailboxes(user_id) WHERE is_outbox = 1;
CREATE INDEX idx_queue_transaction ON outbound_queue(transaction_id) WHERE transaction_id IS NOT NULL;

CREATE TABLE outbox_messages (
    message_id INTEGER PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE,
    transaction_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL
) STRICT;

CREATE TABLE sent_copies (
    message_id INTEGER PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE,
    transaction_id TEXT NOT NULL,
    yields INTEGER NOT NULL CHECK (yields IN (0, 1)),
    all_queued INTEGER NOT NULL CHECK (all_queued IN (0, 1)),
    modseq INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_sent_copies_transaction ON sent_copies(transaction_id);

CREATE TABLE hidden_fields (
    transaction_id TEXT PRIMARY KEY,
    fields BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE local_handovers (
    entry_id INTEGER PRIMARY KEY REFERENCES outbound_queue(id) ON DELETE CASCADE,
    delivered_at INTEGER NOT NULL -- epoch milliseconds
) STRICT;

-- As before, without outboxes.
DROP TRIGGER messages_quota_insert;
DROP TRIGGER messages_quota_delete;

CREATE TRIGGER messages_quota_insert AFTER INSERT ON messages BEGIN
    UPDATE users SET used_bytes = used_bytes + NEW.size
    WHERE id = (SELECT user_id FROM mailboxes WHERE id = NEW.mailbox_id AND is_outbox = 0);
END;

CREATE TRIGGER messages_quota_delete AFTER DELETE ON messages BEGIN
    UPDATE users SET used_bytes = max(0, used_bytes - OLD.size)
    WHERE id = (SELECT user_id FROM mailboxes WHERE id = OLD.mailbox_id AND is_outbox = 0);
END;
