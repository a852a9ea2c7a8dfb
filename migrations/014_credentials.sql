-- What clients log in with beside the password's own hash, and which IMAP capabilities an account does better without.
--
-- scram_keys     what SCRAM-SHA-256 verifies a password against, RFC 5802 §3; made whenever a password is set, and for
--                accounts from before at their next login with the password itself
--   epoch        the users.password_epoch they belong to: with the next password they are good for nothing
--   former_key   StoredKey of the password before: a client that still tries it is recognised, never let in
-- access_tokens  app passwords and bearer tokens. 256 random bits need no slow hash: token_hash is their SHA-256;
--                the SCRAM keys are for clients that choose SCRAM whatever they were given as a password
--   scope        protocols, parted by spaces; '' for all
--   times        epoch milliseconds; expires_at NULL: never, last_used_at to the minute
-- imap_without   capability names, upper case, parted by spaces; '' for none
--
-- The secret that gives names nobody has a stable salt lies in server_state.

CREATE TABLE scram_keys (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    former_key BLOB
) STRICT;

CREATE TABLE access_tokens (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL DEFAULT '',
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT,
    UNIQUE (user_id, name)
) STRICT;

CREATE INDEX idx_access_tokens_expires ON access_tokens(expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE users ADD COLUMN imap_without TEXT NOT NULL DEFAULT '';
