"""The notification of a report in the fullest form that can be made of it.

A message that nobody can compose a notification about must not hold up its row for ever, and with it everybody who is
to hear of it: without the message's own text, and at last without anything but our own words, there always is one.
"""

from collections.abc import Callable

import structlog

from mailserver.mail import dsn
from mailserver.mail.dsn import Notification, Random
from mailserver.mail.dsn_plain import plainest
from mailserver.mail.reports import Report

Compose = Callable[[Report, bytes, int, int, Random], Notification]

_log = structlog.get_logger("queue")


def composed(
    report: Report, original: bytes, size: int, now: int, random: Random, compose: Compose = dsn.compose
) -> Notification:
    """`compose`: makes the full form, and the one without the message. The rest as dsn.compose; never raises."""
    for octets in (original, b""):
        try:
            return compose(report, octets, size if octets else 0, now, random)
        except Exception:  # whatever a stranger's message broke here: it must not keep its sender from hearing
            _log.exception("notification not composed in full", sender=report.sender, with_message=bool(octets))
    return plainest(report, now, random)
