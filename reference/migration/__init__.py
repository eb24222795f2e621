"""The migration of List Cutter's data: PostgreSQL and media folder to D1 and R2, and back.

A program of its own (reference/migrate.py). Not for judging a migration: the gate does that, and shares
no code with this.
"""
