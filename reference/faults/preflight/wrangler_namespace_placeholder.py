"""The id of production's KV namespace is a placeholder. Control: the id of another namespace."""

from surroundings.presented import Presented, exchanged

ID = "0f2ac74b498b48028cb68387c421e279"  # of production, and of the two colours on its data


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the id in the three environments that use the namespace."""
    other = "<YOUR_KV_NAMESPACE_ID>" if planted else "9e1f4a7720c84d6bb5a3d8f06c21e754"
    presented.wrangler = exchanged(presented.wrangler, ID, other, count=3)
