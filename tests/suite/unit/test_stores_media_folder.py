"""Files of the media folder are read byte for byte, and no path reads anything outside of it."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core.errors import CheckFailed, Refused
from cutover.stores import ListedFile, MediaFolder, StoredFile
from cutover.stores.media import PIECE_BYTES

pytestmark = pytest.mark.unit

BYTES = b"\xef\xbb\xbfa,b\r\n\0\xff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a media folder with one file, next to a file that must not be read through it."""
    (tmp_path / "outside.csv").write_bytes(b"outside")
    media = tmp_path / "media"
    (media / "uploads" / "7").mkdir(parents=True)
    (media / "uploads" / "7" / "a.csv").write_bytes(BYTES)
    return media


def test_file_has_size_and_hash(folder: Path) -> None:
    """Size and SHA-256 are those of the bytes. A missing file is None, also below a file."""
    media = MediaFolder(folder)
    found = media.get("uploads/7/a.csv")
    assert found == StoredFile("uploads/7/a.csv", len(BYTES), hashlib.sha256(BYTES).hexdigest())
    assert media.get("uploads/7/b.csv") is None
    assert media.get("uploads/8/a.csv") is None
    assert media.get("uploads/7/a.csv/b") is None


def test_file_is_read_in_pieces(folder: Path) -> None:
    """A large file is never read into memory as a whole."""
    (folder / "large").write_bytes(bytes(2 * PIECE_BYTES + 1))
    pieces = MediaFolder(folder).pieces("large")
    assert pieces is not None
    assert [len(piece) for piece in pieces] == [PIECE_BYTES, PIECE_BYTES, 1]
    (folder / "empty").touch()
    assert MediaFolder(folder).get("empty") == StoredFile("empty", 0, hashlib.sha256().hexdigest())


@pytest.mark.parametrize(
    "path",
    [
        "../outside.csv",
        "uploads/../../outside.csv",
        "uploads/../uploads/7/a.csv",
        "..",
        "",
        "/etc/passwd",
        "uploads/7/a.csv\0.csv",
        "link.csv",
        "folder_link/outside.csv",
        "two_steps/outside.csv",
    ],
)
def test_path_outside_the_folder_is_refused(folder: Path, path: str) -> None:
    """Nothing is read through "..", from the root, or through symbolic links."""
    (folder / "link.csv").symlink_to("../outside.csv")
    (folder / "folder_link").symlink_to("..")
    (folder / "inner").symlink_to("folder_link")
    (folder / "two_steps").symlink_to("inner")
    with pytest.raises(Refused, match="path refused"):
        MediaFolder(folder).get(path)
    with pytest.raises(Refused, match="path refused"):
        list(MediaFolder(folder).list(path))


def test_link_within_the_folder_is_followed(folder: Path) -> None:
    """Links are followed as in Django. The folder itself may be a link."""
    (folder / "uploads" / "8").symlink_to("7")
    (folder.parent / "mounted").symlink_to(folder)
    for media in (MediaFolder(folder), MediaFolder(folder.parent / "mounted")):
        found = media.get("uploads/8/a.csv")
        assert found is not None
        assert found.size == len(BYTES)


def test_path_that_is_no_file_fails(folder: Path) -> None:
    """A folder, a pipe without a writer and a circle of links are failed checks at once."""
    os.mkfifo(folder / "pipe")
    (folder / "one").symlink_to("other")
    (folder / "other").symlink_to("one")
    for path, words in (("uploads", "regular file"), ("pipe", "regular file"), ("one", "circle|symbolic links")):
        with pytest.raises(CheckFailed, match=words):
            MediaFolder(folder).get(path)


def test_listing_contains_all_entries(folder: Path) -> None:
    """Hidden files, inner folders, pipes and links are listed in order, and nothing outside the folder."""
    below = folder / "uploads" / "7"
    (below / ".hidden").touch()
    (below / "inner").mkdir()
    (below / "inner" / "b.csv").write_bytes(b"12")
    (below / "link").symlink_to("..")
    os.mkfifo(below / "pipe")
    (folder / "uploads" / "70").mkdir()
    (folder / "uploads" / "70" / "x.csv").touch()
    assert list(MediaFolder(folder).list("uploads/7")) == [
        ListedFile(".hidden", 0),
        ListedFile("a.csv", len(BYTES)),
        ListedFile("inner/b.csv", 2),
        ListedFile("link", None),
        ListedFile("pipe", None),
    ]
    assert list(MediaFolder(folder).list("uploads/9")) == []


names = st.sampled_from(["..", ".", "", "uploads", "7", "a.csv", "link", "out", "\0", "/", "~"])


@given(st.lists(names | st.text(max_size=3), max_size=6).map("/".join))
def test_no_path_reads_outside_files(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    """Any path gives the file inside, None, or one of the two failures."""
    base = tmp_path_factory.getbasetemp() / "escape"
    if not base.exists():
        (base / "media" / "uploads" / "7").mkdir(parents=True)
        (base / "media" / "uploads" / "7" / "a.csv").write_bytes(BYTES)
        (base / "a.csv").write_bytes(b"outside")
        (base / "media" / "link").symlink_to("uploads")
        (base / "media" / "out").symlink_to("..")
    try:
        found = MediaFolder(base / "media").get(path)
    except (CheckFailed, Refused):
        return
    assert found is None or found.size == len(BYTES)
