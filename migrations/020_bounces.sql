-- What came back, whom we do not write to for a while, and senders whose rewritten form would be too long.
--
-- bounces            one row for each recipient and message that was not delivered
--   address          as it is compared: lower case, domain as A-labels
--   happened_at      epoch milliseconds
--   status           RFC 3463
--   is_hard          1: it is about the address (there is none, it is switched off), not about the message or the moment
--   is_counted       1: counts toward suppression; a release sets 0
--   source           'queue': our own attempt; 'report': another server's notification of something we had sent
-- suppressions       addresses that submission refuses
--   since, until     epoch milliseconds; until NULL: until somebody releases it
--   bounce_count     hard bounces that led to it, 0 where an operator asked for it
-- rewritten_senders  the first sender of forwarded mail behind a token, where SRS would be longer than a local part
--   expires_at       epoch milliseconds
--
-- The index on delivery_log answers whether we sent a message that a notification is about.

CREATE TABLE bounces (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    happened_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    is_hard INTEGER NOT NULL CHECK (is_hard IN (0, 1)),
    is_counted INTEGER NOT NULL CHECK (is_counted IN (0, 1)),
    source TEXT NOT NULL CHECK (source IN ('queue', 'report')),
    text TEXT NOT NULL,
    message_id TEXT
) STRICT;

CREATE INDEX idx_bounces_address ON bounces(address, happened_at);
CREATE INDEX idx_bounces_time ON bounces(happened_at);

CREATE TABLE suppressions (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    since INTEGER NOT NULL,
    until INTEGER,
    bounce_count INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE INDEX idx_suppressions_until ON suppressions(until) WHERE until IS NOT NULL;

CREATE TABLE rewritten_senders (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_rewritten_senders_sender ON rewritten_senders(sender);
CREATE INDEX idx_rewritten_senders_expiry ON rewritten_senders(expires_at);

CREATE INDEX idx_delivery_log_sent ON delivery_log(message_id)
    WHERE direction = 'outbound' AND message_id IS NOT NULL;
