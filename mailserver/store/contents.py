"""What is known of stored contents: one row per distinct message, shared by its copies."""

from mailserver.mail.describe import encode_parts
from mailserver.mail.detail import MessageDetail
from mailserver.store.database import Tx


def add(tx: Tx, detail: MessageDetail) -> int:
    return tx.insert(
        """INSERT INTO contents (size, header_octets, envelope, body, body_structure, parts, header_fields, preview,
               has_attachment, from_name, base_subject, sent_at, sent_zone)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        detail.size,
        detail.header_octets,
        detail.envelope,
        detail.body,
        detail.body_structure,
        encode_parts(detail.parts),
        detail.header_fields,
        detail.preview,
        int(detail.has_attachment),
        detail.from_name,
        detail.base_subject,
        detail.sent_at,
        detail.sent_zone,
    )
