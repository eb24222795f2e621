"""Which files the corpus has, and how one is found by its name.

The files themselves are described in the modules beside this one; large files are made to measure and
are not listed.
"""

from functools import cache

from cutover.corpus.listfile import ListFile


@cache
def list_files() -> tuple[ListFile, ...]:
    """Every file of the corpus, always in the same order; its bytes are made when they are asked for."""
    # Here and not above: who only needs a large file, or the names of this package, pays for none of it.
    from cutover.corpus import contacts, dialects, encodings, filenames, malformed, shapes

    return (
        *contacts.files(),
        *dialects.files(),
        *encodings.files(),
        *shapes.files(),
        *malformed.files(),
        *filenames.files(),
    )


@cache
def _by_name() -> dict[str, ListFile]:
    return {file.name: file for file in list_files()}


def list_file(name: str) -> ListFile:
    """The file of that name.

    Raises:
        KeyError: there is none; the message lists the names that there are.
    """
    try:
        return _by_name()[name]
    except KeyError:
        raise KeyError(f"no list file {name!r}; there are: {', '.join(_by_name())}") from None
