-- Sieve filters (RFC 5228) and what the admin panel shows.
--
-- users.is_admin       may use the panel
-- sieve_scripts        one of a user's scripts is active
-- vacation_responses   when a sender was last answered: at most once in seven days
-- auth_log             every login attempt; it outlives its user, so that history stays for forensics.
--                      user_id is INTEGER: without a type '1' would be kept as text and user_id = 1 never find it
-- delivery_log         every outcome: delivered, bounced, deferred or rejected; inbound or outbound

ALTER TABLE users ADD COLUMN is_admin BOOLEAN DEFAULT FALSE;

CREATE TABLE IF NOT EXISTS sieve_scripts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    is_active BOOLEAN DEFAULT FALSE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    UNIQUE (user_id, name)
);

CREATE TABLE IF NOT EXISTS vacation_responses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    sender_address TEXT NOT NULL,
    responded_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    UNIQUE (user_id, sender_address)
);

CREATE TABLE IF NOT EXISTS auth_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER,
    username TEXT NOT NULL,
    remote_addr TEXT,
    protocol TEXT,
    success BOOLEAN,
    failure_reason TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS delivery_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    direction TEXT DEFAULT 'inbound',
    smtp_code INTEGER,
    error_message TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX IF NOT EXISTS idx_sieve_scripts_user ON sieve_scripts(user_id);
CREATE INDEX IF NOT EXISTS idx_sieve_scripts_active ON sieve_scripts(user_id, is_active);
CREATE INDEX IF NOT EXISTS idx_vacation_responses_user ON vacation_responses(user_id);
CREATE INDEX IF NOT EXISTS idx_vacation_responses_time ON vacation_responses(responded_at);
CREATE INDEX IF NOT EXISTS idx_auth_log_time ON auth_log(created_at);
CREATE INDEX IF NOT EXISTS idx_auth_log_user ON auth_log(user_id);
CREATE INDEX IF NOT EXISTS idx_auth_log_success ON auth_log(success, created_at);
CREATE INDEX IF NOT EXISTS idx_delivery_log_time ON delivery_log(created_at);
CREATE INDEX IF NOT EXISTS idx_delivery_log_status ON delivery_log(status);
CREATE INDEX IF NOT EXISTS idx_delivery_log_sender ON delivery_log(sender);
CREATE INDEX IF NOT EXISTS idx_delivery_log_recipient ON delivery_log(recipient);
