"""Pages of the server about itself, for programs that watch it, as one table of routes."""

from starlette.applications import Starlette
from starlette.routing import Route

from mailserver.metrics import Metrics
from mailserver.web.health import Condition, alive, ready
from mailserver.web.metrics_page import MetricsPage, Token


def application(condition: Condition, metrics: Metrics, token: Token) -> Starlette:
    return Starlette(
        routes=[
            Route("/health", alive),
            Route("/healthz", alive),
            Route("/ready", ready(condition)),
            Route("/metrics", MetricsPage(condition, metrics, token).show),
        ]
    )
