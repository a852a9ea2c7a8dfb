"""Every POP3 dialogue, with reads of 1 octet, of 7 octets, and of whatever was sent at once."""

import asyncio
from pathlib import Path

import pytest

from tests.dialogues.imap_player import Scene, scenes
from tests.dialogues.imap_world import prepare
from tests.dialogues.pop3_player import Pop3Player

FOLDER = Path(__file__).parent / "pop3"
SCENES = [
    pytest.param(scene, id=f"{path.stem}: {scene.title}")
    for path in sorted(FOLDER.glob("*.txt"))
    for scene in scenes(path)
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("prepared") / "data"
    asyncio.run(prepare(data))
    return data


@pytest.mark.parametrize("read_size", [1, 7, 0], ids=["1 octet", "7 octets", "whole"])
@pytest.mark.parametrize("scene", SCENES)
async def test_dialogue(scene: Scene, read_size: int, prepared: Path, tmp_path: Path) -> None:
    await Pop3Player(prepared, tmp_path / "data", read_size).play(scene)
