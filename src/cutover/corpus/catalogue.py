"""The list of all files of the corpus. Large files (large.py) are generated on request and not listed."""

from functools import cache

from cutover.corpus.listfile import ListFile


@cache
def list_files() -> tuple[ListFile, ...]:
    """Return all files of the corpus in a fixed order. The bytes of a file are created on first use."""
    # Imported here, because users of large files do not need these modules.
    from cutover.corpus import contacts, dialects, encodings, filenames, malformed, shapes

    return (
        *contacts.files(),
        *dialects.files(),
        *encodings.files(),
        *shapes.files(),
        *malformed.files(),
        *encodings.marked_files(),
        *filenames.files(),
    )


@cache
def _by_name() -> dict[str, ListFile]:
    return {file.name: file for file in list_files()}


def list_file(name: str) -> ListFile:
    """Return the file of that name.

    Raises:
        KeyError: there is no such file; the message lists the existing names.
    """
    try:
        return _by_name()[name]
    except KeyError:
        raise KeyError(f"no list file {name!r}; there are: {', '.join(_by_name())}") from None
