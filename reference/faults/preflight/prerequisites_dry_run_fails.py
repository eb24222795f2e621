"""The dry run of the migration tool fails: the media folder is missing. Control: the folder, with a slash."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the folder of the media in the command."""
    command = presented.settings["prerequisites"]["dry_run"]["command"]
    place = command.index("--media-root") + 1
    command[place] = str(presented.folder / "no-media") if planted else f"{command[place]}/"
