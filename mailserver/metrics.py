"""What the server counts of itself, for Prometheus: one registry of its own, made once for each daemon.

Counters are since the start of the process. Values of labels are ours, never a stranger's: protocols, names of IMAP
commands from their table, classes of refusals, loggers.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric

PREFIX = "mailserver"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
DELIVERY_BUCKETS = tuple(0.1 * 2**power for power in range(10))  # seconds: 0.1 to 51.2
REQUEST_BUCKETS = tuple(0.001 * 4**power for power in range(8))  # seconds: 0.001 to 16.4

_CREATED = "_created"  # when each counter was made: twice the lines, and nobody asks


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.messages_received = self._counter("messages_received", "Messages accepted over SMTP, of servers and users")
        self.messages_queued = self._counter("messages_queued", "Recipients put into the outbound queue")
        self.messages_sent = self._counter("messages_sent", "Queued recipients whose mail another server took")
        self.messages_bounced = self._counter("messages_bounced", "Queued recipients that failed for good")
        self.messages_rejected = self._counter(
            "messages_rejected", "Recipients refused or put off over SMTP, by the refusal's name", "reason"
        )
        self.delivery_duration = Histogram(
            "delivery_duration_seconds",
            "Attempts to deliver to another server",
            namespace=PREFIX,
            buckets=DELIVERY_BUCKETS,
            registry=self._registry,
        )
        self.delivery_retries = self._counter("delivery_retries", "Queued recipients put off to be tried again")
        self.queue_depth = self._gauge("queue_depth", "Recipients waiting in the outbound queue or being tried")
        self.dkim_keys_missing = self._gauge("dkim_keys_missing", "Signing keys whose record is not in the DNS")
        self.active_connections = self._gauge("active_connections", "Open connections", "protocol")
        self.connections = self._counter("connections", "Connections let in", "protocol")
        self.auth_attempts = self._counter("auth_attempts", "Logins tried", "result", "protocol")
        self.imap_commands = self._counter("imap_commands", "IMAP commands run", "command")
        self.http_requests = self._counter("http_requests", "Requests to calendars and contacts", "method", "status")
        self.http_duration = Histogram(
            "http_duration_seconds",
            "Requests to calendars and contacts, from their header to the end of the answer",
            ("method",),
            namespace=PREFIX,
            buckets=REQUEST_BUCKETS,
            registry=self._registry,
        )
        self.quota_exceeded = self._counter("quota_exceeded", "Messages refused for want of room in a mailbox")
        self.uptime = self._gauge("uptime_seconds", "Since the server was started")
        self.errors = self._counter("errors", "Errors logged, by part and class of the fault", "component", "type")

    def entered(self, protocol: str) -> None:
        self.connections.labels(protocol).inc()
        self.active_connections.labels(protocol).inc()

    def left(self, protocol: str) -> None:
        self.active_connections.labels(protocol).dec()

    def count_error(self, component: str, kind: str) -> None:
        self.errors.labels(component, kind).inc()

    def exposition(self) -> bytes:
        """All of it as CONTENT_TYPE."""
        return generate_latest(_WithoutCreated(self._registry))

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, namespace=PREFIX, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, namespace=PREFIX, registry=self._registry)


class _WithoutCreated:
    """A registry as the exposition reads it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith(_CREATED)]
            yield metric
