-- What the last look at a domain's DNS found: one flag per kind of record, the time, and a word for all of it.

ALTER TABLE domains ADD COLUMN dns_mx_verified INTEGER DEFAULT 0;
ALTER TABLE domains ADD COLUMN dns_spf_verified INTEGER DEFAULT 0;
ALTER TABLE domains ADD COLUMN dns_dkim_verified INTEGER DEFAULT 0;
ALTER TABLE domains ADD COLUMN dns_dmarc_verified INTEGER DEFAULT 0;
ALTER TABLE domains ADD COLUMN dns_last_checked DATETIME;
ALTER TABLE domains ADD COLUMN dns_status TEXT DEFAULT 'pending';

CREATE INDEX IF NOT EXISTS idx_domains_dns_status ON domains(dns_status);
