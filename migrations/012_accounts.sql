-- What accounts need beyond the first schema: deletion that can be taken back, one spelling for names, aliases with
-- several destinations, plus-addressing per domain, and where a user's Maildir is.
--
-- deleted_at      epoch milliseconds; NULL for what is there. A deleted row is renamed "<name>:<id>" (no domain and no
--                 account of ours has a ":" in its name), so that the name can be given again and UNIQUE still holds
-- maildir         the user's folder below data/mail; never changes, not even when the user is renamed by deletion
-- password_epoch  counts new passwords (not new hashes of the same one): sessions that began before the last one end
-- alias_targets   the destinations of an alias beyond the one in its own row, which stays as the first schema has it
--
-- Names are stored in lower case from now on. Aliases of a domain that differ only in case were possible until now:
-- the oldest keeps the name, the others are renamed "<name>~<id>" and disabled.

ALTER TABLE domains ADD COLUMN deleted_at INTEGER;
ALTER TABLE domains ADD COLUMN subaddress_separator TEXT NOT NULL DEFAULT '+';
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
ALTER TABLE users ADD COLUMN maildir TEXT;
ALTER TABLE users ADD COLUMN password_epoch INTEGER NOT NULL DEFAULT 0;

UPDATE aliases SET source_address = source_address || '~' || id, is_active = 0
    WHERE EXISTS (SELECT 1 FROM aliases older WHERE older.id < aliases.id AND older.domain_id = aliases.domain_id
                  AND older.source_address = aliases.source_address COLLATE NOCASE);
UPDATE domains SET name = lower(name) WHERE name <> lower(name);
UPDATE users SET username = lower(username) WHERE username <> lower(username);
UPDATE aliases SET source_address = lower(source_address) WHERE source_address <> lower(source_address);

-- Plain names stay readable on disk; whatever else an old database holds can not reach the path.
UPDATE users SET maildir = CASE
    WHEN username NOT GLOB '*[^a-z0-9_-]*' AND username <> ''
        AND (SELECT name NOT GLOB '*[^a-z0-9.-]*' AND name NOT GLOB '.*' AND name NOT GLOB '*..*' AND name <> ''
             FROM domains WHERE id = users.domain_id)
    THEN (SELECT name FROM domains WHERE id = users.domain_id) || '/' || username
    ELSE '~users/' || id END;

CREATE UNIQUE INDEX idx_aliases_source_nocase ON aliases(domain_id, source_address COLLATE NOCASE);
CREATE UNIQUE INDEX idx_users_maildir ON users(maildir);
CREATE INDEX idx_users_deleted ON users(deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE alias_targets (
    id INTEGER PRIMARY KEY,
    alias_id INTEGER NOT NULL REFERENCES aliases(id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    address TEXT CHECK (address <> ''),
    CHECK ((user_id IS NULL) <> (address IS NULL))
) STRICT;

CREATE UNIQUE INDEX idx_alias_targets_user ON alias_targets(alias_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX idx_alias_targets_address ON alias_targets(alias_id, address) WHERE address IS NOT NULL;
CREATE INDEX idx_alias_targets_of_user ON alias_targets(user_id) WHERE user_id IS NOT NULL;

-- An alias dies with the user in its own row (the first schema's cascade), but not while it has other destinations:
-- one of them takes that place first.
CREATE TRIGGER users_alias_targets BEFORE DELETE ON users BEGIN
    UPDATE aliases SET (destination_user_id, destination_external) = (
            SELECT t.user_id, t.address FROM alias_targets t
            WHERE t.alias_id = aliases.id AND t.user_id IS NOT OLD.id ORDER BY t.id LIMIT 1)
        WHERE destination_user_id = OLD.id AND destination_external IS NULL
        AND EXISTS (SELECT 1 FROM alias_targets t WHERE t.alias_id = aliases.id AND t.user_id IS NOT OLD.id);
    UPDATE aliases SET destination_user_id = NULL
        WHERE destination_user_id = OLD.id AND destination_external IS NOT NULL;
    DELETE FROM alias_targets WHERE EXISTS (SELECT 1 FROM aliases a WHERE a.id = alias_targets.alias_id
        AND (a.destination_user_id = alias_targets.user_id
             OR (a.destination_user_id IS NULL AND a.destination_external = alias_targets.address)));
END;

CREATE TRIGGER aliases_external_insert BEFORE INSERT ON aliases WHEN NEW.destination_external = '' BEGIN
    SELECT RAISE(ABORT, 'destination_external is empty');
END;
CREATE TRIGGER aliases_external_update BEFORE UPDATE ON aliases WHEN NEW.destination_external = '' BEGIN
    SELECT RAISE(ABORT, 'destination_external is empty');
END;
