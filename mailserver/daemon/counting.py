"""What the store tells after its commits, as counters: only what is durable is counted."""

from collections.abc import Callable

from mailserver.metrics import Metrics
from mailserver.store import events
from mailserver.store.events import QueueChanged, QueueSettled
from mailserver.store.queue_states import Event


def counting(metrics: Metrics) -> Callable[[events.Event], None]:
    """A listener for Store.subscribe."""
    counters = {
        Event.DELIVER: metrics.messages_sent,
        Event.RELAY: metrics.messages_sent,
        Event.DEFER: metrics.delivery_retries,
        Event.BOUNCE: metrics.messages_bounced,
        Event.EXPIRE: metrics.messages_bounced,
    }

    def hear(event: events.Event) -> None:
        if isinstance(event, QueueChanged):
            metrics.messages_queued.inc(event.queued)
        elif isinstance(event, QueueSettled):
            for outcome in event.outcomes:
                if outcome in counters:
                    counters[outcome].inc()
            for seconds in event.seconds:
                metrics.delivery_duration.observe(seconds)

    return hear
