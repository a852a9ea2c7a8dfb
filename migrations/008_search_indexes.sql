-- Indexes for searching the logs and lists. Four of the nine exist since 001 and 003 under the same name; their lines
-- are kept because the schema states them, and change nothing. What is twice there is cleaned up in 010.

CREATE INDEX IF NOT EXISTS idx_auth_log_username ON auth_log(username);
CREATE INDEX IF NOT EXISTS idx_auth_log_protocol ON auth_log(protocol);
CREATE INDEX IF NOT EXISTS idx_auth_log_created_at ON auth_log(created_at DESC);
CREATE INDEX IF NOT EXISTS idx_delivery_log_sender ON delivery_log(sender);
CREATE INDEX IF NOT EXISTS idx_delivery_log_recipient ON delivery_log(recipient);
CREATE INDEX IF NOT EXISTS idx_delivery_log_status ON delivery_log(status);
CREATE INDEX IF NOT EXISTS idx_delivery_log_created_at ON delivery_log(created_at DESC);
CREATE INDEX IF NOT EXISTS idx_users_username ON users(username);
CREATE INDEX IF NOT EXISTS idx_domains_name ON domains(name);
