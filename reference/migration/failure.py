"""What ends a run with one message.

Not for rows that cannot be carried: those are counted (values.NotCarriedError).
"""


class MigrationError(Exception):
    """Nothing more can be done: settings are missing, a side is not as the mapping says, a journal is in use."""


class LeftOutError(MigrationError):
    """Something cannot be carried, and so nothing was written."""
