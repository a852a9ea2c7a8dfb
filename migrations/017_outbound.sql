-- What delivering needs to know of a row, who may hold it up, and what became of it; every attempt.
--
-- destination    domain of the recipient, A-labels in lower case, or an address literal: what lanes are made of
-- priority       0 interactive, 1 bulk: the first overtakes the second
-- not_before     epoch milliseconds; scheduled by the sender, NULL for at once
-- held_at, hold_reason  epoch milliseconds and words; a held row is not tried and does not expire
-- ended_as       delivered, relayed, bounced, expired or cancelled; with ended_at (epoch milliseconds) once it is done
-- transaction_id the id that the 250 named; rows of one message share it
-- domain_id      domain of ours that it is sent for: its relay, its source address, its key
-- require_tls, tls_optional  REQUIRETLS, "TLS-Required: No" (RFC 8689)
-- last_code, last_status     reply code and enhanced status (RFC 3463) of the last attempt
-- delay_told_at  epoch milliseconds; the sender was told that it takes long
-- in_doubt       how often the server ended between the claim and the answer: it may have arrived so many times more
--
-- Finished rows are in no index that the queue works with: however many are kept, a claim costs the same. 009's rule
-- about changed values is split: a claim, which writes no time, is no reason to run the one about times, and the one
-- about the status is a CHECK, because any trigger on a column makes an UPDATE go over its rows twice. It stands at the
-- last column added, which is where a CHECK can still be added to a table that is there. Older rows that break it,
-- which nobody ever tried, become pending where they had no status and failed where they had another one.

ALTER TABLE outbound_queue ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE outbound_queue ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority IN (0, 1));
ALTER TABLE outbound_queue ADD COLUMN not_before INTEGER;
ALTER TABLE outbound_queue ADD COLUMN held_at INTEGER;
ALTER TABLE outbound_queue ADD COLUMN hold_reason TEXT;
ALTER TABLE outbound_queue ADD COLUMN ended_as TEXT
    CHECK (ended_as IN ('delivered', 'relayed', 'bounced', 'expired', 'cancelled'));
ALTER TABLE outbound_queue ADD COLUMN ended_at INTEGER;
ALTER TABLE outbound_queue ADD COLUMN transaction_id TEXT;
ALTER TABLE outbound_queue ADD COLUMN domain_id INTEGER REFERENCES domains(id) ON DELETE SET NULL;
ALTER TABLE outbound_queue ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound_queue ADD COLUMN tls_optional INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound_queue ADD COLUMN last_code INTEGER;
ALTER TABLE outbound_queue ADD COLUMN last_status TEXT;
ALTER TABLE outbound_queue ADD COLUMN delay_told_at INTEGER;
UPDATE outbound_queue SET status = 'pending' WHERE status IS NULL;
UPDATE outbound_queue SET status = 'failed' WHERE status NOT IN ('pending', 'sending', 'sent', 'failed');
ALTER TABLE outbound_queue ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0
    CONSTRAINT "outbound_queue: status is pending, sending, sent or failed"
    CHECK (status IS NOT NULL AND status IN ('pending', 'sending', 'sent', 'failed'));

-- What comes after the last "@".
UPDATE outbound_queue SET destination = lower(replace(recipient, rtrim(recipient, replace(recipient, '@', '')), ''));

UPDATE outbound_queue SET ended_as = CASE status WHEN 'sent' THEN 'delivered' ELSE 'bounced' END,
    ended_at = unixepoch(coalesce(last_attempt, created_at, 'now')) * 1000
WHERE status IN ('sent', 'failed');

DROP TRIGGER outbound_queue_rules_update;

CREATE TRIGGER outbound_queue_rules_update
    AFTER UPDATE OF last_attempt, next_attempt, created_at
    ON outbound_queue BEGIN
    SELECT CASE
        WHEN NEW.last_attempt IS NOT OLD.last_attempt AND NEW.last_attempt IS NOT datetime(NEW.last_attempt, '+0 days')
            OR NEW.next_attempt IS NOT OLD.next_attempt
                AND NEW.next_attempt IS NOT datetime(NEW.next_attempt, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'outbound_queue: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

DROP INDEX idx_queue_status;
CREATE INDEX idx_queue_due ON outbound_queue(priority, next_attempt, destination)
    WHERE status = 'pending' AND held_at IS NULL;
CREATE INDEX idx_queue_ended ON outbound_queue(ended_at, ended_as) WHERE ended_at IS NOT NULL;
CREATE INDEX idx_queue_expiry ON outbound_queue(expires_at) WHERE ended_at IS NULL;
CREATE INDEX idx_queue_untold ON outbound_queue(max(created_at, coalesce(datetime(not_before / 1000, 'unixepoch'), '')))
    WHERE ended_at IS NULL AND delay_told_at IS NULL;
CREATE INDEX idx_queue_domain ON outbound_queue(domain_id) WHERE domain_id IS NOT NULL;

-- started_at, duration_ms  epoch milliseconds, milliseconds
-- host, address  who answered, or should have; NULL where it did not come so far
-- tls            the connection's protection in words
-- code, status, text  reply code, enhanced status and words of whoever refused or took it; code NULL: nobody answered
CREATE TABLE delivery_attempts (
    id INTEGER PRIMARY KEY,
    entry_id INTEGER NOT NULL REFERENCES outbound_queue(id) ON DELETE CASCADE,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    host TEXT,
    address TEXT,
    tls TEXT,
    code INTEGER,
    status TEXT,
    text TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX idx_attempts_entry ON delivery_attempts(entry_id);
