"""Errors that end a run with one message.

Rows that cannot be migrated are counted instead (values.NotCarriedError).
"""


class MigrationError(Exception):
    """The run cannot continue: missing settings, a side that does not match the mapping, a journal in use."""


class LeftOutError(MigrationError):
    """A row cannot be migrated, so nothing was written."""
