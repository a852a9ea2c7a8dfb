"""Every conversation in smtp/*.txt, with reads of 1 octet, of 7 and of the whole."""

import ssl
from dataclasses import fields, replace
from pathlib import Path

import pytest

from mailserver.config.tree import SmtpConfig
from tests.dialogues.smtp_player import Dialogue, Player, read
from tests.dialogues.smtp_world import StoppedCalendar, contexts, running

FOLDER = Path(__file__).parent / "smtp"
DIALOGUES = [
    pytest.param(dialogue, id=f"{path.stem}: {dialogue.title}")
    for path in sorted(FOLDER.glob("*.txt"))
    for dialogue in read(path)
]
QUICK = SmtpConfig(tarpit_seconds=0)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return contexts(tmp_path_factory.mktemp("tls"))


def config(dialogue: Dialogue) -> SmtpConfig:
    kinds = {f.name: type(getattr(QUICK, f.name)) for f in fields(SmtpConfig)}
    return replace(
        QUICK, **{name: kinds[name](float(value)) for name, value in dialogue.settings.items() if name in kinds}
    )


@pytest.mark.parametrize("cut", [None, 7, 1])
@pytest.mark.parametrize("dialogue", DIALOGUES)
async def test_dialogue(dialogue: Dialogue, cut: int | None, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_context, client_context = tls
    full_after = dialogue.settings.get("full_after")
    async with running(
        dialogue.face,
        server_context,
        config(dialogue),
        clock=StoppedCalendar(),
        full_after=int(full_after) if full_after else None,
    ) as world:
        await Player(world.port, client_context, cut).play(dialogue, world.services.last)
