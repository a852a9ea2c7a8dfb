-- What is known about the TLS of other servers, and the daily reports about it.
--
-- sts_policies          MTA-STS policies of other domains, RFC 8461; kept across restarts, as §3.3 wants
--   policy_id           of the TXT record the policy was fetched for; mode, max_age (seconds), mx (patterns parted by
--                       spaces), fetched_at, expires_at: NULL where no policy could be had so far
--   tried_id, retry_at  the id of the last failed fetch, and when it may be tried again
--   failure, failure_type  why it failed, in words and in the names of RFC 8460 §4.3; NULL after a success
--   used_at             when mail last asked for it, to the day: policies nobody needs are not refreshed
-- tls_remembered        hosts where TLS was seen: mail for them does not fall back to clear text
--   missing_since       the first session since then that found none; NULL while it is there
-- tls_results           sessions counted for TLS reports, RFC 8460; day: UTC, YYYY-MM-DD
--   policy              the policy as JSON, as the report will have it; result '' for success
--   sending_address, host, address, reason   of failures; '' for success, and for failures beyond the bound
-- tls_reports_sent      what was reported to whom: one row per day and domain
--   targets             JSON: the addresses of the domain's TXT record → "" once delivered, else what went wrong
-- tls_reports_received  reports of others about us; report: the JSON text as it came
-- All times are epoch milliseconds.

CREATE TABLE sts_policies (
    domain TEXT PRIMARY KEY,
    policy_id TEXT,
    mode TEXT CHECK (mode IN ('enforce', 'testing', 'none')),
    max_age INTEGER,
    mx TEXT,
    fetched_at INTEGER,
    expires_at INTEGER,
    tried_id TEXT,
    retry_at INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    failure_type TEXT,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_remembered (
    host TEXT PRIMARY KEY,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    missing_since INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_results (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,
    result TEXT NOT NULL,
    sending_address TEXT NOT NULL,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    sessions INTEGER NOT NULL CHECK (sessions > 0),
    PRIMARY KEY (day, domain, policy, result, sending_address, host, address, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_reports_sent (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    report_id TEXT NOT NULL,
    successes INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    targets TEXT NOT NULL,
    is_done INTEGER NOT NULL CHECK (is_done IN (0, 1)),
    tried_at INTEGER NOT NULL,
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_reports_received (
    id INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    organization TEXT NOT NULL,
    report_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    domains TEXT NOT NULL,
    begins_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    successes INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    sender TEXT NOT NULL,
    report TEXT NOT NULL,
    UNIQUE (organization, report_id)
) STRICT;

CREATE INDEX idx_tls_reports_received_time ON tls_reports_received(received_at);
