"""Scheduled arrivals, the engine that sends them, the ledger that counts them, and outages."""
