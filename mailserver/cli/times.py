"""Moments as the listings show them: UTC, to the second."""

from datetime import UTC, datetime


def moment(epoch_milliseconds: int | None) -> str:
    if epoch_milliseconds is None:
        return ""
    return datetime.fromtimestamp(epoch_milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
