-- Value rules that the schema states in words only, for whoever writes: the server, the command line, a person in
-- the sqlite3 shell. They are triggers, because SQLite can not add a CHECK to a table that exists.
--
--   <table>_rules_insert, _rules_update   refuse a row that breaks a rule
--       booleans are 0 or 1; other values would be neither true nor false in a query
--       times are text of the one shape that sorts and compares: YYYY-MM-DD HH:MM:SS, UTC; adding no days to one
--       gives that shape, and another day for the 30th of February
--       octet counts are not negative; UIDs and UIDVALIDITY are 1 to 2^32-1 (RFC 3501 section 2.3.1.1)
--       status words are those of the schema
--   <table>_updated_at                    set updated_at, unless the statement did
--
-- An update is held against the rules of the columns whose values it changes: a row from before this file with an
-- old bad value elsewhere can still be changed. users.used_bytes and mailboxes.uidnext move with every message:
-- they have triggers of their own, so that a delivery runs no other rule of their tables.
-- After the row is written, not before: half the cost, and the values are as stored; ABORT takes the row out again.
-- No IN: it would build its list anew for each row. Messages of RAISE are literals: SQLite before 3.47 takes nothing else.
--
-- Unique: one active script, one default calendar and one default address book per user; where there are several
-- today, the last changed stays. Names of domains, and of users in a domain, whatever their case; where two differ
-- in case only, the oldest keeps the name, the others become "<name>:<id>" and are disabled: nothing of theirs is lost.

-- First of all, so that the triggers below do not take the repair for a change of today.
UPDATE sieve_scripts SET is_active = 0 WHERE is_active = 1 AND EXISTS (
    SELECT 1 FROM sieve_scripts AS other WHERE other.user_id = sieve_scripts.user_id AND other.is_active = 1
    AND (coalesce(other.updated_at, ''), other.id) > (coalesce(sieve_scripts.updated_at, ''), sieve_scripts.id));
UPDATE calendars SET is_default = 0 WHERE is_default = 1 AND EXISTS (
    SELECT 1 FROM calendars AS other WHERE other.user_id = calendars.user_id AND other.is_default = 1
    AND (coalesce(other.updated_at, ''), other.id) > (coalesce(calendars.updated_at, ''), calendars.id));
UPDATE addressbooks SET is_default = 0 WHERE is_default = 1 AND EXISTS (
    SELECT 1 FROM addressbooks AS other WHERE other.user_id = addressbooks.user_id AND other.is_default = 1
    AND (coalesce(other.updated_at, ''), other.id) > (coalesce(addressbooks.updated_at, ''), addressbooks.id));
UPDATE domains SET name = name || ':' || id, is_active = 0 WHERE EXISTS (
    SELECT 1 FROM domains AS older WHERE older.id < domains.id AND older.name = domains.name COLLATE NOCASE);
UPDATE users SET username = username || ':' || id, is_active = 0 WHERE EXISTS (
    SELECT 1 FROM users AS older WHERE older.id < users.id AND older.domain_id = users.domain_id
    AND older.username = users.username COLLATE NOCASE);

CREATE TRIGGER domains_rules_insert AFTER INSERT ON domains BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            OR NEW.dns_mx_verified IS NOT 0 AND NEW.dns_mx_verified IS NOT 1
            OR NEW.dns_spf_verified IS NOT 0 AND NEW.dns_spf_verified IS NOT 1
            OR NEW.dns_dkim_verified IS NOT 0 AND NEW.dns_dkim_verified IS NOT 1
            OR NEW.dns_dmarc_verified IS NOT 0 AND NEW.dns_dmarc_verified IS NOT 1
            THEN RAISE(ABORT, 'domains: is_active and dns_..._verified are 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            OR NEW.dkim_key_created_at IS NOT datetime(NEW.dkim_key_created_at, '+0 days')
            OR NEW.dns_last_checked IS NOT datetime(NEW.dns_last_checked, '+0 days')
            THEN RAISE(ABORT, 'domains: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER domains_rules_update
    AFTER UPDATE OF is_active, dns_mx_verified, dns_spf_verified, dns_dkim_verified, dns_dmarc_verified,
    created_at, updated_at, dkim_key_created_at, dns_last_checked
    ON domains BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            OR NEW.dns_mx_verified IS NOT OLD.dns_mx_verified
                AND NEW.dns_mx_verified IS NOT 0 AND NEW.dns_mx_verified IS NOT 1
            OR NEW.dns_spf_verified IS NOT OLD.dns_spf_verified
                AND NEW.dns_spf_verified IS NOT 0 AND NEW.dns_spf_verified IS NOT 1
            OR NEW.dns_dkim_verified IS NOT OLD.dns_dkim_verified
                AND NEW.dns_dkim_verified IS NOT 0 AND NEW.dns_dkim_verified IS NOT 1
            OR NEW.dns_dmarc_verified IS NOT OLD.dns_dmarc_verified
                AND NEW.dns_dmarc_verified IS NOT 0 AND NEW.dns_dmarc_verified IS NOT 1
            THEN RAISE(ABORT, 'domains: is_active and dns_..._verified are 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            OR NEW.dkim_key_created_at IS NOT OLD.dkim_key_created_at
                AND NEW.dkim_key_created_at IS NOT datetime(NEW.dkim_key_created_at, '+0 days')
            OR NEW.dns_last_checked IS NOT OLD.dns_last_checked
                AND NEW.dns_last_checked IS NOT datetime(NEW.dns_last_checked, '+0 days')
            THEN RAISE(ABORT, 'domains: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER users_rules_insert AFTER INSERT ON users BEGIN
    SELECT CASE
        WHEN typeof(NEW.quota_bytes) <> 'integer' AND NEW.quota_bytes IS NOT NULL OR NEW.quota_bytes < 0
            THEN RAISE(ABORT, 'users: quota_bytes is 0 or more octets, or NULL')
        WHEN typeof(NEW.used_bytes) <> 'integer' OR NEW.used_bytes < 0
            THEN RAISE(ABORT, 'users: used_bytes is 0 or more octets')
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            OR NEW.is_admin IS NOT 0 AND NEW.is_admin IS NOT 1
            OR NEW.totp_enabled IS NOT 0 AND NEW.totp_enabled IS NOT 1
            THEN RAISE(ABORT, 'users: is_active, is_admin and totp_enabled are 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'users: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER users_rules_update
    AFTER UPDATE OF quota_bytes, is_active, is_admin, totp_enabled, created_at, updated_at
    ON users BEGIN
    SELECT CASE
        WHEN NEW.quota_bytes IS NOT OLD.quota_bytes
            AND (typeof(NEW.quota_bytes) <> 'integer' AND NEW.quota_bytes IS NOT NULL OR NEW.quota_bytes < 0)
            THEN RAISE(ABORT, 'users: quota_bytes is 0 or more octets, or NULL')
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            OR NEW.is_admin IS NOT OLD.is_admin AND NEW.is_admin IS NOT 0 AND NEW.is_admin IS NOT 1
            OR NEW.totp_enabled IS NOT OLD.totp_enabled AND NEW.totp_enabled IS NOT 0 AND NEW.totp_enabled IS NOT 1
            THEN RAISE(ABORT, 'users: is_active, is_admin and totp_enabled are 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'users: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER users_used_bytes_update AFTER UPDATE OF used_bytes ON users BEGIN
    SELECT CASE
        WHEN typeof(NEW.used_bytes) <> 'integer' OR NEW.used_bytes < 0
            THEN RAISE(ABORT, 'users: used_bytes is 0 or more octets')
    END;
END;

CREATE TRIGGER aliases_rules_insert AFTER INSERT ON aliases BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'aliases: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'aliases: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER aliases_rules_update AFTER UPDATE OF is_active, created_at ON aliases BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'aliases: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'aliases: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER mailboxes_rules_insert AFTER INSERT ON mailboxes BEGIN
    SELECT CASE
        WHEN typeof(NEW.uidvalidity) <> 'integer' OR NEW.uidvalidity NOT BETWEEN 1 AND 4294967295
            THEN RAISE(ABORT, 'mailboxes: uidvalidity is 1 to 4294967295')
        WHEN typeof(NEW.uidnext) <> 'integer' OR NEW.uidnext NOT BETWEEN 1 AND 4294967295
            THEN RAISE(ABORT, 'mailboxes: uidnext is 1 to 4294967295')
        WHEN NEW.subscribed IS NOT 0 AND NEW.subscribed IS NOT 1
            THEN RAISE(ABORT, 'mailboxes: subscribed is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'mailboxes: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER mailboxes_rules_update AFTER UPDATE OF uidvalidity, subscribed, created_at ON mailboxes BEGIN
    SELECT CASE
        WHEN NEW.uidvalidity IS NOT OLD.uidvalidity
            AND (typeof(NEW.uidvalidity) <> 'integer' OR NEW.uidvalidity NOT BETWEEN 1 AND 4294967295)
            THEN RAISE(ABORT, 'mailboxes: uidvalidity is 1 to 4294967295')
        WHEN NEW.subscribed IS NOT OLD.subscribed AND NEW.subscribed IS NOT 0 AND NEW.subscribed IS NOT 1
            THEN RAISE(ABORT, 'mailboxes: subscribed is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'mailboxes: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER mailboxes_uidnext_update AFTER UPDATE OF uidnext ON mailboxes BEGIN
    SELECT CASE
        WHEN typeof(NEW.uidnext) <> 'integer' OR NEW.uidnext NOT BETWEEN 1 AND 4294967295
            THEN RAISE(ABORT, 'mailboxes: uidnext is 1 to 4294967295')
    END;
END;

CREATE TRIGGER messages_rules_insert AFTER INSERT ON messages BEGIN
    SELECT CASE
        WHEN typeof(NEW.uid) <> 'integer' OR NEW.uid NOT BETWEEN 1 AND 4294967295
            THEN RAISE(ABORT, 'messages: uid is 1 to 4294967295')
        WHEN typeof(NEW.size) <> 'integer' OR NEW.size < 0
            THEN RAISE(ABORT, 'messages: size is 0 or more octets')
        WHEN NEW.flags IS NULL
            THEN RAISE(ABORT, 'messages: flags is text, empty for none')
        WHEN NEW.internal_date IS NOT datetime(NEW.internal_date, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'messages: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER messages_rules_update AFTER UPDATE OF uid, size, flags, internal_date, created_at ON messages BEGIN
    SELECT CASE
        WHEN NEW.uid IS NOT OLD.uid AND (typeof(NEW.uid) <> 'integer' OR NEW.uid NOT BETWEEN 1 AND 4294967295)
            THEN RAISE(ABORT, 'messages: uid is 1 to 4294967295')
        WHEN NEW.size IS NOT OLD.size AND (typeof(NEW.size) <> 'integer' OR NEW.size < 0)
            THEN RAISE(ABORT, 'messages: size is 0 or more octets')
        WHEN NEW.flags IS NOT OLD.flags AND NEW.flags IS NULL
            THEN RAISE(ABORT, 'messages: flags is text, empty for none')
        WHEN NEW.internal_date IS NOT OLD.internal_date
            AND NEW.internal_date IS NOT datetime(NEW.internal_date, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'messages: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER outbound_queue_rules_insert AFTER INSERT ON outbound_queue BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT 'pending' AND NEW.status IS NOT 'sending' AND NEW.status IS NOT 'sent'
            AND NEW.status IS NOT 'failed'
            THEN RAISE(ABORT, 'outbound_queue: status is pending, sending, sent or failed')
        WHEN NEW.last_attempt IS NOT datetime(NEW.last_attempt, '+0 days')
            OR NEW.next_attempt IS NOT datetime(NEW.next_attempt, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'outbound_queue: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER outbound_queue_rules_update
    AFTER UPDATE OF status, last_attempt, next_attempt, created_at
    ON outbound_queue BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT OLD.status AND NEW.status IS NOT 'pending' AND NEW.status IS NOT 'sending'
            AND NEW.status IS NOT 'sent' AND NEW.status IS NOT 'failed'
            THEN RAISE(ABORT, 'outbound_queue: status is pending, sending, sent or failed')
        WHEN NEW.last_attempt IS NOT OLD.last_attempt AND NEW.last_attempt IS NOT datetime(NEW.last_attempt, '+0 days')
            OR NEW.next_attempt IS NOT OLD.next_attempt
                AND NEW.next_attempt IS NOT datetime(NEW.next_attempt, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'outbound_queue: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sessions_rules_insert AFTER INSERT ON sessions BEGIN
    SELECT CASE
        WHEN NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'sessions: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sessions_rules_update AFTER UPDATE OF expires_at, created_at ON sessions BEGIN
    SELECT CASE
        WHEN NEW.expires_at IS NOT OLD.expires_at AND NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'sessions: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER calendars_rules_insert AFTER INSERT ON calendars BEGIN
    SELECT CASE
        WHEN NEW.is_default IS NOT 0 AND NEW.is_default IS NOT 1
            THEN RAISE(ABORT, 'calendars: is_default is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'calendars: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER calendars_rules_update AFTER UPDATE OF is_default, created_at, updated_at ON calendars BEGIN
    SELECT CASE
        WHEN NEW.is_default IS NOT OLD.is_default AND NEW.is_default IS NOT 0 AND NEW.is_default IS NOT 1
            THEN RAISE(ABORT, 'calendars: is_default is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'calendars: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER calendar_events_rules_insert AFTER INSERT ON calendar_events BEGIN
    SELECT CASE
        WHEN NEW.all_day IS NOT 0 AND NEW.all_day IS NOT 1
            THEN RAISE(ABORT, 'calendar_events: all_day is 0 or 1')
        WHEN NEW.start_time IS NOT datetime(NEW.start_time, '+0 days')
            OR NEW.end_time IS NOT datetime(NEW.end_time, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'calendar_events: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER calendar_events_rules_update
    AFTER UPDATE OF all_day, start_time, end_time, created_at, updated_at
    ON calendar_events BEGIN
    SELECT CASE
        WHEN NEW.all_day IS NOT OLD.all_day AND NEW.all_day IS NOT 0 AND NEW.all_day IS NOT 1
            THEN RAISE(ABORT, 'calendar_events: all_day is 0 or 1')
        WHEN NEW.start_time IS NOT OLD.start_time AND NEW.start_time IS NOT datetime(NEW.start_time, '+0 days')
            OR NEW.end_time IS NOT OLD.end_time AND NEW.end_time IS NOT datetime(NEW.end_time, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'calendar_events: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER addressbooks_rules_insert AFTER INSERT ON addressbooks BEGIN
    SELECT CASE
        WHEN NEW.is_default IS NOT 0 AND NEW.is_default IS NOT 1
            THEN RAISE(ABORT, 'addressbooks: is_default is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'addressbooks: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER addressbooks_rules_update AFTER UPDATE OF is_default, created_at, updated_at ON addressbooks BEGIN
    SELECT CASE
        WHEN NEW.is_default IS NOT OLD.is_default AND NEW.is_default IS NOT 0 AND NEW.is_default IS NOT 1
            THEN RAISE(ABORT, 'addressbooks: is_default is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'addressbooks: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER contacts_rules_insert AFTER INSERT ON contacts BEGIN
    SELECT CASE
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'contacts: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER contacts_rules_update AFTER UPDATE OF created_at, updated_at ON contacts BEGIN
    SELECT CASE
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'contacts: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sieve_scripts_rules_insert AFTER INSERT ON sieve_scripts BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'sieve_scripts: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'sieve_scripts: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sieve_scripts_rules_update AFTER UPDATE OF is_active, created_at, updated_at ON sieve_scripts BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'sieve_scripts: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'sieve_scripts: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER vacation_responses_rules_insert AFTER INSERT ON vacation_responses BEGIN
    SELECT CASE
        WHEN NEW.responded_at IS NOT datetime(NEW.responded_at, '+0 days')
            THEN RAISE(ABORT, 'vacation_responses: responded_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER vacation_responses_rules_update AFTER UPDATE OF responded_at ON vacation_responses BEGIN
    SELECT CASE
        WHEN NEW.responded_at IS NOT OLD.responded_at AND NEW.responded_at IS NOT datetime(NEW.responded_at, '+0 days')
            THEN RAISE(ABORT, 'vacation_responses: responded_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER auth_log_rules_insert AFTER INSERT ON auth_log BEGIN
    SELECT CASE
        WHEN NEW.success IS NOT 0 AND NEW.success IS NOT 1
            THEN RAISE(ABORT, 'auth_log: success is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'auth_log: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER auth_log_rules_update AFTER UPDATE OF success, created_at ON auth_log BEGIN
    SELECT CASE
        WHEN NEW.success IS NOT OLD.success AND NEW.success IS NOT 0 AND NEW.success IS NOT 1
            THEN RAISE(ABORT, 'auth_log: success is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'auth_log: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER delivery_log_rules_insert AFTER INSERT ON delivery_log BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT 'delivered' AND NEW.status IS NOT 'bounced' AND NEW.status IS NOT 'deferred'
            AND NEW.status IS NOT 'rejected'
            THEN RAISE(ABORT, 'delivery_log: status is delivered, bounced, deferred or rejected')
        WHEN NEW.direction IS NOT 'inbound' AND NEW.direction IS NOT 'outbound'
            THEN RAISE(ABORT, 'delivery_log: direction is inbound or outbound')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'delivery_log: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER delivery_log_rules_update AFTER UPDATE OF status, direction, created_at ON delivery_log BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT OLD.status
            AND NEW.status IS NOT 'delivered' AND NEW.status IS NOT 'bounced' AND NEW.status IS NOT 'deferred'
            AND NEW.status IS NOT 'rejected'
            THEN RAISE(ABORT, 'delivery_log: status is delivered, bounced, deferred or rejected')
        WHEN NEW.direction IS NOT OLD.direction AND NEW.direction IS NOT 'inbound' AND NEW.direction IS NOT 'outbound'
            THEN RAISE(ABORT, 'delivery_log: direction is inbound or outbound')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'delivery_log: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER api_keys_rules_insert AFTER INSERT ON api_keys BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'api_keys: is_active is 0 or 1')
        WHEN NEW.last_used_at IS NOT datetime(NEW.last_used_at, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            THEN RAISE(ABORT, 'api_keys: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER api_keys_rules_update
    AFTER UPDATE OF is_active, last_used_at, created_at, expires_at
    ON api_keys BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'api_keys: is_active is 0 or 1')
        WHEN NEW.last_used_at IS NOT OLD.last_used_at AND NEW.last_used_at IS NOT datetime(NEW.last_used_at, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.expires_at IS NOT OLD.expires_at AND NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            THEN RAISE(ABORT, 'api_keys: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER email_templates_rules_insert AFTER INSERT ON email_templates BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'email_templates: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'email_templates: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER email_templates_rules_update
    AFTER UPDATE OF is_active, created_at, updated_at
    ON email_templates BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'email_templates: is_active is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at IS NOT datetime(NEW.updated_at, '+0 days')
            THEN RAISE(ABORT, 'email_templates: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sent_emails_rules_insert AFTER INSERT ON sent_emails BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT 'queued' AND NEW.status IS NOT 'sent' AND NEW.status IS NOT 'delivered'
            AND NEW.status IS NOT 'deferred' AND NEW.status IS NOT 'bounced' AND NEW.status IS NOT 'failed'
            THEN RAISE(ABORT, 'sent_emails: status is queued, sent, delivered, deferred, bounced or failed')
        WHEN NEW.opened_at IS NOT datetime(NEW.opened_at, '+0 days')
            OR NEW.clicked_at IS NOT datetime(NEW.clicked_at, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.delivered_at IS NOT datetime(NEW.delivered_at, '+0 days')
            OR NEW.bounced_at IS NOT datetime(NEW.bounced_at, '+0 days')
            THEN RAISE(ABORT, 'sent_emails: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER sent_emails_rules_update
    AFTER UPDATE OF status, opened_at, clicked_at, created_at, delivered_at, bounced_at
    ON sent_emails BEGIN
    SELECT CASE
        WHEN NEW.status IS NOT OLD.status
            AND NEW.status IS NOT 'queued' AND NEW.status IS NOT 'sent' AND NEW.status IS NOT 'delivered'
            AND NEW.status IS NOT 'deferred' AND NEW.status IS NOT 'bounced' AND NEW.status IS NOT 'failed'
            THEN RAISE(ABORT, 'sent_emails: status is queued, sent, delivered, deferred, bounced or failed')
        WHEN NEW.opened_at IS NOT OLD.opened_at AND NEW.opened_at IS NOT datetime(NEW.opened_at, '+0 days')
            OR NEW.clicked_at IS NOT OLD.clicked_at AND NEW.clicked_at IS NOT datetime(NEW.clicked_at, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.delivered_at IS NOT OLD.delivered_at
                AND NEW.delivered_at IS NOT datetime(NEW.delivered_at, '+0 days')
            OR NEW.bounced_at IS NOT OLD.bounced_at AND NEW.bounced_at IS NOT datetime(NEW.bounced_at, '+0 days')
            THEN RAISE(ABORT, 'sent_emails: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER webhooks_rules_insert AFTER INSERT ON webhooks BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'webhooks: is_active is 0 or 1')
        WHEN NEW.last_triggered_at IS NOT datetime(NEW.last_triggered_at, '+0 days')
            OR NEW.last_success_at IS NOT datetime(NEW.last_success_at, '+0 days')
            OR NEW.last_failure_at IS NOT datetime(NEW.last_failure_at, '+0 days')
            OR NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'webhooks: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER webhooks_rules_update
    AFTER UPDATE OF is_active, last_triggered_at, last_success_at, last_failure_at, created_at
    ON webhooks BEGIN
    SELECT CASE
        WHEN NEW.is_active IS NOT OLD.is_active AND NEW.is_active IS NOT 0 AND NEW.is_active IS NOT 1
            THEN RAISE(ABORT, 'webhooks: is_active is 0 or 1')
        WHEN NEW.last_triggered_at IS NOT OLD.last_triggered_at
            AND NEW.last_triggered_at IS NOT datetime(NEW.last_triggered_at, '+0 days')
            OR NEW.last_success_at IS NOT OLD.last_success_at
                AND NEW.last_success_at IS NOT datetime(NEW.last_success_at, '+0 days')
            OR NEW.last_failure_at IS NOT OLD.last_failure_at
                AND NEW.last_failure_at IS NOT datetime(NEW.last_failure_at, '+0 days')
            OR NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'webhooks: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER webhook_deliveries_rules_insert AFTER INSERT ON webhook_deliveries BEGIN
    SELECT CASE
        WHEN NEW.success IS NOT 0 AND NEW.success IS NOT 1
            THEN RAISE(ABORT, 'webhook_deliveries: success is 0 or 1')
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'webhook_deliveries: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER webhook_deliveries_rules_update AFTER UPDATE OF success, created_at ON webhook_deliveries BEGIN
    SELECT CASE
        WHEN NEW.success IS NOT OLD.success AND NEW.success IS NOT 0 AND NEW.success IS NOT 1
            THEN RAISE(ABORT, 'webhook_deliveries: success is 0 or 1')
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            THEN RAISE(ABORT, 'webhook_deliveries: created_at is YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER totp_trusted_devices_rules_insert AFTER INSERT ON totp_trusted_devices BEGIN
    SELECT CASE
        WHEN NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            OR NEW.last_used_at IS NOT datetime(NEW.last_used_at, '+0 days')
            THEN RAISE(ABORT, 'totp_trusted_devices: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER totp_trusted_devices_rules_update
    AFTER UPDATE OF created_at, expires_at, last_used_at
    ON totp_trusted_devices BEGIN
    SELECT CASE
        WHEN NEW.created_at IS NOT OLD.created_at AND NEW.created_at IS NOT datetime(NEW.created_at, '+0 days')
            OR NEW.expires_at IS NOT OLD.expires_at AND NEW.expires_at IS NOT datetime(NEW.expires_at, '+0 days')
            OR NEW.last_used_at IS NOT OLD.last_used_at
                AND NEW.last_used_at IS NOT datetime(NEW.last_used_at, '+0 days')
            THEN RAISE(ABORT, 'totp_trusted_devices: times are YYYY-MM-DD HH:MM:SS')
    END;
END;

CREATE TRIGGER domains_updated_at AFTER UPDATE ON domains
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE domains SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

-- used_bytes moves with every message; that is no change of the account.
CREATE TRIGGER users_updated_at AFTER UPDATE ON users
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP
    AND NEW.used_bytes IS OLD.used_bytes BEGIN
    UPDATE users SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER calendars_updated_at AFTER UPDATE ON calendars
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE calendars SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER calendar_events_updated_at AFTER UPDATE ON calendar_events
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE calendar_events SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER addressbooks_updated_at AFTER UPDATE ON addressbooks
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE addressbooks SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER contacts_updated_at AFTER UPDATE ON contacts
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE contacts SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER sieve_scripts_updated_at AFTER UPDATE ON sieve_scripts
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE sieve_scripts SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER email_templates_updated_at AFTER UPDATE ON email_templates
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP BEGIN
    UPDATE email_templates SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE UNIQUE INDEX idx_domains_name_nocase ON domains(name COLLATE NOCASE);
CREATE UNIQUE INDEX idx_users_username_nocase ON users(domain_id, username COLLATE NOCASE);
CREATE UNIQUE INDEX idx_sieve_scripts_one_active ON sieve_scripts(user_id) WHERE is_active = 1;
CREATE UNIQUE INDEX idx_calendars_one_default ON calendars(user_id) WHERE is_default = 1;
CREATE UNIQUE INDEX idx_addressbooks_one_default ON addressbooks(user_id) WHERE is_default = 1;
