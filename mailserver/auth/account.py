"""Who is logged in: what a session and the services it calls may rely on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    user_id: int
    address: str  # the account's own, as it is compared: lower case, A-label
    display_name: str  # "" where none
    is_admin: bool
    token_id: int | None = None  # of the access token it logged in with; the session ends with the token
    imap_without: tuple[str, ...] = ()  # capabilities its clients are not told of, upper case
    token_ends_ms: int | None = None  # epoch milliseconds, when that token expires; None: never
