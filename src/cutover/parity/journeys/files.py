"""Journeys about files: uploading, listing, downloading, tagging and deleting lists of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from cutover.corpus import UPLOAD_LIMIT, ListFile, large
from cutover.parity.journeys.actions import (
    columns,
    delete,
    download,
    export,
    list_files,
    raw,
    table,
    tags,
    upload,
    upload_list,
)
from cutover.parity.steps import Journey, Step, Upload

_LIST: Final = table(("name", "age"), ("Ada", "36"), ("Grace", "85"))
_OTHER: Final = table(("name", "age"), ("Edsger", "72"))
_GROUPS: Final = 3


def journeys(corpus: Sequence[ListFile]) -> tuple[Journey, ...]:
    """Return all journeys about files. The corpus is divided between several journeys, so that processes can share
    them.
    """
    kinds = [kind for kind in corpus if kind.accepted and not kind.name.startswith("filename_")]
    names = [kind for kind in corpus if kind.name.startswith("filename_")]
    return (
        _ordinary_day(next(kind for kind in kinds if kind.name == "contacts")),
        *(_kinds(number, kinds[number::_GROUPS]) for number in range(_GROUPS)),
        *(_names(number, names[number::2]) for number in range(2)),
        _tags(),
        _several_files(),
        _three_steps(),
        _refused_uploads(),
        _too_large(),
        _again_and_again(),
    )


def _ordinary_day(contacts: ListFile) -> Journey:
    chosen = list(contacts.columns)
    return Journey(
        "an_ordinary_day",
        "10,000 contacts are uploaded, listed, exported by columns and filters, tagged, downloaded and deleted.",
        ("ann",),
        (
            list_files("ann"),
            upload_list("ann", contacts),
            list_files("ann"),
            columns("ann", "contacts"),
            download("ann", "contacts"),
            export("ann", "contacts", chosen),
            export("ann", "contacts", chosen[::-1]),
            export("ann", "contacts", chosen[:2], (chosen[0], ">=", "5000")),
            tags("ann", "contacts", ["customers", "2026"]),
            list_files("ann"),
            delete("ann", "contacts"),
            download("ann", "contacts"),
            columns("ann", "contacts"),
            export("ann", "contacts", chosen),
            tags("ann", "contacts", ["gone"]),
            delete("ann", "contacts"),
            list_files("ann"),
        ),
    )


def _kinds(number: int, kinds: Sequence[ListFile]) -> Journey:
    steps: list[Step] = []
    for kind in kinds:
        steps += [upload_list("ann", kind), columns("ann", kind.name), download("ann", kind.name)]
        chosen = list(dict.fromkeys(kind.columns)) or ["a"]
        steps.append(export("ann", kind.name, chosen[:50]))
        steps.append(export("ann", kind.name, chosen[-1:], (chosen[0], "!=", "")))
    steps.append(list_files("ann"))
    return Journey(
        f"every_kind_of_list_{number + 1}",
        "Lists of every dialect and encoding, and malformed ones, are parsed alike and returned unchanged.",
        ("ann",),
        tuple(steps),
    )


def _names(number: int, names: Sequence[ListFile]) -> Journey:
    steps: list[Step] = []
    for kind in names:
        steps += [upload_list("ann", kind), download("ann", kind.name)]
    return Journey(
        f"awkward_file_names_{number + 1}",
        "File names with quotes, apostrophes, slashes, emoji and letters of many scripts are kept exactly.",
        ("ann",),
        (*steps, list_files("ann"), delete("ann", names[0].name), list_files("ann")),
    )


def _tags() -> Journey:
    wanted: tuple[Any, ...] = (
        ["b", "a", "c"], ["a", "b", "c"], ["one"], [],
        ["Ada", "Grace Hopper"], ["  trimmed\t", "\u00a0both sides\u3000"],
        ["twice", "once", "twice", " twice "], ["Case", "case", "CASE"], ["é", "e\u0301"],
        ["a,b", 'quo"ted', "it's", "<b>"],
        ["x" * 64], ["👩‍💻" * 8], [f"tag {index}" for index in range(50)],
        [*(f"tag {index}" for index in range(50)), "tag 0"],
        ["x" * 65], [f"tag {index}" for index in range(51)], [""], ["   "], [5], [None], [["a"]], "a", None,
        {"a": 1}, True,
        ["nul\0"],
    )  # fmt: skip
    return Journey(
        "tags_of_every_kind",
        "Tags are replaced, trimmed and kept in order. Anything but a list of texts is refused and changes nothing.",
        ("ann",),
        (
            upload("ann", "tagged.csv", _LIST),
            upload("ann", "untagged.csv", _OTHER),
            *(tags("ann", "tagged.csv", labels) for labels in wanted),
            raw("tags", "ann", b"{}", path=_path("tagged.csv")),
            raw("tags", "ann", b"[]", path=_path("tagged.csv"), case="no object"),
            raw("tags", "ann", b'{"tags": ["a"], "tags": ["b"]}', path=_path("tagged.csv")),
            list_files("ann"),
            tags("ann", "tagged.csv", ["z", "m", "a"]),
            list_files("ann"),
        ),
    )


def _several_files() -> Journey:
    return Journey(
        "several_files_of_one_name",
        "Two files with one name are two files. Deleting one keeps the other, and the list is newest first.",
        ("ann",),
        (
            upload("ann", "list.csv", _LIST, saves="first"),
            upload("ann", "list.csv", _OTHER, saves="second"),
            upload("ann", "list.csv", _LIST, saves="third"),
            list_files("ann"),
            download("ann", "first"),
            download("ann", "second"),
            tags("ann", "first", ["oldest"]),
            list_files("ann"),
            delete("ann", "second"),
            list_files("ann"),
            download("ann", "second"),
            download("ann", "third"),
            upload("ann", "list.csv", _OTHER, saves="fourth"),
            list_files("ann"),
            columns("ann", "fourth"),
        ),
    )


def _three_steps() -> Journey:
    """Return a journey with every order of three actions on a file, each followed by a list request."""
    things: dict[str, Callable[[int], Step]] = {
        "upload": lambda n: upload("ann", f"new {n}.csv", _OTHER, saves=f"new {n}"),
        "tags": lambda n: tags("ann", "base", [f"t{n}", "a"]),
        "export": lambda n: export("ann", "base", ["name"], ("age", "<", 80 + n)),
        "download": lambda _: download("ann", "base"),
        "columns": lambda _: columns("ann", "base"),
    }
    steps = [upload("ann", "base.csv", _LIST, saves="base")]
    number = 0
    for first in things:
        for second in things:
            for third in things:
                if len({first, second, third}) == 3:
                    number += 1
                    steps += [things[first](number), things[second](number), things[third](number)]
        steps.append(list_files("ann"))
    return Journey(
        "three_things_in_every_order",
        "Uploading, tagging, exporting, downloading and reading columns in every order of three.",
        ("ann",),
        tuple(steps),
    )


def _refused_uploads() -> Journey:
    part = '--B\r\nContent-Disposition: form-data; name="{}"{}\r\nContent-Type: text/csv\r\n\r\na,b\n1,2\n\r\n--B--\r\n'
    multipart = "multipart/form-data; boundary=B"
    return Journey(
        "refused_uploads",
        "Empty files, other media, wrong parts and broken bodies are refused, and nothing is stored.",
        ("ann",),
        (
            upload("ann", "empty.csv", b""),
            upload("ann", "program.exe", _LIST),
            upload("ann", "list.csv.zip", _LIST),
            upload("ann", "no extension", _LIST),
            upload("ann", ".csv", _LIST),
            upload("ann", "x" * 252 + ".csv", _LIST),
            upload("ann", "x" * 251 + ".csv", _LIST, saves="255 characters"),
            Step("upload", "ann", file=Upload("list.csv", _LIST, "application/pdf"), saves="another type"),
            raw("upload", "ann", part.format("other", '; filename="a.csv"').encode(), multipart),
            raw("upload", "ann", part.format("file", "").encode(), multipart),
            raw("upload", "ann", part.format("file", '; filename=""').encode(), multipart),
            raw("upload", "ann", part.format("file", '; filename="a.csv"')[:60].encode(), multipart),
            raw("upload", "ann", b"--B--\r\n", multipart),
            raw("upload", "ann", b"a,b\n1,2\n", "text/csv"),
            raw("upload", "ann", b'{"file": "a.csv"}'),
            list_files("ann"),
        ),
    )


def _too_large() -> Journey:
    exact, above = large(UPLOAD_LIMIT), large(UPLOAD_LIMIT + 1)
    return Journey(
        "the_largest_file_and_one_byte_more",
        "A file of 50 MiB is accepted and returned. One more byte is refused.",
        ("ann",),
        (
            upload("ann", "largest.csv", exact.content, saves="largest"),
            upload("ann", "too large.csv", above.content, case="too large"),
            list_files("ann"),
            delete("ann", "largest"),
        ),
    )


def _again_and_again() -> Journey:
    looks = (
        list_files("ann"),
        columns("ann", "same.csv"),
        download("ann", "same.csv"),
        export("ann", "same.csv", ["age", "name"], ("age", ">=", 36)),
        tags("ann", "same.csv", ["b", "a"]),
        Step("user", "ann"),
        Step("health", eventually=True),  # a component is unhealthy while it is slow; smoke checks for how long
    )
    return Journey(
        "asked_again_and_again",
        "The second and the third response to the same request are equal to the first.",
        ("ann",),
        (upload("ann", "same.csv", _LIST), *(look for look in looks for _ in range(3)), *looks),
    )


def _path(saved: str) -> dict[str, Any]:
    return dict(download("ann", saved).path)
