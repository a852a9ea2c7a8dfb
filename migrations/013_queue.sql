-- What the outbound queue lacks: a lease, so that a crash does not leave rows in 'sending' for ever; an end; the
-- sender's wishes for notifications (RFC 3461); the limits of the account that sent it.
--
-- locked_by, locked_until   who works on the row and until when (epoch milliseconds); both NULL unless 'sending'
-- expires_at                epoch milliseconds; after it the row fails and the sender is told
-- user_id                   who submitted it, NULL for mail that an alias forwards; the hourly limit counts by it
-- envid, ret, notify, orcpt as in the MAIL and RCPT commands, xtext not decoded; NULL where not given
-- body                      '7BIT' or '8BITMIME' as promised in MAIL
-- smtputf8                  1 where addresses or header may be UTF-8 (RFC 6531): never sent to a server without it
-- message_octets            size of the spool file; message_path is its name below data/spool
-- message_id                Message-ID of the message, for the delivery log
--
-- Every row of a message names the same spool file; it is removed with the last of them that is not finished.

ALTER TABLE outbound_queue ADD COLUMN locked_by TEXT;
ALTER TABLE outbound_queue ADD COLUMN locked_until INTEGER;
ALTER TABLE outbound_queue ADD COLUMN expires_at INTEGER;
ALTER TABLE outbound_queue ADD COLUMN user_id INTEGER REFERENCES users(id) ON DELETE SET NULL;
ALTER TABLE outbound_queue ADD COLUMN envid TEXT;
ALTER TABLE outbound_queue ADD COLUMN ret TEXT;
ALTER TABLE outbound_queue ADD COLUMN notify TEXT;
ALTER TABLE outbound_queue ADD COLUMN orcpt TEXT;
ALTER TABLE outbound_queue ADD COLUMN body TEXT NOT NULL DEFAULT '7BIT';
ALTER TABLE outbound_queue ADD COLUMN smtputf8 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound_queue ADD COLUMN message_octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound_queue ADD COLUMN message_id TEXT;

CREATE INDEX idx_queue_path ON outbound_queue(message_path);
CREATE INDEX idx_queue_lease ON outbound_queue(locked_until) WHERE status = 'sending';
CREATE INDEX idx_queue_user ON outbound_queue(user_id) WHERE user_id IS NOT NULL;

-- What one account handed in for other servers and for here, counted by the hour: queue rows of local recipients do
-- not exist and finished ones go.
CREATE TABLE submissions (
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    minute INTEGER NOT NULL,
    recipients INTEGER NOT NULL CHECK (recipients > 0),
    PRIMARY KEY (user_id, minute)
) STRICT, WITHOUT ROWID;
