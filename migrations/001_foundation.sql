-- Foundation: domains, users, aliases, mailboxes, messages, the outbound queue, login sessions, subscriptions.
--
-- Foreign keys are switched on by whoever connects, never here: the pragma is per connection, and inside the
-- transaction that runs this file it would be ignored without a word.
--
-- domains          a name we accept mail for; is_active = 0 puts it to rest without losing anything
-- users            username is the local part, lower case; password_hash is argon2id; quota_bytes 0 or NULL: no limit
-- aliases          source_address is the local part; leads to a local user or to an external address
-- mailboxes        uidnext only grows; uidvalidity changes when UIDs are given anew (RFC 3501 section 2.3.1.1)
-- messages         one row per message in a mailbox; the octets are a Maildir file whose base name is maildir_key;
--                  flags are comma-separated, to_addresses is a JSON array
-- outbound_queue   one row per recipient; message_path is the spool file; status pending, sending, sent or failed
-- subscriptions    what IMAP LSUB lists; may name mailboxes that do not exist
-- schema_migrations  which of these files were applied; the runner writes it

CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY,
    applied_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS domains (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dkim_selector TEXT NOT NULL DEFAULT 'mail',
    dkim_private_key BLOB,
    is_active BOOLEAN DEFAULT TRUE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain_id INTEGER NOT NULL,
    username TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    display_name TEXT,
    quota_bytes INTEGER DEFAULT 1073741824,
    used_bytes INTEGER DEFAULT 0,
    is_active BOOLEAN DEFAULT TRUE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (domain_id) REFERENCES domains(id) ON DELETE CASCADE,
    UNIQUE (domain_id, username)
);

CREATE TABLE IF NOT EXISTS aliases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain_id INTEGER NOT NULL,
    source_address TEXT NOT NULL,
    destination_user_id INTEGER,
    destination_external TEXT,
    is_active BOOLEAN DEFAULT TRUE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (domain_id) REFERENCES domains(id) ON DELETE CASCADE,
    FOREIGN KEY (destination_user_id) REFERENCES users(id) ON DELETE CASCADE,
    UNIQUE (domain_id, source_address),
    CHECK (destination_user_id IS NOT NULL OR destination_external IS NOT NULL)
);

CREATE TABLE IF NOT EXISTS mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL DEFAULT 1,
    subscribed BOOLEAN DEFAULT TRUE,
    special_use TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    UNIQUE (user_id, name)
);

CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    maildir_key TEXT NOT NULL,
    size INTEGER NOT NULL,
    internal_date DATETIME NOT NULL,
    flags TEXT DEFAULT '',
    message_id TEXT,
    subject TEXT,
    from_address TEXT,
    to_addresses TEXT,
    in_reply_to TEXT,
    references_header TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (mailbox_id) REFERENCES mailboxes(id) ON DELETE CASCADE,
    UNIQUE (mailbox_id, uid)
);

CREATE TABLE IF NOT EXISTS outbound_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_path TEXT NOT NULL,
    attempts INTEGER DEFAULT 0,
    last_attempt DATETIME,
    next_attempt DATETIME DEFAULT CURRENT_TIMESTAMP,
    last_error TEXT,
    status TEXT DEFAULT 'pending',
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    token TEXT NOT NULL UNIQUE,
    expires_at DATETIME NOT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    mailbox_name TEXT NOT NULL,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    UNIQUE (user_id, mailbox_name)
);

CREATE INDEX IF NOT EXISTS idx_domains_name ON domains(name);
CREATE INDEX IF NOT EXISTS idx_users_email ON users(domain_id, username);
CREATE INDEX IF NOT EXISTS idx_users_active ON users(is_active);
CREATE INDEX IF NOT EXISTS idx_aliases_source ON aliases(domain_id, source_address);
CREATE INDEX IF NOT EXISTS idx_mailboxes_user ON mailboxes(user_id);
CREATE INDEX IF NOT EXISTS idx_mailboxes_special ON mailboxes(user_id, special_use);
CREATE INDEX IF NOT EXISTS idx_messages_mailbox ON messages(mailbox_id);
CREATE INDEX IF NOT EXISTS idx_messages_uid ON messages(mailbox_id, uid);
CREATE INDEX IF NOT EXISTS idx_messages_flags ON messages(mailbox_id, flags);
CREATE INDEX IF NOT EXISTS idx_messages_date ON messages(mailbox_id, internal_date);
CREATE INDEX IF NOT EXISTS idx_messages_msgid ON messages(message_id);
CREATE INDEX IF NOT EXISTS idx_messages_maildir ON messages(maildir_key);
CREATE INDEX IF NOT EXISTS idx_queue_status ON outbound_queue(status, next_attempt);
CREATE INDEX IF NOT EXISTS idx_queue_sender ON outbound_queue(sender);
CREATE INDEX IF NOT EXISTS idx_sessions_token ON sessions(token);
CREATE INDEX IF NOT EXISTS idx_sessions_user ON sessions(user_id);
CREATE INDEX IF NOT EXISTS idx_sessions_expires ON sessions(expires_at);
CREATE INDEX IF NOT EXISTS idx_subscriptions_user ON subscriptions(user_id);
