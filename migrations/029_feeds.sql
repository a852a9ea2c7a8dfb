-- Calendars given to the outside and taken from there: secret links, subscriptions, published free-busy.
--
-- calendar_links        addresses under which a calendar can be read without a login. secret_hash: SHA-256 of the secret,
--                       what a request is looked up by; sealed: the secret under the key beside the database, so that
--                       its owner can be shown it again. busy_only: times without anything else. used_ms: last time,
--                       to the hour
-- calendar_sources      outside feeds that calendars of the kind "subscription" show. every_ms: between two fetches;
--                       etag, last_modified: as the other server gave them; digest: of the octets taken in last;
--                       next_ms: when it is due; fetched_ms: last answer that could be used; failures: since then;
--                       error: why, in words; left_out: objects of the feed that can not be stored
-- free_busy_settings    who may ask when a user is busy: scope off, domain (users of the same domain), secret (they and
--                       whoever has the address). No row: off
--
-- Times are epoch milliseconds. Additive; nothing that exists changes.

CREATE TABLE calendar_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    calendar_id INTEGER NOT NULL REFERENCES calendars(id) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL,
    sealed BLOB NOT NULL,
    busy_only INTEGER NOT NULL DEFAULT 0 CHECK (busy_only IN (0, 1)),
    created_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT;

CREATE UNIQUE INDEX idx_calendar_links_secret ON calendar_links(secret_hash);
CREATE INDEX idx_calendar_links_calendar ON calendar_links(calendar_id);

CREATE TABLE calendar_sources (
    calendar_id INTEGER PRIMARY KEY REFERENCES calendars(id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    every_ms INTEGER NOT NULL,
    etag TEXT,
    last_modified TEXT,
    digest BLOB,
    next_ms INTEGER NOT NULL,
    tried_ms INTEGER,
    fetched_ms INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    left_out INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX idx_calendar_sources_next ON calendar_sources(next_ms);

CREATE TABLE free_busy_settings (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    scope TEXT NOT NULL CHECK (scope IN ('off', 'domain', 'secret')),
    secret_hash BLOB,
    sealed BLOB
) STRICT;

CREATE UNIQUE INDEX idx_free_busy_settings_secret ON free_busy_settings(secret_hash) WHERE secret_hash IS NOT NULL;
