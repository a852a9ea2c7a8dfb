"""The configuration tree: every setting, its type, its default and what it means.

A part of the server receives only its branch. Tests build a branch by calling its class.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class TlsMode(StrEnum):
    NONE = "none"  # clear text only; logins are refused unless allow_plain_auth
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class Deletion(StrEnum):
    TRASH = "trash"
    EXPUNGE = "expunge"


class SentCopies(StrEnum):
    OFF = "off"
    ON = "on"
    DEDUPE = "dedupe"


class DirectoryScope(StrEnum):
    OFF = "off"
    DOMAIN = "domain"  # everybody sees the accounts of the own domain
    SERVER = "server"  # everybody sees all accounts


class Invitations(StrEnum):
    ALL = "all"
    KNOWN = "known"  # from people one has written to, or has in an address book
    OFF = "off"


class RetrySchedule(StrEnum):
    SQUARES = "squares"  # 1, 4, 9, 16 … minutes, at most a day
    STEPS = "steps"  # 5, 15, 30 minutes, then 1, 2, 4, 8, 16, 24 hours


class UniqueSenders(StrEnum):
    OFF = "off"
    BULK = "bulk"  # mail for many, or of a list
    ON = "on"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    hostname: str  # the name in greetings, Received and HELO; must resolve to this machine
    data: Path = Path("/var/lib/mailserver")  # everything the server keeps; mode 0700
    shutdown_seconds: float = 30.0  # how long running commands may finish after SIGTERM


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: LogLevel = LogLevel.INFO  # the least that is logged
    format: LogFormat = LogFormat.CONSOLE  # one JSON object per line, or lines for people
    file: Path | None = None  # opened again on SIGHUP; None: standard error


@dataclass(frozen=True, slots=True)
class TlsConfig:
    certificate: Path | None = None  # PEM, the leaf first; None: no TLS, and no logins from outside loopback
    key: Path | None = None  # PEM, not encrypted; mode 0600 or 0640
    minimum_version: str = "1.2"  # of TLS


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    port: int  # 0: any free port, reported in the log
    tls: TlsMode  # implicit: TLS from the first octet
    enabled: bool = True  # false: the port stays closed
    addresses: tuple[str, ...] = ("0.0.0.0", "::")  # where to listen  # noqa: S104 - a server


@dataclass(frozen=True, slots=True)
class ListenersConfig:
    smtp: ListenerConfig = ListenerConfig(25, TlsMode.STARTTLS)
    submission: ListenerConfig = ListenerConfig(587, TlsMode.STARTTLS)
    submissions: ListenerConfig = ListenerConfig(465, TlsMode.IMPLICIT)
    imap: ListenerConfig = ListenerConfig(143, TlsMode.STARTTLS)
    imaps: ListenerConfig = ListenerConfig(993, TlsMode.IMPLICIT)
    pop3: ListenerConfig = ListenerConfig(110, TlsMode.STARTTLS)
    pop3s: ListenerConfig = ListenerConfig(995, TlsMode.IMPLICIT)
    https: ListenerConfig = ListenerConfig(443, TlsMode.IMPLICIT)  # calendars and contacts


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    max_message_octets: int = 26_214_400  # 25 MiB; announced as SIZE, RFC 1870
    max_recipients: int = 100  # of one message
    max_connections: int = 1000  # at once, on all SMTP ports
    max_connections_per_address: int = 30  # at once, of one address
    max_connection_rate: int = 300  # new connections of one address in a minute
    max_errors: int = 20  # refused or unknown commands before 421
    max_messages: int = 1000  # of one connection
    silent_seconds: float = 60.0  # wait for the first command
    command_seconds: float = 300.0  # wait for the next command, RFC 5321 §4.5.3.2
    data_seconds: float = 600.0  # for the whole of one message's data; a large one is given more
    connection_seconds: float = 3600.0  # the longest a connection lasts
    tarpit_seconds: float = 1.0  # before the answer to each refused recipient
    max_hops: int = 50  # Received fields, RFC 5321 §6.3
    submission_per_hour: int = 500  # recipients a user may send to in an hour
    allow_plain_auth: bool = False  # login without TLS, from loopback only


@dataclass(frozen=True, slots=True)
class SubmissionConfig:
    domain_per_hour: int = 0  # recipients all users of a domain may send to in an hour together; 0: no limit
    max_hold_days: float = 365.0  # how far ahead mail can be scheduled (FUTURERELEASE, RFC 4865); 0: not offered
    undo_seconds: int = 0  # how long submitted mail waits, so that it can be taken back; 0: it leaves at once
    sent_copies: SentCopies = SentCopies.DEDUPE  # a copy in Sent; dedupe: the client's own copy takes its place
    outbox: str = "Outbox"  # mailbox that shows what waits to leave; "": none
    bulk_recipients: int = 20  # a message for more leaves after the others, as mailing lists do


@dataclass(frozen=True, slots=True)
class ImapConfig:
    max_connections: int = 2000  # at once, on all IMAP ports
    max_connections_per_address: int = 100  # at once, of one address
    max_connection_rate: int = 600  # new connections of one address in a minute
    max_append_octets: int = 104_857_600  # announced as APPENDLIMIT, RFC 7889
    login_seconds: float = 180.0  # to log in after connecting
    silent_seconds: float = 60.0  # without any octet, before login
    idle_seconds: float = 1800.0  # without a command, after login; RFC 9051 §5.4: at least 30 minutes
    max_errors: int = 50  # BAD commands in a row before BYE
    message_limit: int = 1_000_000  # messages one command works on, told as MESSAGELIMIT, RFC 9738; 0: no limit
    progress_seconds: float = 5.0  # a command that takes longer says how far it is, and again after as long
    allow_plain_auth: bool = False  # login without TLS, from loopback only
    without: tuple[str, ...] = ()  # capabilities nobody is told of or can use, such as ["CONDSTORE"]


@dataclass(frozen=True, slots=True)
class Pop3Config:
    max_connections: int = 500  # at once, on both POP3 ports
    max_connections_per_address: int = 50  # at once, of one address
    max_connection_rate: int = 300  # new connections of one address in a minute
    login_seconds: float = 180.0  # to log in after connecting
    idle_seconds: float = 600.0  # without a command, after login; RFC 1939 §3: at least 10 minutes
    max_errors: int = 20  # unknown or malformed commands in a row before the connection is closed
    deletions: Deletion = Deletion.TRASH  # where messages go that a client deletes: to Trash, or away for good
    sets_seen: bool = True  # a message that was fetched whole is read for IMAP too
    allow_plain_auth: bool = False  # login without TLS, from loopback only


@dataclass(frozen=True, slots=True)
class AuthConfig:
    argon2_memory_kib: int = 65536  # RFC 9106 §4, second recommendation, as the next two
    argon2_time_cost: int = 3  # passes over the memory
    argon2_parallelism: int = 4  # lanes
    hash_threads: int = 2  # password hashes computed at once
    cache_seconds: float = 600.0  # a verified login is not hashed again for so long; 0: always
    failures_per_address: int = 5  # in the window, then the address waits
    failures_per_account: int = 20  # in the window; addresses that logged in before are never held up
    window_seconds: float = 900.0  # how long a failure counts
    block_seconds: float = 1800.0  # first block; doubles up to a day
    min_password_length: int = 8  # characters, when a password is set
    scram: bool = True  # keep keys for SCRAM-SHA-256 and offer it; who steals the database guesses at them faster


@dataclass(frozen=True, slots=True)
class StoreConfig:
    readers: int = 3  # connections for reading
    file_threads: int = 4  # threads that write and sync files
    scan_seconds: float = 30.0  # how often a selected mailbox's folder is looked at for outside changes
    tombstone_days: int = 30  # how long removals are remembered for clients that were away
    default_quota_bytes: int = 1_073_741_824  # of new users; 0: no limit
    default_quota_messages: int = 0  # messages of new users; 0: no limit
    purge_days: int = 30  # how long deleted domains and users can be restored
    log_days: int = 90  # how long the database remembers logins and what became of each message
    trash_days: int = 0  # how long messages stay in mailboxes with the use \Trash; 0: for ever
    junk_days: int = 0  # the same for \Junk
    min_free_bytes: int = 67_108_864  # below it mail is put off with 452


@dataclass(frozen=True, slots=True)
class QueueConfig:
    deliver: bool = True  # false: mail for other servers is accepted and waits
    schedule: RetrySchedule = RetrySchedule.SQUARES  # waits between attempts; steps: 5, 15, 30 min, 1, 2 … 24 h
    warn_hours: float = 4.0  # after it the sender is told that it takes long, RFC 5321 §4.5.4.1; 0: never
    expire_days: float = 5.0  # how long delivery is tried, RFC 5321 §4.5.4.1
    keep_finished_days: float = 7.0  # how long delivered and failed entries stay listed
    max_connections: int = 50  # to other servers at once
    max_connections_per_destination: int = 10  # at once, for mail to one domain
    max_connections_per_host: int = 5  # at once, to one mail host; fewer where it says that it is too many
    max_rate_per_host: int = 600  # connections to one mail host in a minute


@dataclass(frozen=True, slots=True)
class OutboundConfig:
    port: int = 25  # of other servers; only tests and sealed-off networks have another one
    ipv6: bool = True  # false: IPv4 only
    source_ipv4: str | None = None  # address of this machine to send from; None: any
    source_ipv6: str | None = None  # the same for IPv6
    connect_seconds: float = 30.0  # for one address; then the next one is tried
    allow_literals: bool = False  # send to addresses such as ann@[192.0.2.1]


@dataclass(frozen=True, slots=True)
class DkimConfig:
    algorithms: tuple[str, ...] = ("RSA-2048", "Ed25519")  # of new keys; mail is signed with each. Also: RSA-4096
    storage: str = "database"  # where new private keys are kept: sealed, in a file of its own, or both
    rotate_days: int = 365  # a key older than this gets a successor; 0: never by itself
    retire_days: int = 14  # how long a replaced key's record is still needed, for mail on its way
    expire_days: int = 0  # how long a signature holds, as its x= says; 0: for ever


@dataclass(frozen=True, slots=True)
class OutboundTlsConfig:
    dane: bool = True  # keep to TLSA records, RFC 7672; needs a resolver that validates DNSSEC
    mta_sts: bool = True  # keep to MTA-STS policies of other domains, RFC 8461
    hold_days: float = 3.0  # how long mail waits for TLS at a host that had it before; 0: not at all
    authorities: Path | None = None  # PEM, who may vouch for other servers; None: whom the system trusts


@dataclass(frozen=True, slots=True)
class TlsReportsConfig:
    enabled: bool = True  # count how TLS to other servers went, and report it to domains that want it, RFC 8460
    address: str = ""  # sends reports and takes those of others about domains here; "": none go out by mail


@dataclass(frozen=True, slots=True)
class FetchingConfig:
    networks: tuple[str, ...] = ()  # private networks that URLs of strangers may lead to, such as ["10.1.0.0/16"]


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    subaddress_separator: str = "+"  # of new domains; "" switches it off
    max_alias_depth: int = 10  # aliases that lead to aliases


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Health, readiness and metrics for programs that watch the server; calendars and contacts as over https."""

    enabled: bool = True  # false: the port stays closed
    port: int = 8080  # 0: any free port, reported in the log
    addresses: tuple[str, ...] = ("127.0.0.1",)  # where to listen
    metrics_token_file: Path | None = None  # has the bearer token for /metrics; without it loopback only
    max_connections: int = 500  # at once, on this port and on that of https each
    max_connections_per_address: int = 100  # at once, of one address
    max_connection_rate: int = 1200  # new connections of one address in a minute
    allow_plain_auth: bool = False  # login without TLS, from loopback only


@dataclass(frozen=True, slots=True)
class ContactsConfig:
    """What the server adds to the address books of its users."""

    collect: bool = True  # whom a user writes to, for completion; accounts may choose otherwise
    birthdays: bool = True  # a calendar of the birthdays in a user's contacts; accounts may choose otherwise
    directory: DirectoryScope = DirectoryScope.OFF  # an address book of the accounts here: "domain" or "server"


@dataclass(frozen=True, slots=True)
class BouncesConfig:
    suppress_after: int = 3  # hard bounces of an address before submission refuses it for a while; 0: never
    within_days: float = 30.0  # in which they add up
    suppress_days: float = 14.0  # how long it is refused, if nobody releases it
    unique_senders: UniqueSenders = UniqueSenders.OFF  # a reverse-path for each recipient, so that any bounce is known


@dataclass(frozen=True, slots=True)
class ForwardingConfig:
    srs_days: int = 21  # how long bounces of forwarded mail find back to the sender
    spam: bool = False  # forward what was judged to be spam as well
    rewrite_from: bool = True  # write From anew where the author's DMARC policy would have the message refused
    seal: bool = True  # add an ARC seal, RFC 8617, with the alias domain's DKIM key


@dataclass(frozen=True, slots=True)
class DnsConfig:
    servers: tuple[str, ...] = ()  # resolvers such as ["127.0.0.1", "[::1]:5353"]; []: those of /etc/resolv.conf
    trust_ad: bool = False  # believe what a resolver on another machine says about DNSSEC; on loopback it is believed
    timeout_seconds: float = 10.0  # for one question, all tries and servers together


class PrincipalScope(StrEnum):
    OWN = "own"  # a user finds nobody but himself
    DOMAIN = "domain"  # and the users of his domain
    SERVER = "server"  # and everybody with an account here


@dataclass(frozen=True, slots=True)
class DavConfig:
    max_object_octets: int = 10_485_760  # 10 MiB; of one event, task or contact, announced as max-resource-size
    max_octets: int = 1_073_741_824  # of all calendars of one user together, and of all address books
    max_members: int = 100_000  # objects of one calendar or address book
    max_collections: int = 200  # calendars of one user, and as many that others share with him; address books as well
    max_sharees: int = 100  # users one calendar or address book is shared with
    max_attendees: int = 500  # of one event or instance whose organizer stores it, announced to clients
    principals: PrincipalScope = PrincipalScope.DOMAIN  # whom users find to share with and to invite
    public_links: bool = True  # false: addresses that show calendars without a login are not answered
    subscriptions: bool = True  # false: feeds of other servers are not fetched; what was stays
    max_subscriptions: int = 20  # calendars of one user that show feeds of other servers
    max_feed_octets: int = 10_485_760  # 10 MiB; of one feed, unpacked
    max_feed_objects: int = 10_000  # of one feed


@dataclass(frozen=True, slots=True)
class SchedulingConfig:
    """Who is invited to an event is told by the server, and answers reach the organizer. RFC 6638, RFC 6047."""

    enabled: bool = True  # False: clients have to send invitations themselves
    mail: bool = True  # people at other servers get invitations and answers as mail
    invitations: Invitations = Invitations.ALL  # by mail, that go into the calendar; a user's own choice goes first
    max_message_octets: int = 1_048_576  # 1 MiB; larger calendar parts of mail are left alone


@dataclass(frozen=True, slots=True)
class Config:
    server: ServerConfig
    log: LogConfig = field(default_factory=LogConfig)
    tls: TlsConfig = field(default_factory=TlsConfig)
    listeners: ListenersConfig = field(default_factory=ListenersConfig)
    smtp: SmtpConfig = field(default_factory=SmtpConfig)
    submission: SubmissionConfig = field(default_factory=SubmissionConfig)
    imap: ImapConfig = field(default_factory=ImapConfig)
    pop3: Pop3Config = field(default_factory=Pop3Config)
    auth: AuthConfig = field(default_factory=AuthConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    outbound: OutboundConfig = field(default_factory=OutboundConfig)
    dkim: DkimConfig = field(default_factory=DkimConfig)
    web: WebConfig = field(default_factory=WebConfig)
    bounces: BouncesConfig = field(default_factory=BouncesConfig)
    contacts: ContactsConfig = field(default_factory=ContactsConfig)
    forwarding: ForwardingConfig = field(default_factory=ForwardingConfig)
    outbound_tls: OutboundTlsConfig = field(default_factory=OutboundTlsConfig)
    tls_reports: TlsReportsConfig = field(default_factory=TlsReportsConfig)
    fetching: FetchingConfig = field(default_factory=FetchingConfig)
    dns: DnsConfig = field(default_factory=DnsConfig)
    dav: DavConfig = field(default_factory=DavConfig)
    scheduling: SchedulingConfig = field(default_factory=SchedulingConfig)
