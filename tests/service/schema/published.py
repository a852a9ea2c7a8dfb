"""The published schema, transcribed by hand: what a database must be after migrations 001 to 008.

A column reads `name TYPE [NOT NULL] [DEFAULT …]`; a foreign key `column > table.column ACTION`. Every table but
schema_migrations has an AUTOINCREMENT id besides the columns listed.
"""

from dataclasses import dataclass

CREATED = "created_at DATETIME DEFAULT CURRENT_TIMESTAMP"
UPDATED = "updated_at DATETIME DEFAULT CURRENT_TIMESTAMP"
OF_USER = "user_id > users.id CASCADE"
OF_DOMAIN = "domain_id > domains.id CASCADE"
USER_ID = "user_id INTEGER NOT NULL"
DOMAIN_ID = "domain_id INTEGER NOT NULL"


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    foreign_keys: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


TABLES = {
    # 001, and the columns that 005 and 006 add
    "domains": Table(
        (
            "name TEXT NOT NULL",
            "dkim_selector TEXT NOT NULL DEFAULT 'mail'",
            "dkim_private_key BLOB",
            "is_active BOOLEAN DEFAULT TRUE",
            CREATED,
            UPDATED,
            "dkim_public_key TEXT",
            "dkim_key_created_at DATETIME",
            "dkim_key_algorithm TEXT DEFAULT 'RSA-2048'",
            "dkim_storage_type TEXT DEFAULT 'file'",
            "dkim_key_file TEXT",
            "dns_mx_verified INTEGER DEFAULT 0",
            "dns_spf_verified INTEGER DEFAULT 0",
            "dns_dkim_verified INTEGER DEFAULT 0",
            "dns_dmarc_verified INTEGER DEFAULT 0",
            "dns_last_checked DATETIME",
            "dns_status TEXT DEFAULT 'pending'",
        ),
        unique=("name",),
    ),
    # 001, and the columns that 003 and 007 add
    "users": Table(
        (
            DOMAIN_ID,
            "username TEXT NOT NULL",
            "password_hash TEXT NOT NULL",
            "display_name TEXT",
            "quota_bytes INTEGER DEFAULT 1073741824",
            "used_bytes INTEGER DEFAULT 0",
            "is_active BOOLEAN DEFAULT TRUE",
            CREATED,
            UPDATED,
            "is_admin BOOLEAN DEFAULT FALSE",
            "totp_secret TEXT",
            "totp_enabled INTEGER DEFAULT 0",
        ),
        (OF_DOMAIN,),
        ("domain_id, username",),
    ),
    "aliases": Table(
        (
            DOMAIN_ID,
            "source_address TEXT NOT NULL",
            "destination_user_id INTEGER",
            "destination_external TEXT",
            "is_active BOOLEAN DEFAULT TRUE",
            CREATED,
        ),
        (OF_DOMAIN, "destination_user_id > users.id CASCADE"),
        ("domain_id, source_address",),
    ),
    "mailboxes": Table(
        (
            USER_ID,
            "name TEXT NOT NULL",
            "uidvalidity INTEGER NOT NULL",
            "uidnext INTEGER NOT NULL DEFAULT 1",
            "subscribed BOOLEAN DEFAULT TRUE",
            "special_use TEXT",
            CREATED,
        ),
        (OF_USER,),
        ("user_id, name",),
    ),
    "messages": Table(
        (
            "mailbox_id INTEGER NOT NULL",
            "uid INTEGER NOT NULL",
            "maildir_key TEXT NOT NULL",
            "size INTEGER NOT NULL",
            "internal_date DATETIME NOT NULL",
            "flags TEXT DEFAULT ''",
            "message_id TEXT",
            "subject TEXT",
            "from_address TEXT",
            "to_addresses TEXT",
            "in_reply_to TEXT",
            "references_header TEXT",
            CREATED,
        ),
        ("mailbox_id > mailboxes.id CASCADE",),
        ("mailbox_id, uid",),
    ),
    "outbound_queue": Table(
        (
            "sender TEXT NOT NULL",
            "recipient TEXT NOT NULL",
            "message_path TEXT NOT NULL",
            "attempts INTEGER DEFAULT 0",
            "last_attempt DATETIME",
            "next_attempt DATETIME DEFAULT CURRENT_TIMESTAMP",
            "last_error TEXT",
            "status TEXT DEFAULT 'pending'",
            CREATED,
        ),
    ),
    "sessions": Table(
        (USER_ID, "token TEXT NOT NULL", "expires_at DATETIME NOT NULL", CREATED), (OF_USER,), ("token",)
    ),
    "subscriptions": Table((USER_ID, "mailbox_name TEXT NOT NULL"), (OF_USER,), ("user_id, mailbox_name",)),
    # 002
    "calendars": Table(
        (
            USER_ID,
            "uid TEXT NOT NULL",
            "name TEXT NOT NULL",
            "description TEXT",
            "color TEXT DEFAULT '#0066CC'",
            "timezone TEXT DEFAULT 'UTC'",
            "ctag TEXT NOT NULL",
            "is_default BOOLEAN DEFAULT FALSE",
            CREATED,
            UPDATED,
        ),
        (OF_USER,),
        ("uid",),
    ),
    "calendar_events": Table(
        (
            "calendar_id INTEGER NOT NULL",
            "uid TEXT NOT NULL",
            "etag TEXT NOT NULL",
            "icalendar_data TEXT NOT NULL",
            "summary TEXT",
            "description TEXT",
            "location TEXT",
            "start_time DATETIME",
            "end_time DATETIME",
            "all_day BOOLEAN DEFAULT FALSE",
            "recurrence_rule TEXT",
            CREATED,
            UPDATED,
        ),
        ("calendar_id > calendars.id CASCADE",),
        ("calendar_id, uid",),
    ),
    "addressbooks": Table(
        (
            USER_ID,
            "uid TEXT NOT NULL",
            "name TEXT NOT NULL",
            "description TEXT",
            "ctag TEXT NOT NULL",
            "is_default BOOLEAN DEFAULT FALSE",
            CREATED,
            UPDATED,
        ),
        (OF_USER,),
        ("uid",),
    ),
    "contacts": Table(
        (
            "addressbook_id INTEGER NOT NULL",
            "uid TEXT NOT NULL",
            "etag TEXT NOT NULL",
            "vcard_data TEXT NOT NULL",
            "full_name TEXT",
            "given_name TEXT",
            "family_name TEXT",
            "nickname TEXT",
            "emails TEXT",
            "phones TEXT",
            "organization TEXT",
            CREATED,
            UPDATED,
        ),
        ("addressbook_id > addressbooks.id CASCADE",),
        ("addressbook_id, uid",),
    ),
    # 003
    "sieve_scripts": Table(
        (
            USER_ID,
            "name TEXT NOT NULL",
            "content TEXT NOT NULL",
            "is_active BOOLEAN DEFAULT FALSE",
            CREATED,
            UPDATED,
        ),
        (OF_USER,),
        ("user_id, name",),
    ),
    "vacation_responses": Table(
        (USER_ID, "sender_address TEXT NOT NULL", "responded_at DATETIME DEFAULT CURRENT_TIMESTAMP"),
        (OF_USER,),
        ("user_id, sender_address",),
    ),
    "auth_log": Table(
        (
            "user_id INTEGER",
            "username TEXT NOT NULL",
            "remote_addr TEXT",
            "protocol TEXT",
            "success BOOLEAN",
            "failure_reason TEXT",
            CREATED,
        ),
        ("user_id > users.id SET NULL",),
    ),
    "delivery_log": Table(
        (
            "message_id TEXT",
            "sender TEXT NOT NULL",
            "recipient TEXT NOT NULL",
            "status TEXT NOT NULL",
            "direction TEXT DEFAULT 'inbound'",
            "smtp_code INTEGER",
            "error_message TEXT",
            CREATED,
        ),
    ),
    # 004
    "api_keys": Table(
        (
            DOMAIN_ID,
            "key_hash TEXT NOT NULL",
            "key_prefix TEXT NOT NULL",
            "name TEXT NOT NULL",
            "scopes TEXT DEFAULT '[\"send\"]'",
            "is_active BOOLEAN DEFAULT TRUE",
            "rate_limit_per_hour INTEGER DEFAULT 1000",
            "last_used_at DATETIME",
            CREATED,
            "expires_at DATETIME",
        ),
        (OF_DOMAIN,),
    ),
    "email_templates": Table(
        (
            DOMAIN_ID,
            "slug TEXT NOT NULL",
            "name TEXT NOT NULL",
            "subject TEXT NOT NULL",
            "html_body TEXT",
            "text_body TEXT",
            "variables TEXT",
            "is_active BOOLEAN DEFAULT TRUE",
            CREATED,
            UPDATED,
        ),
        (OF_DOMAIN,),
        ("domain_id, slug",),
    ),
    "sent_emails": Table(
        (
            DOMAIN_ID,
            "api_key_id INTEGER",
            "message_id TEXT",
            "tracking_id TEXT",
            "from_email TEXT NOT NULL",
            "to_email TEXT NOT NULL",
            "subject TEXT",
            "template_slug TEXT",
            "tags TEXT",
            "status TEXT DEFAULT 'queued'",
            "smtp_response TEXT",
            "opened_at DATETIME",
            "opened_count INTEGER DEFAULT 0",
            "clicked_at DATETIME",
            "clicked_count INTEGER DEFAULT 0",
            CREATED,
            "delivered_at DATETIME",
            "bounced_at DATETIME",
            "bounce_reason TEXT",
        ),
        (OF_DOMAIN, "api_key_id > api_keys.id SET NULL"),
        ("message_id", "tracking_id"),
    ),
    "webhooks": Table(
        (
            DOMAIN_ID,
            "url TEXT NOT NULL",
            "events TEXT NOT NULL",
            "secret TEXT NOT NULL",
            "is_active BOOLEAN DEFAULT TRUE",
            "failure_count INTEGER DEFAULT 0",
            "last_triggered_at DATETIME",
            "last_success_at DATETIME",
            "last_failure_at DATETIME",
            "last_failure_reason TEXT",
            CREATED,
        ),
        (OF_DOMAIN,),
    ),
    "webhook_deliveries": Table(
        (
            "webhook_id INTEGER NOT NULL",
            "event_type TEXT NOT NULL",
            "payload TEXT NOT NULL",
            "response_code INTEGER",
            "response_body TEXT",
            "success BOOLEAN DEFAULT FALSE",
            "attempt_count INTEGER DEFAULT 1",
            CREATED,
        ),
        ("webhook_id > webhooks.id CASCADE",),
    ),
    # 007
    "totp_trusted_devices": Table(
        (
            USER_ID,
            "device_token TEXT NOT NULL",
            "device_name TEXT",
            "ip_address TEXT",
            "user_agent TEXT",
            CREATED,
            "expires_at DATETIME NOT NULL",
            "last_used_at DATETIME DEFAULT CURRENT_TIMESTAMP",
        ),
        (OF_USER,),
        ("device_token",),
    ),
}

SCHEMA_MIGRATIONS = ("version INTEGER", "applied_at DATETIME DEFAULT CURRENT_TIMESTAMP")

INDEXES = {
    1: {
        "idx_domains_name": "domains(name)",
        "idx_users_email": "users(domain_id, username)",
        "idx_users_active": "users(is_active)",
        "idx_aliases_source": "aliases(domain_id, source_address)",
        "idx_mailboxes_user": "mailboxes(user_id)",
        "idx_mailboxes_special": "mailboxes(user_id, special_use)",
        "idx_messages_mailbox": "messages(mailbox_id)",
        "idx_messages_uid": "messages(mailbox_id, uid)",
        "idx_messages_flags": "messages(mailbox_id, flags)",
        "idx_messages_date": "messages(mailbox_id, internal_date)",
        "idx_messages_msgid": "messages(message_id)",
        "idx_messages_maildir": "messages(maildir_key)",
        "idx_queue_status": "outbound_queue(status, next_attempt)",
        "idx_queue_sender": "outbound_queue(sender)",
        "idx_sessions_token": "sessions(token)",
        "idx_sessions_user": "sessions(user_id)",
        "idx_sessions_expires": "sessions(expires_at)",
        "idx_subscriptions_user": "subscriptions(user_id)",
    },
    2: {
        "idx_calendars_user": "calendars(user_id)",
        "idx_calendars_uid": "calendars(uid)",
        "idx_events_calendar": "calendar_events(calendar_id)",
        "idx_events_uid": "calendar_events(uid)",
        "idx_events_time": "calendar_events(start_time, end_time)",
        "idx_addressbooks_user": "addressbooks(user_id)",
        "idx_addressbooks_uid": "addressbooks(uid)",
        "idx_contacts_addressbook": "contacts(addressbook_id)",
        "idx_contacts_uid": "contacts(uid)",
        "idx_contacts_name": "contacts(full_name)",
        "idx_contacts_email": "contacts(emails)",
    },
    3: {
        "idx_sieve_scripts_user": "sieve_scripts(user_id)",
        "idx_sieve_scripts_active": "sieve_scripts(user_id, is_active)",
        "idx_vacation_responses_user": "vacation_responses(user_id)",
        "idx_vacation_responses_time": "vacation_responses(responded_at)",
        "idx_auth_log_time": "auth_log(created_at)",
        "idx_auth_log_user": "auth_log(user_id)",
        "idx_auth_log_success": "auth_log(success, created_at)",
        "idx_delivery_log_time": "delivery_log(created_at)",
        "idx_delivery_log_status": "delivery_log(status)",
        "idx_delivery_log_sender": "delivery_log(sender)",
        "idx_delivery_log_recipient": "delivery_log(recipient)",
    },
    4: {
        "idx_api_keys_domain": "api_keys(domain_id)",
        "idx_api_keys_prefix": "api_keys(key_prefix)",
        "idx_api_keys_active": "api_keys(is_active)",
        "idx_email_templates_domain": "email_templates(domain_id)",
        "idx_email_templates_slug": "email_templates(domain_id, slug)",
        "idx_sent_emails_domain": "sent_emails(domain_id)",
        "idx_sent_emails_api_key": "sent_emails(api_key_id)",
        "idx_sent_emails_message_id": "sent_emails(message_id)",
        "idx_sent_emails_tracking_id": "sent_emails(tracking_id)",
        "idx_sent_emails_status": "sent_emails(status)",
        "idx_sent_emails_created": "sent_emails(created_at)",
        "idx_sent_emails_to": "sent_emails(to_email)",
        "idx_webhooks_domain": "webhooks(domain_id)",
        "idx_webhooks_active": "webhooks(is_active)",
        "idx_webhook_deliveries_webhook": "webhook_deliveries(webhook_id)",
        "idx_webhook_deliveries_created": "webhook_deliveries(created_at)",
    },
    5: {"idx_domains_dkim_storage": "domains(dkim_storage_type)"},
    6: {"idx_domains_dns_status": "domains(dns_status)"},
    7: {
        "idx_totp_trusted_devices_user": "totp_trusted_devices(user_id)",
        "idx_totp_trusted_devices_token": "totp_trusted_devices(device_token)",
        "idx_totp_trusted_devices_expires": "totp_trusted_devices(expires_at)",
    },
    8: {
        "idx_auth_log_username": "auth_log(username)",
        "idx_auth_log_protocol": "auth_log(protocol)",
        "idx_auth_log_created_at": "auth_log(created_at DESC)",
        "idx_delivery_log_sender": "delivery_log(sender)",
        "idx_delivery_log_recipient": "delivery_log(recipient)",
        "idx_delivery_log_status": "delivery_log(status)",
        "idx_delivery_log_created_at": "delivery_log(created_at DESC)",
        "idx_users_username": "users(username)",
        "idx_domains_name": "domains(name)",
    },
}

# 008 states them again; they are there since 001 and 003.
NO_OPS_OF_008 = {
    "idx_domains_name",
    "idx_delivery_log_sender",
    "idx_delivery_log_recipient",
    "idx_delivery_log_status",
}

# What goes when one row goes, and where only the reference is emptied; by the foreign keys above.
GONE_WITH_USER = {
    "mailboxes",
    "messages",
    "sessions",
    "subscriptions",
    "calendars",
    "calendar_events",
    "addressbooks",
    "contacts",
    "sieve_scripts",
    "vacation_responses",
    "totp_trusted_devices",
}
GONE_WITH_DOMAIN = GONE_WITH_USER | {
    "users",
    "aliases",
    "api_keys",
    "email_templates",
    "sent_emails",
    "webhooks",
    "webhook_deliveries",
}
GONE_WITH = {
    "domains": GONE_WITH_DOMAIN,
    "users": GONE_WITH_USER | {"aliases"},
    "mailboxes": {"messages"},
    "calendars": {"calendar_events"},
    "addressbooks": {"contacts"},
    "webhooks": {"webhook_deliveries"},
    "api_keys": set(),
    "messages": set(),
}
EMPTIED_WITH = {"domains": {"auth_log.user_id"}, "users": {"auth_log.user_id"}, "api_keys": {"sent_emails.api_key_id"}}
