"""The redirect to HTTPS loses the query. Control: it keeps path and query."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Redirect in front of the Worker."""

    def location(host: str, path: str) -> str:
        return f"https://{host}{path.partition('?')[0] if planted else path}"

    presented.front.redirect = (301, location)
