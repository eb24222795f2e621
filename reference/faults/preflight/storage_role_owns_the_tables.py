"""The suite reads with Django's own role. Control: with the role that only reads, named again."""

from faults.preflight.lib.pair_secrets import exchanged_secrets
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Name the variable with the DSN."""
    variable = "postgres_writer_dsn" if planted else "postgres_dsn"
    presented.environment["secrets"] = exchanged_secrets(postgres_dsn=variable)
