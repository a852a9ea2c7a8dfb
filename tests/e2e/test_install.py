"""The wheel in an empty environment: everything it needs is in it, whatever folder it is started from."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`mailserver` installed from a wheel; its dependencies are borrowed from the environment of the tests."""
    folder = tmp_path_factory.mktemp("install")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True, cwd=folder)
    [built] = folder.glob("mailserver-*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    site = next((venv / "lib").glob("python3*/site-packages"))
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(built)]
    subprocess.run(install, check=True, capture_output=True, cwd=folder)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (venv / "bin" / "mailserver").write_text(f"#!{venv}/bin/python\nfrom mailserver.cli.main import main\nmain()\n")
    (venv / "bin" / "mailserver").chmod(0o755)
    return venv / "bin" / "mailserver"


def run(command: Path, folder: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAILSERVER"))}
    done = subprocess.run(
        [str(command), *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_is_the_installed_one(command: Path, tmp_path: Path) -> None:
    code = "import mailserver; print(mailserver.__file__)"
    assert run(command.with_name("python"), tmp_path, "-c", code).startswith(str(command.parents[1]))


def test_help_works_from_any_folder(command: Path, tmp_path: Path) -> None:
    assert "Run the server in the foreground" in run(command, tmp_path, "--help")


def test_migrations_are_in_the_wheel(command: Path, tmp_path: Path) -> None:
    out = run(command, tmp_path, "migrate", "up", "--data", "data")
    applied = out.count("applied ")
    assert applied == len(list((ROOT / "migrations").glob("*.sql"))) > 8
    assert (tmp_path / "data" / "mail.db").exists()
    assert "Nothing to do" in run(command, Path("/"), "migrate", "up", "--data", str(tmp_path / "data"))


def test_the_demos_messages_and_the_examples_source_are_in_the_wheel(command: Path, tmp_path: Path) -> None:
    python = command.with_name("python")
    code = "from datetime import *; from mailserver.demo.content import letters; print(len(letters(datetime.now(UTC))))"
    assert int(run(python, tmp_path, "-c", code)) > 5
    assert run(command, tmp_path, "config", "example") == (ROOT / "mailserver.toml.example").read_text()
