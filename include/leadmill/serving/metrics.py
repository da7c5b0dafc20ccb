"""The service's own figures for Prometheus, and beside them what watching found."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """Counters of one service; each has its own registry, so that two in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        route = ("route", "status")
        self.requests = Counter("leadmill_api_requests", "Requests answered", route, registry=self.registry)
        self.seconds = Histogram(
            "leadmill_api_request_seconds", "From arrival to answer", ("route",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge("leadmill_api_in_flight", "Requests being worked on", registry=self.registry)
        self.refused = Counter("leadmill_api_refused", "Requests refused as too many at once", registry=self.registry)
        self.scored = Counter("leadmill_api_scored", "Entities scored", ("use_case",), registry=self.registry)
        self.logged = Counter("leadmill_api_predictions_logged", "Rows in ops.predictions", registry=self.registry)
        self.dropped = Counter(
            "leadmill_api_predictions_dropped", "Rows that a full buffer dropped", registry=self.registry
        )
        self.champion = Gauge(
            "leadmill_api_champion_version", "Version that serves", ("use_case",), registry=self.registry
        )
        self.swaps = Counter("leadmill_api_champion_swaps", "Champions loaded", ("use_case",), registry=self.registry)

    def exposition(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self.registry)
