"""The second name server does not respond. Control: it needs 20 ms for each response."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Make the second name server silent, or slightly slower."""
    presented.name_servers[1].answers = not planted
    presented.name_servers[1].delay_ms = 20
