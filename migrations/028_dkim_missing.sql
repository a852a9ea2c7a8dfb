-- Since when the record of a signing key is not in the DNS, or is another one.
--
-- missing_since   epoch milliseconds; NULL: it was there when the DNS was last asked. A DNS that does not answer changes
--                 nothing

ALTER TABLE dkim_keys ADD COLUMN missing_since INTEGER;
