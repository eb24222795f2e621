"""The id of production's database is still the placeholder of the plan. Control: the id of another database."""

from surroundings.presented import Presented, exchanged

ID = "5d3f2a10-6c1e-4b9a-9f0d-2f7c1f0a8e01"  # of production, and of the two colours on its data


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the id in the three environments that use the database."""
    other = "PRODUCTION_DB_ID" if planted else "c2f9a1d4-8b63-4e57-a0de-91b7343c5f02"
    presented.wrangler = exchanged(presented.wrangler, ID, other, count=3)
