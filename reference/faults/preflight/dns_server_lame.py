"""The second name server does not serve the zone. Control: it needs 20 ms for each response."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Make the second name server refuse, or slightly slower."""
    presented.name_servers[1].is_authoritative = not planted
    presented.name_servers[1].delay_ms = 20
