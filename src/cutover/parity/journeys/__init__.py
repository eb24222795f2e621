"""The journeys that every parity run plays: written ones, one a user story; generated.py makes the others."""

from cutover.parity.journeys.written import written

__all__ = ["written"]
