"""Fixtures of these tests."""

from support import crm

__all__ = ["crm"]
