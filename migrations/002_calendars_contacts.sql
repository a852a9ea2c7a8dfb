-- Calendars (RFC 4791) and address books (RFC 6352).
--
-- calendars, addressbooks   uid is the resource id; ctag changes with every change inside; one default of each per user
-- calendar_events           icalendar_data is what the client sent; the other columns are for display and time ranges
-- contacts                  vcard_data is what the client sent; emails and phones are JSON arrays

CREATE TABLE IF NOT EXISTS calendars (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    color TEXT DEFAULT '#0066CC',
    timezone TEXT DEFAULT 'UTC',
    ctag TEXT NOT NULL,
    is_default BOOLEAN DEFAULT FALSE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS calendar_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    calendar_id INTEGER NOT NULL,
    uid TEXT NOT NULL,
    etag TEXT NOT NULL,
    icalendar_data TEXT NOT NULL,
    summary TEXT,
    description TEXT,
    location TEXT,
    start_time DATETIME,
    end_time DATETIME,
    all_day BOOLEAN DEFAULT FALSE,
    recurrence_rule TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (calendar_id) REFERENCES calendars(id) ON DELETE CASCADE,
    UNIQUE (calendar_id, uid)
);

CREATE TABLE IF NOT EXISTS addressbooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    ctag TEXT NOT NULL,
    is_default BOOLEAN DEFAULT FALSE,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    addressbook_id INTEGER NOT NULL,
    uid TEXT NOT NULL,
    etag TEXT NOT NULL,
    vcard_data TEXT NOT NULL,
    full_name TEXT,
    given_name TEXT,
    family_name TEXT,
    nickname TEXT,
    emails TEXT,
    phones TEXT,
    organization TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (addressbook_id) REFERENCES addressbooks(id) ON DELETE CASCADE,
    UNIQUE (addressbook_id, uid)
);

CREATE INDEX IF NOT EXISTS idx_calendars_user ON calendars(user_id);
CREATE INDEX IF NOT EXISTS idx_calendars_uid ON calendars(uid);
CREATE INDEX IF NOT EXISTS idx_events_calendar ON calendar_events(calendar_id);
CREATE INDEX IF NOT EXISTS idx_events_uid ON calendar_events(uid);
CREATE INDEX IF NOT EXISTS idx_events_time ON calendar_events(start_time, end_time);
CREATE INDEX IF NOT EXISTS idx_addressbooks_user ON addressbooks(user_id);
CREATE INDEX IF NOT EXISTS idx_addressbooks_uid ON addressbooks(uid);
CREATE INDEX IF NOT EXISTS idx_contacts_addressbook ON contacts(addressbook_id);
CREATE INDEX IF NOT EXISTS idx_contacts_uid ON contacts(uid);
CREATE INDEX IF NOT EXISTS idx_contacts_name ON contacts(full_name);
CREATE INDEX IF NOT EXISTS idx_contacts_email ON contacts(emails);
