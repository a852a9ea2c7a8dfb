"""WebDAV, CalDAV and CardDAV: octets of HTTP ⇄ calls of groupware. RFC 4918, 4791, 6352."""
