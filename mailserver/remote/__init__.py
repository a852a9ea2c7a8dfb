"""Mail to other servers: one message to one destination, over SMTP."""
