"""The resolver still has an old address of the API. Control: it has had the right one for a while."""

from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Put an answer into the resolver's cache. The front answers at the old address too, as an old host does."""
    presented.front.addresses = ("127.0.0.1", "127.0.0.9")
    address, left = ("127.0.0.9", 300) if planted else ("127.0.0.1", 217)
    presented.resolver.held[f"api.{ZONE}", "A"] = (left, [address])
