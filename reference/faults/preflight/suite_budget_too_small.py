"""The request budget is 500 requests in ten hours, so some gates take days. Control: a higher rate."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the request budget."""
    budget = {"requests": 500, "window_s": 36_000} if planted else {"requests": 60_000, "window_s": 6}
    presented.environment["budget"] = budget
