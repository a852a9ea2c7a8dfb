"""A personal mail server: SMTP, IMAP and more in one asyncio process over one SQLite file and Maildir."""

__version__ = "0.1.0"
