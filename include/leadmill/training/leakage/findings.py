"""What a leak scan finds."""

from dataclasses import dataclass, field
from typing import Any

RECORDED_AFTER = "recorded_after_the_event"
CHANGED_LATER = "changed_after_the_label_was_known"
DECIDES = "decides_the_label"
MISSINGNESS_DECIDES = "missingness_decides_the_label"
CODES_IDENTITY = "codes_the_identity"
CODES_LABEL = "codes_the_label"
FROM_THE_FUTURE = "from_the_future"
# What a finding is about where it is no feature; ``model.allowed_leaks`` takes these names too.
FEATURES_SQL, ROW_TIMES, OUTCOME_TIMES = "features_sql", "event_timestamp", "outcome_times"


@dataclass(frozen=True)
class Finding:
    """One suspicion: its kind, the feature (or FEATURES_SQL, ROW_TIMES, OUTCOME_TIMES), and the evidence.

    ``sentence`` says the evidence for people, ``figures`` hold it.
    """

    kind: str
    feature: str
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)
