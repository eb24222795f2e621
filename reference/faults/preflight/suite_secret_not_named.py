"""The environment names no secret that signs the Worker's tokens. Control: it names all."""

from faults.preflight.lib.pair_secrets import exchanged_secrets
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Name the secrets, without one if planted."""
    names = exchanged_secrets()
    if planted:
        del names["worker_jwt_secret"]
    presented.environment["secrets"] = names
