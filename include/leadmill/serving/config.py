"""What the service is told when it starts."""

from dataclasses import dataclass

from leadmill import settings


@dataclass(frozen=True)
class Config:
    """Limits and addresses of one service.

    ``in_flight`` requests at most are worked on at a time, ``batches`` of them with many entities; one more is refused
    at once, so that those accepted are answered soon. Sizes are in bytes, times in seconds.
    """

    database_url: str
    mlflow_url: str
    default_use_case: str | None = None
    in_flight: int = 64
    batches: int = 2
    connections: int = 8
    largest_body: int = 256 * 1024
    largest_batch: int = 32 * 1024 * 1024
    largest_query: int = 48 * 1024
    most_entities: int = 10_000
    database_seconds: float = 2.0
    champion_poll: float = 1.0
    keys_poll: float = 1.0
    clock_poll: float = 5.0
    log_flush: float = 0.05
    log_buffer: int = 50_000


def from_environment() -> Config:
    """The service's configuration by this process's settings. Raises MissingSetting."""
    current = settings.current()
    return Config(current.database_url, current.mlflow_url, default_use_case=current.default_use_case)
