"""The simulated CRM, the demo of the use case ``leads``: leads arrive, act, change and are won or lost."""

from leadmill.demo.crm.steps import CrmSummary, load, simulate
from leadmill.demo.source_steps import HISTORY_ENDS

__all__ = ["HISTORY_ENDS", "CrmSummary", "load", "simulate"]
