"""The two kinds of SMTP server and how they differ: who may speak, who is asked, what becomes of a bare LF."""

from enum import StrEnum
from typing import Any, Protocol

from mailserver.mail.transaction import Envelope, Peer
from mailserver.smtp.services import Delivery, Incoming, Submission


class SmtpRole(StrEnum):
    MX = "mx"  # 25: from anybody, to accounts here. No AUTH: who could log in belongs on the other one
    SUBMISSION = "submission"  # 587, 465: from accounts here, to anybody


class Face(Protocol):
    """One role with its service behind it. `account` is None until somebody logged in."""

    logs_in: bool  # AUTH is offered, and demanded before MAIL
    normalises: bool  # bare CR and LF become CRLF; else they are refused

    @property
    def max_hold_seconds(self) -> int:
        """How long a client may have mail held, RFC 4865; 0: not at all."""

    async def check_sender(self, account: Any, reverse_path: str, peer: Peer) -> None: ...
    async def resolve(self, account: Any, address: str, size: int | None, reverse_path: str) -> Any: ...
    async def accept(self, account: Any, envelope: Envelope[Any], incoming: Incoming) -> str: ...


class MxFace:
    logs_in = False
    normalises = False
    max_hold_seconds = 0  # who may write to anybody may ask for it, RFC 4865 §3

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def check_sender(self, account: Any, reverse_path: str, peer: Peer) -> None:
        await self._delivery.check_sender(reverse_path, peer)

    async def resolve(self, account: Any, address: str, size: int | None, reverse_path: str) -> Any:
        return await self._delivery.resolve(address, size, reverse_path)

    async def accept(self, account: Any, envelope: Envelope[Any], incoming: Incoming) -> str:
        return await self._delivery.accept(envelope, incoming)


class SubmissionFace:
    logs_in = True
    normalises = True

    def __init__(self, submission: Submission) -> None:
        self._submission = submission

    @property
    def max_hold_seconds(self) -> int:
        return self._submission.max_hold_seconds

    async def check_sender(self, account: Any, reverse_path: str, peer: Peer) -> None:
        await self._submission.check_sender(account, reverse_path)

    async def resolve(self, account: Any, address: str, size: int | None, reverse_path: str) -> Any:
        return await self._submission.resolve(account, address, size)

    async def accept(self, account: Any, envelope: Envelope[Any], incoming: Incoming) -> str:
        return await self._submission.accept(account, envelope, incoming)
