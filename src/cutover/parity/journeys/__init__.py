"""Journeys of a parity run: written ones, one per user story; generated.py generates others."""

from cutover.parity.journeys.written import written

__all__ = ["written"]
