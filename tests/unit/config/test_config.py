"""TOML and the environment → the tree; every fault at once, in words a person can act on."""

import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.config.example import EXAMPLE_HOSTNAME, example
from mailserver.config.load import ConfigErrors, Loaded, Source, defaults, load, warnings
from mailserver.config.render import as_json, flat, show
from mailserver.config.rules import RULES, rule
from mailserver.config.tree import Config, LogLevel, ServerConfig, TlsMode
from mailserver.config.values import to_toml

EXAMPLE = Path(__file__).parents[3] / "mailserver.toml.example"


def from_text(tmp_path: Path, text: str, **environ: str) -> Loaded:
    file = tmp_path / "mailserver.toml"
    file.write_text(text)
    return load(file, environ)


def faults(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        from_text(tmp_path, text, **environ)
    return caught.value.faults


def test_only_the_host_name_is_needed(tmp_path: Path) -> None:
    loaded = from_text(tmp_path, '[server]\nhostname = "mail.example.org"\n')
    assert loaded.config == Config(server=ServerConfig(hostname="mail.example.org"))
    assert loaded.sources["server.hostname"] is Source.FILE
    assert loaded.sources["server.data"] is Source.DEFAULT


def test_a_section_keeps_the_defaults_of_its_other_keys(tmp_path: Path) -> None:
    config = from_text(tmp_path, 'server.hostname = "a.test"\n[listeners.imaps]\nport = 1993\n').config
    assert (config.listeners.imaps.port, config.listeners.imaps.tls) == (1993, TlsMode.IMPLICIT)
    assert config.listeners.imap == defaults("a.test").listeners.imap


FAULTS = [
    ("smtp.max_erors = 3", "smtp.max_erors: unknown key; did you mean max_errors?"),
    ("[smpt]\nmax_errors = 3", "smpt: unknown section; did you mean smtp?"),
    ("xyzzy = 1", "xyzzy: unknown key; known are server, log, tls, listeners, "),
    ("listeners.imapz.port = 1", "listeners.imapz: unknown section; did you mean imap?"),
    ("smtp = 3", "smtp = 3: this is a section; write [smtp] and its keys below"),
    ('smtp.max_errors = "3"', 'smtp.max_errors = "3": must be a whole number, not a string'),
    ("smtp.max_errors = true", "smtp.max_errors = true: must be a whole number, not a truth value"),
    ("smtp.max_errors = 3.5", "smtp.max_errors = 3.5: must be a whole number, not a number"),
    ("smtp.max_errors = 0", "smtp.max_errors = 0: must be 1 to 1000"),
    ("smtp.max_message_octets = 1023", "smtp.max_message_octets = 1023: must be 1024 to 104857600"),
    ("smtp.max_message_octets = 104857601", "smtp.max_message_octets = 104857601: must be 1024 to 104857600"),
    ("smtp.command_seconds = -1", "smtp.command_seconds = -1: must be 1 to 3600"),
    ("smtp.command_seconds = nan", "smtp.command_seconds = nan: must be 1 to 3600"),
    ("smtp.command_seconds = inf", "smtp.command_seconds = inf: must be 1 to 3600"),
    ("smtp.command_seconds = 2020-01-01", "must be a number, not a date or time"),
    ("listeners.smtp.port = 65536", "listeners.smtp.port = 65536: must be 0 to 65535"),
    ('listeners.smtp.tls = "ssl"', 'listeners.smtp.tls = "ssl": must be "none" or "starttls" or "implicit"'),
    ("listeners.smtp.tls = false", 'must be "none" or "starttls" or "implicit", not a truth value'),
    ('listeners.smtp.addresses = ["localhost"]', "must be a list of at least one IP address"),
    ("listeners.smtp.addresses = []", "must be a list of at least one IP address"),
    ("listeners.smtp.addresses = [1]", "must be a list of strings"),
    ('dns.servers = ["ns.example.org"]', "must be a list of IP addresses, with or without a port"),
    ('dns.servers = ["127.0.0.1:0"]', "must be a list of IP addresses, with or without a port"),
    ('dns.servers = ["::1:99999", "[::1]:99999"]', "must be a list of IP addresses, with or without a port"),
    ('log.level = "loud"', 'log.level = "loud": must be "debug" or "info" or "warning" or "error"'),
    ('tls.minimum_version = "1.1"', 'must be "1.2" or "1.3"'),
    ("server.data = 3", "server.data = 3: must be a path, not a whole number"),
    ('server.data = ""', 'server.data = "": must be a path'),
    ('tls.key = "k.pem"', "tls.certificate: missing; tls.key needs it"),
    ('tls.certificate = "c.pem"', "tls.key: missing; tls.certificate needs it"),
    ("listeners.smtp.port = 143", "listeners.imap.port = 143: listeners.smtp has it already on 0.0.0.0"),
    ("auth.argon2_memory_kib = 128\nauth.argon2_parallelism = 16\nsmtp.max_hops = 0", "smtp.max_hops = 0"),
    ('smtp.max_errors = "\\n\\u001b[31m"', '"\\u000a\\u001b[31m"'),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_a_fault_names_key_value_and_what_is_allowed(tmp_path: Path, text: str, fault: str) -> None:
    [line] = [line for line in faults(tmp_path, f'server.hostname = "a.test"\n{text}\n') if fault in line]
    assert "\n" not in line


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path, "smtp.max_errors = 0\nimap.x = 1\nqueue.expire_days = 'x'\n", MAILSERVER__LOG__LEVEL="loud"
    )
    assert [line.split(" ")[0].rstrip(":") for line in found] == [
        "imap.x", "server.hostname", "MAILSERVER__LOG__LEVEL", "smtp.max_errors", "queue.expire_days",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "-a.test", "a..test", "a_b.test", "ü.test", "a.test\n", "x" * 64 + ".test", "1"])
def test_a_host_name_that_can_not_be(tmp_path: Path, name: str) -> None:
    [line] = faults(tmp_path, f"server.hostname = {to_toml(name)}")
    assert "must be a host name" in line


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="no such file or directory"):
        load(tmp_path / "none.toml", {})
    for octets, text in [(b"\xff", "not UTF-8 at octet 0"), (b"a = ", "not TOML"), (b"#" * 1_048_577, "longer than")]:
        (tmp_path / "bad.toml").write_bytes(octets)
        with pytest.raises(ConfigErrors, match=text):
            load(tmp_path / "bad.toml", {})


ENVIRONMENT = [
    ("SMTP__MAX_ERRORS", "7", "smtp.max_errors", 7),
    ("SMTP__COMMAND_SECONDS", "7", "smtp.command_seconds", 7.0),
    ("SMTP__ALLOW_PLAIN_AUTH", "true", "smtp.allow_plain_auth", True),
    ("LOG__LEVEL", "debug", "log.level", LogLevel.DEBUG),
    ("LOG__LEVEL", '"debug"', "log.level", LogLevel.DEBUG),
    ("LOG__FILE", "/var/log/x", "log.file", Path("/var/log/x")),
    ("LOG__FILE", "", "log.file", None),
    ("TLS__MINIMUM_VERSION", "1.3", "tls.minimum_version", "1.3"),
    ("LISTENERS__SMTP__PORT", "0", "listeners.smtp.port", 0),
    ("LISTENERS__SMTP__ADDRESSES", "127.0.0.1, ::1", "listeners.smtp.addresses", ("127.0.0.1", "::1")),
    ("LISTENERS__SMTP__ADDRESSES", '["127.0.0.1"]', "listeners.smtp.addresses", ("127.0.0.1",)),
    ("DNS__SERVERS", "127.0.0.1:5353, [::1]:53, ::1", "dns.servers", ("127.0.0.1:5353", "[::1]:53", "::1")),
    ("DELIVERY__SUBADDRESS_SEPARATOR", "", "delivery.subaddress_separator", ""),
]


@pytest.mark.parametrize(("name", "text", "path", "value"), ENVIRONMENT)
def test_the_environment_goes_before_the_file(tmp_path: Path, name: str, text: str, path: str, value: object) -> None:
    loaded = from_text(tmp_path, 'server.hostname = "a.test"\nsmtp.max_errors = 9\n', **{f"MAILSERVER__{name}": text})
    assert dict(flat(loaded.config))[path] == value
    assert loaded.sources[path] is Source.ENVIRONMENT


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("SMTP__MAX_ERORS", "1", "MAILSERVER__SMTP__MAX_ERORS: unknown key; did you mean max_errors?"),
        ("SMTP", "1", "this is a section; name one of its keys, such as MAILSERVER__SMTP__MAX_MESSAGE_OCTETS"),
        ("SMTP__MAX_ERRORS__X", "1", "unknown key; it has no keys"),
        ("SMTP__MAX_ERRORS", "1\nx = 2", "must be a whole number"),
        ("SMTP__ALLOW_PLAIN_AUTH", "yes", "must be true or false"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, text: str, fault: str) -> None:
    [line] = faults(tmp_path, 'server.hostname = "a.test"', **{f"MAILSERVER__{name}": text})
    assert fault in line


def test_without_a_file_the_environment_is_enough() -> None:
    assert load(None, {"MAILSERVER__SERVER__HOSTNAME": "a.test", "PATH": "/bin"}).config == defaults("a.test")


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    config = from_text(tmp_path, 'server.hostname = "a.test"\nserver.data = "data"\nlog.file = "/var/log/m"\n').config
    assert (config.server.data, config.log.file) == (tmp_path / "data", Path("/var/log/m"))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_no_environment_raises_anything_but_one_line_faults(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(None, {f"MAILSERVER__{name}": text for name, text in variables.items()})
    assert [line for line in caught.value.faults if "\n" in line] == []


def test_every_number_has_a_range() -> None:
    def numbers(cls: type, above: str = "") -> list[str]:
        hints = get_type_hints(cls)
        return [
            path
            for item in fields(cls)
            for path in (
                numbers(hints[item.name], f"{above}{item.name}.")
                if is_dataclass(hints[item.name])
                else [f"{above}{item.name}"] * (hints[item.name] in (int, float))
            )
        ]

    assert [path for path in numbers(Config) if rule(path) is None] == []


def test_every_rule_is_of_a_key_and_its_default_keeps_it() -> None:
    values = dict(flat(defaults("a.test")))
    assert {path for path in RULES if "*" not in path} <= values.keys()
    assert [path for path, value in values.items() if (limit := rule(path)) and not limit.holds(value)] == []


def test_the_example_is_what_the_tree_says() -> None:
    assert EXAMPLE.read_text() == example(), "run: mailserver config example > mailserver.toml.example"


def test_the_example_loads_and_equals_the_defaults() -> None:
    loaded = load(EXAMPLE, {})
    assert loaded.config == defaults(EXAMPLE_HOSTNAME)
    assert set(loaded.sources.values()) == {Source.FILE}, "a key is missing in the example"


def test_every_key_of_the_example_is_explained() -> None:
    lines = [line for line in example().splitlines() if line and line[0] not in "#["]
    assert [line for line in lines if not line.partition("  # ")[2]] == []


def test_show_loads_again_to_the_same(tmp_path: Path) -> None:
    loaded = from_text(
        tmp_path, 'server.hostname = "a.test"\nserver.data = "d\\"\\u0001"\n', MAILSERVER__SMTP__MAX_ERRORS="5"
    )
    text = show(loaded)
    (tmp_path / "again.toml").write_text(text)
    assert load(tmp_path / "again.toml", {}).config == loaded.config
    assert "max_errors = 5  # environment" in text
    assert 'hostname = "a.test"  # file' in text
    assert "\nmax_hops = 50\n" in text


def test_json_names_value_and_source(tmp_path: Path) -> None:
    rows = as_json(from_text(tmp_path, 'server.hostname = "a.test"'))
    assert rows["server.hostname"] == {"value": "a.test", "source": "file"}
    assert rows["tls.key"] == {"value": None, "source": "default"}
    assert rows["listeners.smtp.addresses"] == {"value": ["0.0.0.0", "::"], "source": "default"}


def test_warnings_name_what_stays_closed(tmp_path: Path) -> None:
    [closed] = warnings(defaults("mail.example.org"))
    assert "submissions, imaps, pop3s, https stay closed" in closed
    pair = 'tls.certificate = "c"\ntls.key = "k"\n'
    assert warnings(from_text(tmp_path, f'server.hostname = "a.test"\n{pair}').config) == []
    [plain] = warnings(from_text(tmp_path, f'server.hostname = "a.test"\nimap.allow_plain_auth = true\n{pair}').config)
    assert plain.startswith("imap.allow_plain_auth")
    [dotless] = warnings(from_text(tmp_path, f'server.hostname = "mail"\n{pair}').config)
    assert "full name" in dotless


@given(st.text(max_size=30))
def test_what_is_written_as_toml_reads_back(text: str) -> None:
    assert tomllib.loads(f"v = {to_toml(text)}")["v"] == text
