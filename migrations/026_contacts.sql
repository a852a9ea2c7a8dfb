-- Contacts that are found quickly, people one writes to, and what an account says of its person.
--
-- contacts.search_text   names, addresses and numbers, folded, one property a line; NULL: too long, look into the card
-- contacts.birthday, anniversary   YYYY-MM-DD, or --MM-DD where the year is not known
-- users.locale           language tag (RFC 5646) its pages and reminders are written in; NULL: not told
-- users.timezone         zone of the IANA database; NULL: not told
-- users.collects         1 or 0: whom it writes to is collected or not; NULL: what the configuration says
-- users.shows_birthdays  1 or 0: has the calendar of birthdays or not; NULL: what the configuration says
-- avatars                one picture per account, as it was given; changed_at in epoch milliseconds
-- correspondents         whom a user has written to
--     address            as it is compared
--     name               as it was written last, '' where never
--     search_text        name and address, folded, a line feed before each
--     rank               log2 of the sum of weight * 2^(time / half-life) of all messages: it orders people by how much
--                        they are written to, older messages counting less, and needs no change as time goes by
--     messages           how many
--     last_at            epoch milliseconds
--     contact_id         the card in the collected book; deleting that forgets the person

ALTER TABLE contacts ADD COLUMN search_text TEXT;
ALTER TABLE contacts ADD COLUMN birthday TEXT;
ALTER TABLE contacts ADD COLUMN anniversary TEXT;
ALTER TABLE users ADD COLUMN locale TEXT;
ALTER TABLE users ADD COLUMN timezone TEXT;
ALTER TABLE users ADD COLUMN collects INTEGER CHECK (collects IN (0, 1));
ALTER TABLE users ADD COLUMN shows_birthdays INTEGER CHECK (shows_birthdays IN (0, 1));

-- Holds what a search reads, so that it never touches the cards themselves.
CREATE INDEX idx_contacts_search ON contacts(addressbook_id, search_text);
CREATE INDEX idx_contacts_days ON contacts(addressbook_id) WHERE birthday IS NOT NULL OR anniversary IS NOT NULL;

CREATE TABLE avatars (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    data BLOB NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE correspondents (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    search_text TEXT NOT NULL,
    rank REAL NOT NULL,
    messages INTEGER NOT NULL DEFAULT 1,
    last_at INTEGER NOT NULL,
    contact_id INTEGER REFERENCES contacts(id) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX idx_correspondents_address ON correspondents(user_id, address);
CREATE INDEX idx_correspondents_rank ON correspondents(user_id, rank DESC);
CREATE UNIQUE INDEX idx_correspondents_contact ON correspondents(contact_id) WHERE contact_id IS NOT NULL;
