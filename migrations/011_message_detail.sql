-- What IMAP, DAV and every cache need and the first schema lacks: change numbers with tombstones, what is known
-- of a message's content, keywords, threads, folder names, and a log of disk work that a commit promised.
--
-- contents            one row per distinct stored content, shared by its copies; read instead of the file
-- change_counters     one counter per user: every change to any of its objects takes the next number (modseq)
-- vanished            tombstones: which UID was removed at which modseq
-- keywords            keywords ever used in a mailbox, in the spelling first seen
-- thread_references   message ids seen in a conversation, so that a late reply finds it (RFC 5256, RFC 8474)
-- disk_jobs           links, moves and removals of files that a committed transaction promised
-- server_state        single values, among them the last UIDVALIDITY given: it never repeats, not even for an
--                     account that was deleted and made again

CREATE TABLE contents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: clients and caches know a content by it
    size INTEGER NOT NULL,
    header_octets INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL,
    body_structure BLOB NOT NULL,
    parts BLOB NOT NULL,
    header_fields BLOB NOT NULL,
    preview TEXT NOT NULL,
    has_attachment INTEGER NOT NULL CHECK (has_attachment IN (0, 1)),
    from_name TEXT NOT NULL,
    base_subject TEXT NOT NULL,
    sent_at INTEGER,
    sent_zone INTEGER NOT NULL
) STRICT;

CREATE TABLE change_counters (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    modseq INTEGER NOT NULL DEFAULT 1 CHECK (modseq > 0),
    floor INTEGER NOT NULL DEFAULT 1 CHECK (floor > 0)
) STRICT;

CREATE TABLE vanished (
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE keywords (
    mailbox_id INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (mailbox_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_references (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    thread_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE disk_jobs (
    id INTEGER PRIMARY KEY,
    work TEXT NOT NULL
) STRICT;

CREATE TABLE server_state (
    name TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

INSERT INTO server_state (name, value) SELECT 'uidvalidity', coalesce(max(uidvalidity), 0) FROM mailboxes;

ALTER TABLE messages ADD COLUMN content_id INTEGER REFERENCES contents(id);
ALTER TABLE messages ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE messages ADD COLUMN thread_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN saved_at INTEGER;
-- The letters after ":2," in the file's name as we last wrote or saw it; the database is the truth for flags.
ALTER TABLE messages ADD COLUMN name_flags TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN is_seen INTEGER GENERATED ALWAYS AS
    (instr(',' || flags || ',', ',\Seen,') > 0) VIRTUAL;
ALTER TABLE messages ADD COLUMN is_deleted INTEGER GENERATED ALWAYS AS
    (instr(',' || flags || ',', ',\Deleted,') > 0) VIRTUAL;
ALTER TABLE messages ADD COLUMN is_flagged INTEGER GENERATED ALWAYS AS
    (instr(',' || flags || ',', ',\Flagged,') > 0) VIRTUAL;
-- The letters that the file's name ought to carry.
ALTER TABLE messages ADD COLUMN flag_letters TEXT GENERATED ALWAYS AS (
    CASE WHEN instr(',' || flags || ',', ',\Draft,') > 0 THEN 'D' ELSE '' END ||
    CASE WHEN instr(',' || flags || ',', ',\Flagged,') > 0 THEN 'F' ELSE '' END ||
    CASE WHEN instr(',' || flags || ',', ',\Answered,') > 0 THEN 'R' ELSE '' END ||
    CASE WHEN instr(',' || flags || ',', ',\Seen,') > 0 THEN 'S' ELSE '' END ||
    CASE WHEN instr(',' || flags || ',', ',\Deleted,') > 0 THEN 'T' ELSE '' END) VIRTUAL;

ALTER TABLE mailboxes ADD COLUMN highestmodseq INTEGER NOT NULL DEFAULT 1;
-- The folder's name below the user's Maildir, '' for INBOX.
ALTER TABLE mailboxes ADD COLUMN directory TEXT;
-- From this UID on messages are \Recent and no session has been told so, RFC 3501 section 2.3.2.
ALTER TABLE mailboxes ADD COLUMN recent_uid INTEGER NOT NULL DEFAULT 1;

-- "~" is in no folder name made from a mailbox name.
UPDATE mailboxes SET directory = CASE name WHEN 'INBOX' THEN '' ELSE '.~' || id END;

CREATE UNIQUE INDEX idx_mailboxes_directory ON mailboxes(user_id, directory);
CREATE INDEX idx_messages_content ON messages(content_id);
CREATE INDEX idx_messages_modseq ON messages(mailbox_id, modseq);
CREATE INDEX idx_messages_unseen ON messages(mailbox_id) WHERE is_seen = 0;
CREATE INDEX idx_messages_deleted ON messages(mailbox_id) WHERE is_deleted = 1;
CREATE INDEX idx_messages_flagged ON messages(mailbox_id, internal_date) WHERE is_flagged = 1;
CREATE INDEX idx_messages_stale_name ON messages(mailbox_id) WHERE name_flags <> flag_letters;
CREATE INDEX idx_vanished_age ON vanished(removed_at);
-- Rewritten at every STORE and never chosen (a leading wildcard); the partial indexes above serve its queries.
DROP INDEX idx_messages_flags;

INSERT INTO change_counters (user_id) SELECT id FROM users;

CREATE TRIGGER users_change_counter AFTER INSERT ON users BEGIN
    INSERT INTO change_counters (user_id) VALUES (NEW.id);
END;

-- A quota that is exact on every path, the command line and cascades included.
CREATE TRIGGER messages_quota_insert AFTER INSERT ON messages BEGIN
    UPDATE users SET used_bytes = used_bytes + NEW.size
    WHERE id = (SELECT user_id FROM mailboxes WHERE id = NEW.mailbox_id);
END;

CREATE TRIGGER messages_quota_delete AFTER DELETE ON messages BEGIN
    UPDATE users SET used_bytes = max(0, used_bytes - OLD.size)
    WHERE id = (SELECT user_id FROM mailboxes WHERE id = OLD.mailbox_id);
END;

CREATE TRIGGER messages_content_delete AFTER DELETE ON messages WHEN OLD.content_id IS NOT NULL BEGIN
    DELETE FROM contents WHERE id = OLD.content_id
    AND NOT EXISTS (SELECT 1 FROM messages WHERE content_id = OLD.content_id);
END;
