-- What CalDAV (RFC 4791) and CardDAV (RFC 6352) need beyond the first tables.
--
-- calendars, addressbooks (collections):
--   slug            the collection's segment in its owner's home, as the client named it
--   kind            ordinary; subscription and birthdays are filled by the server alone; collected: correspondents
--   components      component types it takes, parted by commas; NULL: all
--   position        where clients show it among the others; NULL: they choose
--   vtimezone       calendar-timezone as it was sent; the timezone column has the zone's name
--   is_transparent  1: counts in no free-busy answer
--   modseq          the owner's change number of the last change of it or in it; ctag is the same as text
--   floor           removals before this number are forgotten. Of the collection, not of its owner: mail that was
--                   removed is no reason to fetch a calendar anew
--   member_count, octets   what it holds, kept by every change, so that limits need no scan
--   changed_ms      epoch milliseconds, as all times here
-- calendar_events, contacts (members):
--   href            the member's segment, as the client named it
--   size            octets of the data
--   schedule_tag    RFC 6638 §3.2.10; NULL where nobody is invited
-- dav_removed       tombstones of members: what sync-collection (RFC 6578) reports as gone
-- dav_shares        collections that others see too: in their homes under a slug, a name, a colour of their own
-- dav_properties    dead properties (RFC 4918 §4): kind and resource_id tell whose, name is {namespace}local, value the
--                   inner XML; of a share: those that its user set
-- dav_locks         RFC 4918 §6; href NULL: the collection itself
--
-- One table for parents of several kinds: a foreign key can name one only, so triggers remove what goes with them.
-- Rows that other programs add without slug or href get them from their uid, as those do that exist.

ALTER TABLE calendars ADD COLUMN slug TEXT;
ALTER TABLE calendars ADD COLUMN kind TEXT NOT NULL DEFAULT 'ordinary';
ALTER TABLE calendars ADD COLUMN components TEXT;
ALTER TABLE calendars ADD COLUMN position INTEGER;
ALTER TABLE calendars ADD COLUMN vtimezone TEXT;
ALTER TABLE calendars ADD COLUMN is_transparent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendars ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calendars ADD COLUMN floor INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calendars ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendars ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendars ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE addressbooks ADD COLUMN slug TEXT;
ALTER TABLE addressbooks ADD COLUMN kind TEXT NOT NULL DEFAULT 'ordinary';
ALTER TABLE addressbooks ADD COLUMN color TEXT;
ALTER TABLE addressbooks ADD COLUMN position INTEGER;
ALTER TABLE addressbooks ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE addressbooks ADD COLUMN floor INTEGER NOT NULL DEFAULT 1;
ALTER TABLE addressbooks ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE addressbooks ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE addressbooks ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE calendar_events ADD COLUMN href TEXT;
ALTER TABLE calendar_events ADD COLUMN component TEXT NOT NULL DEFAULT 'VEVENT';
ALTER TABLE calendar_events ADD COLUMN schedule_tag TEXT;
ALTER TABLE calendar_events ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_events ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calendar_events ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_events ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE contacts ADD COLUMN href TEXT;
ALTER TABLE contacts ADD COLUMN component TEXT NOT NULL DEFAULT 'VCARD';
ALTER TABLE contacts ADD COLUMN schedule_tag TEXT;
ALTER TABLE contacts ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE contacts ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE dav_removed (
    family TEXT NOT NULL CHECK (family IN ('calendars', 'addressbooks')),
    collection_id INTEGER NOT NULL,
    href TEXT NOT NULL,
    modseq INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (family, collection_id, href)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_dav_removed_modseq ON dav_removed(family, collection_id, modseq);
CREATE INDEX idx_dav_removed_time ON dav_removed(removed_at);

CREATE TABLE dav_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    family TEXT NOT NULL CHECK (family IN ('calendars', 'addressbooks')),
    collection_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    slug TEXT NOT NULL,
    may_write INTEGER NOT NULL DEFAULT 0 CHECK (may_write IN (0, 1)),
    name TEXT,
    color TEXT,
    position INTEGER,
    is_transparent INTEGER,
    created_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX idx_dav_shares_collection ON dav_shares(family, collection_id, user_id);
CREATE UNIQUE INDEX idx_dav_shares_slug ON dav_shares(user_id, family, slug);

CREATE TABLE dav_properties (
    kind TEXT NOT NULL CHECK (kind IN
        ('principal', 'calendar-home', 'addressbook-home', 'calendar', 'addressbook', 'event', 'contact', 'share')),
    resource_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, resource_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dav_locks (
    token TEXT PRIMARY KEY,
    family TEXT NOT NULL CHECK (family IN ('calendars', 'addressbooks')),
    collection_id INTEGER NOT NULL,
    href TEXT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    is_exclusive INTEGER NOT NULL DEFAULT 1 CHECK (is_exclusive IN (0, 1)),
    is_deep INTEGER NOT NULL DEFAULT 0 CHECK (is_deep IN (0, 1)),
    owner BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_dav_locks_resource ON dav_locks(family, collection_id);
CREATE INDEX idx_dav_locks_user ON dav_locks(user_id);

-- Names of what exists. A uid that can be no segment is replaced.
UPDATE calendars SET slug = CASE WHEN uid IN ('', '.', '..', 'inbox', 'outbox') OR uid GLOB '*[/' || char(1) || '-'
        || char(31) || ']*' OR length(CAST(uid AS BLOB)) > 255 THEN lower(hex(randomblob(16))) ELSE uid END,
    changed_ms = coalesce(unixepoch(updated_at), 0) * 1000;
UPDATE addressbooks SET slug = CASE WHEN uid IN ('', '.', '..', 'directory') OR uid GLOB '*[/' || char(1) || '-'
        || char(31) || ']*' OR length(CAST(uid AS BLOB)) > 255 THEN lower(hex(randomblob(16))) ELSE uid END,
    changed_ms = coalesce(unixepoch(updated_at), 0) * 1000;

-- Every member has a number of its own, so that a list of changes can be cut anywhere.
UPDATE calendar_events SET
    href = CASE WHEN uid = '' OR uid GLOB '*[/' || char(1) || '-' || char(31) || ']*' OR length(CAST(uid AS BLOB)) > 250
        THEN lower(hex(randomblob(16))) ELSE uid END || '.ics',
    component = CASE WHEN instr(upper(icalendar_data), 'BEGIN:VEVENT') > 0 THEN 'VEVENT'
        WHEN instr(upper(icalendar_data), 'BEGIN:VTODO') > 0 THEN 'VTODO'
        WHEN instr(upper(icalendar_data), 'BEGIN:VJOURNAL') > 0 THEN 'VJOURNAL' ELSE 'VEVENT' END,
    size = length(CAST(icalendar_data AS BLOB)),
    created_ms = coalesce(unixepoch(created_at), 0) * 1000,
    changed_ms = coalesce(unixepoch(updated_at), 0) * 1000,
    modseq = numbered.modseq
    FROM (SELECT e.id, coalesce(n.modseq, 1) + row_number() OVER (PARTITION BY c.user_id ORDER BY e.id) AS modseq
          FROM calendar_events e JOIN calendars c ON c.id = e.calendar_id
          LEFT JOIN change_counters n ON n.user_id = c.user_id) numbered
    WHERE numbered.id = calendar_events.id;
UPDATE change_counters SET modseq = modseq + (SELECT count(*) FROM calendar_events e
    JOIN calendars c ON c.id = e.calendar_id WHERE c.user_id = change_counters.user_id);
UPDATE contacts SET
    href = CASE WHEN uid = '' OR uid GLOB '*[/' || char(1) || '-' || char(31) || ']*' OR length(CAST(uid AS BLOB)) > 250
        THEN lower(hex(randomblob(16))) ELSE uid END || '.vcf',
    size = length(CAST(vcard_data AS BLOB)),
    created_ms = coalesce(unixepoch(created_at), 0) * 1000,
    changed_ms = coalesce(unixepoch(updated_at), 0) * 1000,
    modseq = numbered.modseq
    FROM (SELECT e.id, coalesce(n.modseq, 1) + row_number() OVER (PARTITION BY c.user_id ORDER BY e.id) AS modseq
          FROM contacts e JOIN addressbooks c ON c.id = e.addressbook_id
          LEFT JOIN change_counters n ON n.user_id = c.user_id) numbered
    WHERE numbered.id = contacts.id;
UPDATE change_counters SET modseq = modseq + (SELECT count(*) FROM contacts e
    JOIN addressbooks c ON c.id = e.addressbook_id WHERE c.user_id = change_counters.user_id);
UPDATE calendars SET (modseq, member_count, octets) =
    (SELECT coalesce(max(modseq), 1), count(*), coalesce(sum(size), 0) FROM calendar_events
     WHERE calendar_id = calendars.id);
UPDATE addressbooks SET (modseq, member_count, octets) =
    (SELECT coalesce(max(modseq), 1), count(*), coalesce(sum(size), 0) FROM contacts
     WHERE addressbook_id = addressbooks.id);

-- A default of each for everybody: the oldest, or a new one.
UPDATE calendars SET is_default = 1 WHERE kind = 'ordinary'
    AND id = (SELECT min(id) FROM calendars other WHERE other.user_id = calendars.user_id)
    AND NOT EXISTS (SELECT 1 FROM calendars other WHERE other.user_id = calendars.user_id AND other.is_default = 1);
UPDATE addressbooks SET is_default = 1 WHERE kind = 'ordinary'
    AND id = (SELECT min(id) FROM addressbooks other WHERE other.user_id = addressbooks.user_id)
    AND NOT EXISTS (SELECT 1 FROM addressbooks other WHERE other.user_id = addressbooks.user_id
                    AND other.is_default = 1);
INSERT INTO calendars (user_id, uid, slug, name, components, ctag, is_default, changed_ms)
    SELECT u.id, lower(hex(randomblob(16))), new.slug, new.name, new.components, '1', new.is_default,
        unixepoch() * 1000
    FROM users u JOIN (SELECT 'calendar' AS slug, 'Calendar' AS name, NULL AS components, 1 AS is_default
                       UNION ALL SELECT 'tasks', 'Tasks', 'VTODO', 0) new
    WHERE NOT EXISTS (SELECT 1 FROM calendars WHERE user_id = u.id) ORDER BY u.id, new.slug;
INSERT INTO addressbooks (user_id, uid, slug, name, ctag, is_default, changed_ms)
    SELECT id, lower(hex(randomblob(16))), 'contacts', 'Contacts', '1', 1, unixepoch() * 1000 FROM users u
    WHERE NOT EXISTS (SELECT 1 FROM addressbooks WHERE user_id = u.id) ORDER BY id;

DROP INDEX idx_calendars_user;
CREATE UNIQUE INDEX idx_calendars_slug ON calendars(user_id, slug);
DROP INDEX idx_addressbooks_user;
CREATE UNIQUE INDEX idx_addressbooks_slug ON addressbooks(user_id, slug);
CREATE UNIQUE INDEX idx_events_href ON calendar_events(calendar_id, href);
CREATE UNIQUE INDEX idx_contacts_href ON contacts(addressbook_id, href);
-- Everything about a member but its data: lists and changes never read the large rows.
CREATE INDEX idx_events_list ON calendar_events(calendar_id, modseq, href, etag, uid, size, component, schedule_tag,
    created_ms, changed_ms);
CREATE INDEX idx_contacts_list ON contacts(addressbook_id, modseq, href, etag, uid, size, component, schedule_tag,
    created_ms, changed_ms);

CREATE TRIGGER calendars_slug AFTER INSERT ON calendars WHEN NEW.slug IS NULL BEGIN
    UPDATE calendars SET slug = lower(hex(randomblob(16))) WHERE id = NEW.id;
END;
CREATE TRIGGER addressbooks_slug AFTER INSERT ON addressbooks WHEN NEW.slug IS NULL BEGIN
    UPDATE addressbooks SET slug = lower(hex(randomblob(16))) WHERE id = NEW.id;
END;
CREATE TRIGGER calendar_events_href AFTER INSERT ON calendar_events WHEN NEW.href IS NULL BEGIN
    UPDATE calendar_events SET href = lower(hex(randomblob(16))) || '.ics', size = length(CAST(NEW.icalendar_data AS BLOB))
    WHERE id = NEW.id;
END;
CREATE TRIGGER contacts_href AFTER INSERT ON contacts WHEN NEW.href IS NULL BEGIN
    UPDATE contacts SET href = lower(hex(randomblob(16))) || '.vcf', size = length(CAST(NEW.vcard_data AS BLOB))
    WHERE id = NEW.id;
END;

CREATE TRIGGER calendars_dav AFTER DELETE ON calendars BEGIN
    DELETE FROM dav_removed WHERE family = 'calendars' AND collection_id = OLD.id;
    DELETE FROM dav_shares WHERE family = 'calendars' AND collection_id = OLD.id;
    DELETE FROM dav_locks WHERE family = 'calendars' AND collection_id = OLD.id;
    DELETE FROM dav_properties WHERE kind = 'calendar' AND resource_id = OLD.id;
END;
CREATE TRIGGER addressbooks_dav AFTER DELETE ON addressbooks BEGIN
    DELETE FROM dav_removed WHERE family = 'addressbooks' AND collection_id = OLD.id;
    DELETE FROM dav_shares WHERE family = 'addressbooks' AND collection_id = OLD.id;
    DELETE FROM dav_locks WHERE family = 'addressbooks' AND collection_id = OLD.id;
    DELETE FROM dav_properties WHERE kind = 'addressbook' AND resource_id = OLD.id;
END;
CREATE TRIGGER calendar_events_dav AFTER DELETE ON calendar_events BEGIN
    DELETE FROM dav_properties WHERE kind = 'event' AND resource_id = OLD.id;
END;
CREATE TRIGGER contacts_dav AFTER DELETE ON contacts BEGIN
    DELETE FROM dav_properties WHERE kind = 'contact' AND resource_id = OLD.id;
END;
CREATE TRIGGER dav_shares_dav AFTER DELETE ON dav_shares BEGIN
    DELETE FROM dav_properties WHERE kind = 'share' AND resource_id = OLD.id;
END;
CREATE TRIGGER users_dav AFTER DELETE ON users BEGIN
    DELETE FROM dav_properties WHERE kind IN ('principal', 'calendar-home', 'addressbook-home')
        AND resource_id = OLD.id;
END;
