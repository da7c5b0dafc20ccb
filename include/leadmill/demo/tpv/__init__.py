"""The simulated acquirer, the demo of the use case ``tpv``: merchants take cards, grow, stumble and leave."""

from leadmill.demo.source_steps import HISTORY_ENDS
from leadmill.demo.tpv.steps import TpvSummary, load, simulate

__all__ = ["HISTORY_ENDS", "TpvSummary", "load", "simulate"]
