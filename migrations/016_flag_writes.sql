-- Changing the flags of a whole mailbox costs a third of what it did: 10,000 rows in 21 ms of SQLite's work, not 65.
--
-- names_modseq   file names of messages changed up to this number carry the flags they ought to; what was changed
--                after it is looked at when there is time. In place of an index over stale names, which made every
--                change of flags compute the letters of a name four times (18 ms)
--
-- SQLite computes every generated column of a row it writes, whoever asks for it: is_seen, is_deleted, is_flagged and
-- flag_letters were 26 ms of each change of 10,000 flags. Their partial indexes stay, over the expressions themselves
-- (mailserver/store/flag_conditions.py has them letter by letter: a query must say the same to find them).
--
-- The rules of 009 for changed messages stay what they are; split, so that new flags alone are no reason to run the
-- rules about all other columns (14 ms). That about flags is a CHECK, carried by a column without a value because
-- SQLite can add none to a table: any trigger makes an UPDATE read its rows twice (4 ms).

ALTER TABLE mailboxes ADD COLUMN names_modseq INTEGER NOT NULL DEFAULT 0;
DROP INDEX idx_messages_stale_name;

DROP INDEX idx_messages_unseen;
DROP INDEX idx_messages_deleted;
DROP INDEX idx_messages_flagged;
ALTER TABLE messages DROP COLUMN is_seen;
ALTER TABLE messages DROP COLUMN is_deleted;
ALTER TABLE messages DROP COLUMN is_flagged;
ALTER TABLE messages DROP COLUMN flag_letters;

DROP TRIGGER messages_rules_update;

-- From before 009; no reader told it from none.
UPDATE messages SET flags = '' WHERE flags IS NULL;

ALTER TABLE messages ADD COLUMN flags_rule INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL
    CONSTRAINT "messages: flags is text, empty for none" CHECK (flags IS NOT NULL);

CREATE INDEX idx_messages_unseen ON messages(mailbox_id) WHERE instr(flags || ',', '\Seen,') = 0;
CREATE INDEX idx_messages_deleted ON messages(mailbox_id) WHERE instr(flags || ',', '\Deleted,') > 0;
CREATE INDEX idx_messages_flagged ON messages(mailbox_id, internal_date) WHERE instr(flags || ',', '\Flagged,') > 0;

CREATE TRIGGER messages_rules_uid AFTER UPDATE OF uid ON messages
WHEN NEW.uid IS NOT OLD.uid AND (typeof(NEW.uid) <> 'integer' OR NEW.uid NOT BETWEEN 1 AND 4294967295) BEGIN
    SELECT RAISE(ABORT, 'messages: uid is 1 to 4294967295');
END;

CREATE TRIGGER messages_rules_update AFTER UPDATE OF size, internal_date, created_at ON messages BEGIN
    SELECT CASE
        WHEN NEW.size IS NOT OLD.size AND (typeof(NEW.size) <> 'integer' OR NEW.size < 0)
            THEN RAISE(ABORT, 'messages: size is 0 or more octets')
        WHEN NEW.internal_date IS NOT OLD.internal_date
            AND NEW.internal_date IS NOT datetime(NEW.internal_date, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'messages: times are YYYY-MM-DD HH:MM:SS')
    END;
END;
