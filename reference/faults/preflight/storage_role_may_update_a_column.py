"""The role that should only read may change e-mail addresses. Control: it may read them."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Grant a right on one column of the users of Django."""
    right = f"{'UPDATE' if planted else 'SELECT'} (email) ON auth_user"
    grant, revoke = f"GRANT {right} TO list_cutter_reader", f"REVOKE {right} FROM list_cutter_reader"
    presented.postgres_changes.append((grant, revoke))
