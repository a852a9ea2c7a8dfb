"""HOLDFOR and HOLDUNTIL: mail that a client hands in now and that leaves later. RFC 4865."""

from datetime import UTC, datetime, timedelta

from mailserver.smtp.wire.parameters import BadParameter, MailParameters, UnknownParameter


def announced(now: datetime, most_seconds: int) -> str:
    """The EHLO line: how long, and until when, mail may be held."""
    return f"FUTURERELEASE {most_seconds} {_utc(now + timedelta(seconds=most_seconds))}"


def release_time(given: MailParameters, now: datetime, most_seconds: int) -> datetime | None:
    """When the message may leave; None: at once. `most_seconds`: 0 where the extension is not offered.

    Raises BadParameter where both are given or the time is past or too far away, UnknownParameter.
    """
    if given.hold_for is None and given.hold_until is None:
        return None
    if not most_seconds:
        raise UnknownParameter("HOLDFOR and HOLDUNTIL are not available here")
    if given.hold_for is not None and given.hold_until is not None:
        raise BadParameter("Either HOLDFOR or HOLDUNTIL, not both")
    latest = now + timedelta(seconds=most_seconds)
    release = given.hold_until or now + timedelta(seconds=given.hold_for or 0)
    if release <= now:
        raise BadParameter(f"HOLDUNTIL is not in the future: it is {_utc(now)} here")
    if release > latest:
        raise BadParameter(f"Mail is held at most {most_seconds} seconds, until {_utc(latest)}")
    return release


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
