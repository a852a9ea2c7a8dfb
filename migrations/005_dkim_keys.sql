-- DKIM key management (RFC 6376): the public key, so that the DNS record can be shown without parsing the private
-- one; when the key was made, so that it is changed in time; where the private key is kept: file, database or hybrid.

ALTER TABLE domains ADD COLUMN dkim_public_key TEXT;
ALTER TABLE domains ADD COLUMN dkim_key_created_at DATETIME;
ALTER TABLE domains ADD COLUMN dkim_key_algorithm TEXT DEFAULT 'RSA-2048';
ALTER TABLE domains ADD COLUMN dkim_storage_type TEXT DEFAULT 'file';
ALTER TABLE domains ADD COLUMN dkim_key_file TEXT;

CREATE INDEX IF NOT EXISTS idx_domains_dkim_storage ON domains(dkim_storage_type);
