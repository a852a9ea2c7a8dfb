"""One message over one session: MAIL, RCPT for each recipient, DATA; and again for those there was no room for.

Each recipient has its own answer. One whom the server refused is never part of what the others are told, and one that
is asked to wait is nobody's failure. After the end of data an answer that does not come leaves those recipients in
doubt: the message may have arrived, or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailserver.remote.content import CannotConvert
from mailserver.remote.envelope import Mail, Plan, Recipient, Unsendable, mail_command, plan, rcpt_command
from mailserver.remote.replies import CLOSING, Meaning, Reply, Stage, meaning
from mailserver.remote.session import Refused, Session
from mailserver.remote.spooled import Content, Sign

MAX_RECIPIENTS = 100  # of one transaction; RFC 5321 §4.5.3.1.8 makes every server take so many
GO_ON = 354
IN_DOUBT = "The connection was lost after the whole message was sent: it may have arrived and will be sent again"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about one recipient. `meaning`: OK, DEFER or FAIL."""

    meaning: Meaning
    code: int | None
    status: str | None
    text: str
    stage: Stage | None = None  # where the server said it; None: it is our own word

    @property
    def said(self) -> str:
        """All but the code: "5.1.1 No such user"."""
        return " ".join(filter(None, (self.status, self.text)))

    @property
    def is_final(self) -> bool:
        """No other host of the destination is asked."""
        return self.meaning is not Meaning.DEFER or self.stage is None

    @classmethod
    def of(cls, reply: Reply, stage: Stage, *, is_ours: bool) -> "Answer":
        """`LATER` and replies that fit no stage are to be tried later."""
        meant = meaning(reply, stage, is_ours=is_ours)
        if meant is Meaning.LATER or (meant is Meaning.OK and stage not in {Stage.RCPT, Stage.CONTENT}):
            meant = Meaning.DEFER
        return cls(meant, reply.code, reply.status or None, reply.text, stage)


Answers = dict[int, Answer]  # by entry id


async def hand_over(
    session: Session,
    mail: Mail,
    recipients: Mapping[int, Recipient],
    content: Content,
    sign: Sign,
    answers: Answers,
) -> None:
    """Put an answer for each recipient into `answers`.

    Raises Unsendable before anything was sent; WireFailed and Refused (the server hung up) leave those out who have
    no answer yet.
    """
    way = plan(mail, [*recipients.values()], content.facts, session.offered)
    commands = dict(_commands(session, recipients, way, answers))
    if not commands:
        return
    if not way.converts:
        await _send_to_all(session, mail, way, commands, content, answers)
        return
    try:
        converted = await content.seven_bit(sign, mail.sender)
    except CannotConvert as fault:
        text = f"The server does not take 8-bit mail and this can not be converted: {fault}"
        raise Unsendable(554, "5.6.3", text) from None
    async with converted:
        await _send_to_all(session, mail, way, commands, converted, answers)


def _commands(
    session: Session, recipients: Mapping[int, Recipient], way: Plan, answers: Answers
) -> Iterable[tuple[int, bytes]]:
    for entry_id, recipient in recipients.items():
        try:
            yield entry_id, rcpt_command(recipient, way, session.offered)
        except Unsendable as fault:
            answers[entry_id] = Answer(Meaning.FAIL, fault.code, fault.status, fault.text)


async def _send_to_all(
    session: Session, mail: Mail, way: Plan, commands: dict[int, bytes], content: Content, answers: Answers
) -> None:
    offered, facts = session.offered, content.facts
    start = mail_command(mail, way, facts.octets, facts.is_ascii, offered)
    most = min(MAX_RECIPIENTS, offered.max_recipients or MAX_RECIPIENTS)
    while commands:
        some = dict(list(commands.items())[:most])
        await _transact(session, start, some, content, answers)
        commands = {entry_id: command for entry_id, command in commands.items() if entry_id not in answers}


async def _transact(
    session: Session, start: bytes, commands: dict[int, bytes], content: Content, answers: Answers
) -> None:
    """Answers at least one of them."""
    wire, deadlines, is_ours = session.wire, session.deadlines, _is_ours(session)
    session.messages += 1
    reply = await wire.command(start, deadlines.mail)
    if not reply.is_ok:
        answers.update(dict.fromkeys(commands, Answer.of(reply, Stage.MAIL, is_ours=is_ours)))
        _leave_if_told(session, reply)
        return
    accepted = await _accepted(session, commands, answers)
    if not accepted:
        await _reset(session)
        return
    reply = await wire.command(b"DATA", deadlines.data)
    if reply.code != GO_ON:
        answers.update(dict.fromkeys(accepted, Answer.of(reply, Stage.DATA, is_ours=is_ours)))
        _leave_if_told(session, reply)
        await _reset(session)
        return
    try:
        reply = await wire.send(content.pieces(), deadlines.block, deadlines.end)
    except BaseException:
        if wire.sent_end:
            answers.update(dict.fromkeys(accepted, Answer(Meaning.DEFER, None, None, IN_DOUBT)))
        raise
    answers.update(dict.fromkeys(accepted, Answer.of(reply, Stage.CONTENT, is_ours=is_ours)))
    _leave_if_told(session, reply)


async def _accepted(session: Session, commands: dict[int, bytes], answers: Answers) -> list[int]:
    """Who may be sent to; stops where the server has enough of them."""
    accepted: list[int] = []
    for entry_id, command in commands.items():
        reply = await session.wire.command(command, session.deadlines.rcpt)
        if reply.code == CLOSING:
            session.wire.close()
            raise Refused(Stage.RCPT, reply)
        meant = meaning(reply, Stage.RCPT)
        if meant is Meaning.LATER and accepted:
            break
        if meant is Meaning.OK:
            accepted.append(entry_id)
        else:
            answers[entry_id] = Answer.of(reply, Stage.RCPT, is_ours=_is_ours(session))
    return accepted


def _is_ours(session: Session) -> bool:
    """A demand for login or TLS is about our settings, or about TLS that could not be had."""
    return session.target.is_relay or bool(session.target.gave_up)


async def _reset(session: Session) -> None:
    if session.wire.is_fresh and not await session.reset():
        session.wire.close()


def _leave_if_told(session: Session, reply: Reply) -> None:
    if reply.code == CLOSING:
        session.wire.close()
