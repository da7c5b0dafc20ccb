"""The simulated CRM, the demo of the use case ``leads``: leads arrive, act, change and are won or lost."""

from leadmill.demo.crm.steps import HISTORY_ENDS, CrmSummary, load, simulate

__all__ = ["HISTORY_ENDS", "CrmSummary", "load", "simulate"]
