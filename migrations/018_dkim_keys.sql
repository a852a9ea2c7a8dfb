-- DKIM keys with overlap: a domain has several while one takes over from another. The columns of 001 and 005 in
-- `domains` go on telling the key that signs (of two, the RSA key); they are written with every change here.
--
-- selector      the label before ._domainkey
-- algorithm     'RSA-2048', 'RSA-4096' or 'Ed25519'
-- state         'pending' → 'active' → 'retiring' → 'revoked'; one pending and one active key of each kind at most
-- storage       where the private key is: 'file', 'database' or 'hybrid', which is both
-- private_key   sealed (AES-256-GCM); PEM where an older program left it so, until the server seals it
-- key_file      below the data folder
-- public_key    as p= of the DNS record has it, base64: shown without opening the private key
-- *_at          epoch milliseconds; created_at NULL: unknown, so the key is due; seen_at: first found in the DNS

CREATE TABLE dkim_keys (
    id INTEGER PRIMARY KEY,
    domain_id INTEGER NOT NULL REFERENCES domains(id) ON DELETE CASCADE,
    selector TEXT NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('RSA-2048', 'RSA-4096', 'Ed25519')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'revoked')),
    storage TEXT NOT NULL CHECK (storage IN ('file', 'database', 'hybrid')),
    private_key BLOB,
    key_file TEXT,
    public_key TEXT NOT NULL,
    created_at INTEGER,
    seen_at INTEGER,
    activated_at INTEGER,
    retired_at INTEGER,
    revoked_at INTEGER,
    UNIQUE (domain_id, selector)
) STRICT;

CREATE UNIQUE INDEX idx_dkim_keys_turn ON dkim_keys(domain_id, state, (algorithm = 'Ed25519'))
    WHERE state IN ('pending', 'active');

INSERT INTO dkim_keys (domain_id, selector, algorithm, state, storage, private_key, key_file, public_key, created_at,
        seen_at, activated_at)
    SELECT id, dkim_selector,
        iif(dkim_key_algorithm IN ('RSA-4096', 'Ed25519'), dkim_key_algorithm, 'RSA-2048'), 'active',
        CASE
            WHEN dkim_private_key IS NULL THEN 'file'
            WHEN dkim_key_file IS NULL THEN 'database'
            WHEN dkim_storage_type IN ('file', 'database', 'hybrid') THEN dkim_storage_type
            ELSE 'hybrid'
        END,
        CAST(dkim_private_key AS BLOB), CAST(dkim_key_file AS TEXT), coalesce(CAST(dkim_public_key AS TEXT), ''),
        unixepoch(dkim_key_created_at) * 1000, unixepoch(dkim_key_created_at) * 1000,
        unixepoch(dkim_key_created_at) * 1000
    FROM domains WHERE dkim_private_key IS NOT NULL OR dkim_key_file IS NOT NULL;
