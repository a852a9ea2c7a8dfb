"""MAIL, RCPT for each recipient, DATA, up to where the server waits for the content. RFC 5321 §3.3, RFC 2920.

Where the server offers PIPELINING all of it leaves in one go, and the answers are read in the order of the commands,
each for what it answers; else each command waits for the answer to the one before. DATA was then said before anybody
knew who takes the message: a 354 that nothing may follow is answered by the dot alone (RFC 2920 §3.1).

A server that says more or less than it was asked would have its answers believed of the wrong recipients. What it said
is forgotten then, and it hears one command at a time from then on (connections.py).
"""

from mailserver.remote.answers import Answer, Answers
from mailserver.remote.replies import CLOSING, Meaning, Reply, Stage, meaning
from mailserver.remote.session import Refused, Session
from mailserver.remote.wire import Unpaired, WireFailed

DATA = b"DATA"
GO_ON = 354


async def begin(session: Session, start: bytes, commands: dict[int, bytes], answers: Answers) -> list[int]:
    """Whom the content is for; nobody where there is nothing to send. `start`: MAIL; `commands`: RCPT by entry.

    What was said to the others is in `answers`, at least one is answered or in the list. Raises WireFailed; Refused
    where the server hung up.
    """
    if not session.pipelines:
        return await _begin(session, start, commands, answers)
    try:
        session.wire.say([start, *commands.values(), DATA])
        return await _begin(session, start, commands, answers)
    except Unpaired:
        for entry_id in commands:
            answers.pop(entry_id, None)
        session.was_overrun = True
        raise
    except WireFailed:
        session.was_overrun = not session.is_unproven
        raise


async def _begin(session: Session, start: bytes, commands: dict[int, bytes], answers: Answers) -> list[int]:
    wire, deadlines, is_ours = session.wire, session.deadlines, session.is_ours
    reply = await _answer(session, start, deadlines.reset if session.is_unproven else deadlines.mail)
    session.is_unproven = False
    if not reply.is_ok:
        answers.update(dict.fromkeys(commands, Answer.of(reply, Stage.MAIL, is_ours=is_ours)))
        await _send_nothing(session, reply, unread=len(commands) + 1)
        return []
    accepted = await _accepted(session, commands, answers)
    if not accepted:
        await _send_nothing(session, reply, unread=1)
        await clear(session)
        return []
    reply = await _answer(session, DATA, deadlines.data)
    if reply.code == GO_ON:
        return accepted
    wire.leave_if_told(reply)
    await clear(session)  # a 354 that comes now was DATA's, and the reply before somebody else's
    answers.update(dict.fromkeys(accepted, Answer.of(reply, Stage.DATA, is_ours=is_ours)))
    return []


async def _answer(session: Session, command: bytes, seconds: float) -> Reply:
    """To a command that was sent with all others already, or is sent now."""
    if not session.pipelines:
        return await session.wire.command(command, seconds)
    reply = await session.wire.reply(seconds)
    if reply.code == GO_ON and command != DATA:
        raise Unpaired(reply)
    return reply


async def _accepted(session: Session, commands: dict[int, bytes], answers: Answers) -> list[int]:
    """Who may be sent to; where the server has enough of them the others stay without an answer."""
    accepted: list[int] = []
    for entry_id, command in commands.items():
        reply = await _answer(session, command, session.deadlines.rcpt)
        if reply.code == CLOSING:
            session.wire.close()
            raise Refused(Stage.RCPT, reply)
        meant = meaning(reply, Stage.RCPT)
        if meant is Meaning.LATER and accepted:
            if session.pipelines:  # the next one's answer is on its way already
                continue
            break
        if meant is Meaning.OK:
            accepted.append(entry_id)
        else:
            answers[entry_id] = Answer.of(reply, Stage.RCPT, is_ours=session.is_ours)
    return accepted


async def _send_nothing(session: Session, reply: Reply, unread: int) -> None:
    """After the last reply that mattered: read those that were called for too early, and end a DATA that was taken all
    the same. Everybody has an answer, so whatever fails here costs the connection and nothing else."""
    wire = session.wire
    try:
        while session.pipelines and unread and reply.code != CLOSING:
            unread -= 1
            reply = await _answer(session, b"" if unread else DATA, session.deadlines.rcpt)
        if reply.code == GO_ON:
            reply = await wire.command(b".", session.deadlines.end)
    except Unpaired:
        raise
    except WireFailed as fault:
        wire.note(str(fault))
        wire.close()
    wire.leave_if_told(reply)


async def clear(session: Session) -> None:
    """Leave nothing of a transaction for the next one to stumble over. Raises Unpaired."""
    wire = session.wire
    if not wire.is_connected:
        return
    try:
        reply = await wire.command(b"RSET", session.deadlines.reset)
    except Unpaired:
        raise
    except WireFailed as fault:
        wire.note(str(fault))
        wire.close()
        return
    if reply.code == GO_ON:
        raise Unpaired(reply)
    if not reply.is_ok:
        wire.close()
