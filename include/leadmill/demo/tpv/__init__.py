"""The simulated acquirer, the demo of the use case ``tpv``: merchants take cards, grow, stumble and leave."""

from leadmill.demo.tpv.steps import HISTORY_ENDS, TpvSummary, load, simulate

__all__ = ["HISTORY_ENDS", "TpvSummary", "load", "simulate"]
