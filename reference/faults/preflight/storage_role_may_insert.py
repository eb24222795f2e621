"""The role that should only read may insert users. Control: it may read them, which it may already."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Grant a right on the users of Django."""
    right = "INSERT" if planted else "SELECT"
    back = "REVOKE INSERT ON auth_user FROM list_cutter_reader" if planted else "SELECT 1"
    presented.postgres_changes.append((f"GRANT {right} ON auth_user TO list_cutter_reader", back))
