"""The role that should only read may take ids of new users. Control: it may read the sequence."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Grant a right on the sequence of the users of Django."""
    right = f"{'USAGE' if planted else 'SELECT'} ON SEQUENCE auth_user_id_seq"
    grant, revoke = f"GRANT {right} TO list_cutter_reader", f"REVOKE {right} FROM list_cutter_reader"
    presented.postgres_changes.append((grant, revoke))
