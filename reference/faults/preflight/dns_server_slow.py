"""The second name server needs 1.5 s for each response. Control: 20 ms."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Delay the responses of the second name server."""
    presented.name_servers[1].delay_ms = 1500 if planted else 20
