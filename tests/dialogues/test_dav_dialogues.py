"""Every DAV dialogue, with requests written in pieces of 7 octets, and whole."""

import asyncio
from pathlib import Path

import pytest

from tests.dialogues.dav_player import Player, Scene, scenes
from tests.dialogues.dav_world import prepare

FOLDER = Path(__file__).parent / "dav"
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


@pytest.mark.parametrize("piece", [7, 0], ids=["7 octets", "whole"])
@pytest.mark.parametrize("scene", SCENES)
async def test_dialogue(scene: Scene, piece: int, prepared: Path, tmp_path: Path) -> None:
    await Player(prepared, tmp_path / "data", piece).play(scene)
