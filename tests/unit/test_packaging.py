"""What is shipped beside the code: unit, locks, samples, documentation."""

import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import click
import pytest

from mailserver.cli.main import COMMANDS, cli
from mailserver.config.load import load
from mailserver.errors import Refusal

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "mailserver.service"
GOAL = 1.6  # exposure as systemd-analyze counts it
HARDENING = [
    "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectProc", "ProcSubset",
    "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock",
    "ProtectHostname", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
    "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC", "KeyringMode", "SystemCallArchitectures",
    "SystemCallFilter", "CapabilityBoundingSet", "UMask", "StateDirectory", "LimitCORE", "MemoryMax", "TasksMax",
    "WatchdogSec",
]  # fmt: skip


def unit() -> dict[str, list[str]]:
    settings = defaultdict[str, list[str]](list)
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            settings[key].append(value)
    return settings


def test_the_unit_is_confined_and_tells_when_it_is_ready() -> None:
    settings = unit()
    assert [name for name in HARDENING if name not in settings] == []
    assert settings["Type"] == ["notify"]
    assert settings["CapabilityBoundingSet"] == settings["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert settings["LimitNOFILE"] == ["65535"]
    assert settings["LimitNPROC"] == ["4096"]
    assert settings["User"] == ["mailserver"]


def test_the_unit_waits_for_a_stop_as_long_as_the_server_takes() -> None:
    config = load(ROOT / "config" / "mailserver.toml", {}).config
    assert float(unit()["TimeoutStopSec"][0].removesuffix("s")) > config.server.shutdown_seconds
    assert config.server.data == Path("/var/lib") / unit()["StateDirectory"][0]


def test_systemd_finds_the_unit_well_confined() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    match = re.search(r"Overall exposure level for mailserver.service: ([0-9.]+)", done.stdout)
    assert match is not None
    assert float(match[1]) <= GOAL


def test_the_account_has_no_shell() -> None:
    [line] = [line for line in (ROOT / "systemd" / "sysusers.conf").read_text().splitlines() if line[:1] != "#"]
    assert line.startswith("u mailserver - ")
    assert line.endswith("/usr/sbin/nologin")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"])
def test_a_lock_has_hashes_and_names_no_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    pinned = re.findall(r"^([a-z0-9._-]+)==[^ ]+ .*\\$", text, re.MULTILINE | re.IGNORECASE)
    assert len(pinned) == len(re.findall(r"^[a-z]", text, re.MULTILINE | re.IGNORECASE)) > 5
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_locks_agree_and_hold_all_dependencies() -> None:
    locks = [_pins(ROOT / name) for name in ("requirements.lock", "requirements-dev.lock")]
    assert {name: locks[1].get(name) for name in locks[0]} == locks[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {_normal(re.split(r"[^A-Za-z0-9_.-]", each)[0]) for each in wanted}
    assert names - {*locks[1]} == set(), "run: make lock"


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else [""]
        for verb in inner:
            assert f"`{f'{name} {verb}'.strip()}" in text, f"docs/cli.md lacks {name} {verb}"


def test_every_exit_code_is_documented() -> None:
    from mailserver.cli import faults

    text = (ROOT / "docs" / "cli.md").read_text()
    family = [Refusal]
    for each in family:
        family.extend(each.__subclasses__())
    codes = {each.exit for each in family} | {value for name, value in vars(faults).items() if name.startswith("EXIT_")}
    assert [code for code in sorted(codes) if f"| {code} |" not in text] == []


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_logrotate_sample_reloads() -> None:
    assert "systemctl reload mailserver" in (ROOT / "config" / "logrotate").read_text()


def _pins(path: Path) -> dict[str, str]:
    return {
        _normal(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE)
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
