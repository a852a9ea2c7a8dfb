-- Where mail for other servers leaves: over a relay (smarthost) of one domain or of all, from an address of ours.
--
-- relays            domain_id NULL: for every domain that has none of its own
--   tls             'starttls' (and nothing without it), 'implicit' (TLS from the first octet), 'none' (loopback only)
--   sealed_password sealed with the key beside the database for the purpose "relay:<domain_id>", 0 for the default
--   must_verify     1: its certificate has to hold for its name
-- source_addresses  IP addresses of this machine that mail of the domain is sent from; NULL: any
-- times             epoch milliseconds

CREATE TABLE relays (
    id INTEGER PRIMARY KEY,
    domain_id INTEGER REFERENCES domains(id) ON DELETE CASCADE,
    host TEXT NOT NULL CHECK (host <> ''),
    port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls TEXT NOT NULL CHECK (tls IN ('starttls', 'implicit', 'none')),
    username TEXT,
    sealed_password BLOB,
    must_verify INTEGER NOT NULL DEFAULT 1 CHECK (must_verify IN (0, 1)),
    created_at INTEGER NOT NULL,
    CHECK ((username IS NULL) = (sealed_password IS NULL))
) STRICT;

CREATE UNIQUE INDEX idx_relays_domain ON relays(coalesce(domain_id, 0));
CREATE INDEX idx_relays_domain_id ON relays(domain_id) WHERE domain_id IS NOT NULL;

CREATE TABLE source_addresses (
    domain_id INTEGER PRIMARY KEY REFERENCES domains(id) ON DELETE CASCADE,
    ipv4 TEXT,
    ipv6 TEXT
) STRICT;
