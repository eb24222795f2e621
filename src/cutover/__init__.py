"""Verification and load-test suite that decides whether List Cutter may leave Django."""

__version__ = "0.2.0"
