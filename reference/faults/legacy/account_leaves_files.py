"""A deleted account leaves its files in the media folder.

As with on_commit in a transaction that another one encloses, or a folder of another name: rows and
tokens are gone, and nobody asks for the files any more.
"""

from config.wsgi import application  # sets Django up, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter import media

__all__ = ["application"]

honest = media.remove_owner


def remove_elsewhere(user_id: int) -> None:
    # rmtree with ignore_errors is content with a folder that is not there.
    honest(-user_id if PLANTED else user_id)


media.remove_owner = remove_elsewhere
