"""Server contexts hold what they promise, and a bad new certificate does not replace a good one."""

import asyncio
import os
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mailserver.config.tree import TlsConfig
from mailserver.errors import BadValue
from mailserver.tls import self_signed
from mailserver.tls.contexts import TlsContexts, server_context
from tests.fakes import START


@pytest.fixture
def files(tmp_path: Path) -> self_signed.SelfSigned:
    # today's time is not ours to fake: OpenSSL looks at the machine's clock
    from datetime import UTC, datetime

    return self_signed.ensure(tmp_path / "tls", ["mail.example.test"], datetime.now(UTC))


def test_old_versions_renegotiation_and_compression_are_off(files: self_signed.SelfSigned) -> None:
    context = server_context(files.certificate, files.key)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    for cipher in context.get_ciphers():
        assert cipher["aead"], cipher["name"]
        assert cipher["kea"] in {"kx-ecdhe", "kx-any"}, cipher["name"]
    assert server_context(files.certificate, files.key, "1.3").minimum_version is ssl.TLSVersion.TLSv1_3


async def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        version: str | None = writer.get_extra_info("ssl_object").version()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    finally:
        listener.close()
        await listener.wait_closed()
    return version


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "mail.example.test"])
async def test_a_client_that_trusts_the_authority_connects(files: self_signed.SelfSigned, name: str) -> None:
    client = ssl.create_default_context(cafile=str(files.ca))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert await _handshake(server_context(files.certificate, files.key), client, name) == "TLSv1.3"


def test_without_files_there_is_no_context() -> None:
    assert TlsContexts(TlsConfig())() is None


def test_a_reload_takes_the_new_file_and_keeps_the_old_where_it_is_bad(
    files: self_signed.SelfSigned, tmp_path: Path
) -> None:
    contexts = TlsContexts(TlsConfig(files.certificate, files.key))
    first = contexts()
    contexts.reload()
    second = contexts()
    assert second is not None
    assert second is not first
    files.key.write_text("not a key")
    with pytest.raises(BadValue):
        contexts.reload()
    assert contexts() is second
    with pytest.raises(BadValue):
        contexts.reload(TlsConfig(tmp_path / "missing.pem", files.key))
    assert contexts() is second


def test_the_fault_is_named(files: self_signed.SelfSigned, tmp_path: Path) -> None:
    other = self_signed.ensure(tmp_path / "other", [], START)
    encrypted = tmp_path / "encrypted.pem"
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for config, said in [
        (TlsConfig(files.certificate, None), "belong together"),
        (TlsConfig(tmp_path / "none.pem", files.key), "No such file"),
        (TlsConfig(files.certificate, other.key), "does not belong"),
        (TlsConfig(files.certificate, encrypted), "encrypted"),
        (TlsConfig(files.certificate, files.key, "1.1"), "minimum_version"),
    ]:
        with pytest.raises(BadValue, match=said):
            TlsContexts(config)


def test_files_are_private_and_kept_while_they_are_good(tmp_path: Path) -> None:
    files = self_signed.ensure(tmp_path, ["mail.example.test"], START)
    for path in (files.ca, files.certificate, files.key):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    before = files.certificate.read_bytes()

    def again(names: list[str], days: float) -> bool:
        self_signed.ensure(tmp_path, names, START + timedelta(days=days))
        return files.certificate.read_bytes() == before

    assert again(["mail.example.test"], 366)
    assert again([], 10)
    assert not again(["mail.example.test"], 368)  # a month before its end
    before = files.certificate.read_bytes()
    assert not again(["another.example.test"], 0)
    before = files.certificate.read_bytes()
    files.key.unlink()
    assert not again(["another.example.test"], 0)
