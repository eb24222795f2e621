"""Requests of a recording (HAR, access log) sent to both systems, and the answers compared.

Not for journeys that are written or generated: parity/journeys. Only safe methods are sent, in order.
"""
