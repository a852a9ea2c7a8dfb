"""Keys of ours between the database, the files and whoever signs: made and stored, or opened. All in a thread."""

from typing import TYPE_CHECKING

from mailserver.dkim.private_keys import Algorithm, PrivateKey, from_pem, generate, to_pem
from mailserver.dkim.record import Record
from mailserver.errors import AlreadyThere, BadKey
from mailserver.store import key_files
from mailserver.store.dkim_keys import DkimKey, NewKey, Storage
from mailserver.store.store import Store

if TYPE_CHECKING:
    from mailserver.store.sealing import SealingKey

PEM = b"-----BEGIN "


class Keyring:
    def __init__(self, store: Store) -> None:
        self._data = store.data
        self._seal: SealingKey | None = None

    def make(self, domain: str, selector: str, algorithm: Algorithm, storage: Storage) -> NewKey:
        """A new key; its file is durable before a row names it. Raises AlreadyThere, SealBroken, OSError."""
        key = generate(algorithm)
        pem = to_pem(key)
        sealed = None if storage is Storage.FILE else self.seal(domain, selector, pem)
        file = None if storage is Storage.DATABASE else key_files.name(domain, selector)
        if file is not None:
            try:
                key_files.write(self._data, file, pem)
            except FileExistsError:
                raise AlreadyThere(f"{self._data / file} is there already; take another selector") from None
        return NewKey(selector, algorithm, storage, sealed, file, key.public())

    def open(self, key: DkimKey, sealed: bytes | None) -> PrivateKey:
        """The private key, from where the row says it is. Raises BadKey, SealBroken."""
        copies = [each for each in (self._from_database(key, sealed), self._from_file(key)) if each is not None]
        if len(copies) != (2 if key.storage is Storage.HYBRID else 1):
            raise BadKey(f"{_named(key)}: storage is '{key.storage}', but the private key is not there")
        opened = [from_pem(copy) for copy in copies]
        if len({each.public() for each in opened}) > 1:
            raise BadKey(f"{_named(key)}: the file {self._data / str(key.key_file)} and the database hold other keys")
        if key.public_key and opened[0].public() != key.public_key:
            raise BadKey(f"{_named(key)}: the private key is not that of the published one")
        return opened[0]

    def adopt(self, key: DkimKey, stored: bytes | None) -> tuple[bytes | None, str]:
        """(the private key as the database should have it, the public one). Raises BadKey, SealBroken."""
        opened = self.open(key, stored)
        sealed = None if stored is None else self.seal(key.domain, key.selector, to_pem(opened))
        return sealed, opened.public()

    def seal(self, domain: str, selector: str, pem: bytes) -> bytes:
        return self._sealing().seal(pem, _purpose(domain, selector))

    def remove_file(self, file: str | None) -> None:
        if file is not None:
            key_files.remove(self._data, file)

    def stray_files(self, named: set[str], before: float) -> list[str]:
        """Key files from before this moment (epoch seconds) that no row names."""
        return [file for file in key_files.list_older(self._data, before) if file not in named]

    def _from_database(self, key: DkimKey, sealed: bytes | None) -> bytes | None:
        if key.storage is Storage.FILE or sealed is None:
            return None
        if sealed.startswith(PEM):  # from before keys were sealed
            return sealed
        return self._sealing().unseal(sealed, _purpose(key.domain, key.selector))

    def _from_file(self, key: DkimKey) -> bytes | None:
        if key.storage is Storage.DATABASE or key.key_file is None:
            return None
        return key_files.read(self._data, key.key_file)

    def _sealing(self) -> "SealingKey":
        from mailserver.store.sealing import SealingKey  # brings cryptography: who signs nothing does without

        if self._seal is None:
            self._seal = SealingKey.open(self._data)
        return self._seal


def record_of(key: DkimKey) -> Record:
    """Without opening the private key."""
    return Record(key.domain, key.selector, Algorithm(key.algorithm).k, key.public_key)


def _purpose(domain: str, selector: str) -> str:
    return f"dkim:{domain}:{selector}"


def _named(key: DkimKey) -> str:
    return f"DKIM key {key.selector} of {key.domain}"
