"""Journeys about accounts: registration, sessions, tokens and access control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cutover.parity.journeys.actions import (
    columns,
    delete,
    delete_account,
    download,
    export,
    list_files,
    login,
    logout,
    raw,
    refresh,
    register,
    table,
    tags,
    upload,
    user,
)
from cutover.parity.steps import ANONYMOUS, Journey, Own, Step

_LIST: Final = table(("name", "age"), ("Ada", "36"), ("Grace", "85"))
_GARBAGE: Final = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."


def journeys() -> tuple[Journey, ...]:
    """Return all journeys about accounts."""
    return (
        Journey(
            "account_from_first_to_last_day",
            "A user registers, logs in and out, logs in again, and deletes the account.",
            ("ann",),
            (
                user("ann"),
                login("ann"),
                user("ann"),
                user("ann", bearer="old access"),
                refresh("ann"),
                user("ann"),
                logout("ann"),
                user("ann", case="access token after logout", eventually=True),
                refresh("ann", eventually=True),
                login("ann"),
                upload("ann", "mine.csv", _LIST),
                delete_account("ann", "not-the-password"),
                list_files("ann"),
                delete_account("ann"),
                login("ann"),
            ),
        ),
        Journey(
            "sessions_side_by_side",
            "A user is logged in twice; logging out of one session leaves the other.",
            ("ann", "bob"),
            (
                login("ann"),
                upload("ann", "shared.csv", _LIST),
                list_files("ann", bearer="old access"),
                logout("ann", Own("refresh_token", "bob")),  # another user's token: nothing is revoked
                user("ann"),
                refresh("bob"),
                user("bob"),
                logout("bob"),
                refresh("bob", eventually=True),
                refresh("ann"),
                user("ann"),
                list_files("ann"),
            ),
        ),
        Journey(
            "work_goes_on_after_a_refresh",
            "With a refreshed token all responses are the same as before.",
            ("ann",),
            (
                upload("ann", "before.csv", _LIST),
                tags("ann", "before.csv", ["b", "a"]),
                list_files("ann"),
                refresh("ann"),
                user("ann"),
                list_files("ann"),
                download("ann", "before.csv"),
                columns("ann", "before.csv"),
                export("ann", "before.csv", ["age", "name"], ("age", ">", 40)),
                upload("ann", "after.csv", _LIST),
                tags("ann", "after.csv", ["z", "c"]),
                list_files("ann"),
                refresh("ann"),
                list_files("ann"),
                delete("ann", "before.csv"),
                list_files("ann"),
            ),
        ),
        _registration_mistakes(),
        Journey(
            "names_of_many_kinds",
            "User names and e-mails with all allowed kinds of characters are returned unchanged.",
            ("ann",),
            (
                register("one"),
                register("two"),
                register("three"),
                register("four", email=Own("email", "four", change="capital")),
                register("five", email=Own("email", "five", before="O'Brien+list.")),
                login("four"),
                user("four"),
                login("five"),
                user("five"),
                login("one"),
                login("two"),
                user("two"),
                login("three"),
                user("three"),
                login("three", username=Own("username", "three", change="upper")),  # another name: case differs
            ),
            spares={"one": ".Ünï+cödé_-@", "two": "ЖенщинаИмя", "three": "MiXed", "four": "", "five": ""},
        ),
        Journey(
            "login_mistakes",
            "Login with wrong passwords and names, and with malformed bodies.",
            ("ann",),
            (
                login("ann", password="wrong-password-1"),  # noqa: S106 - sent to be refused
                login("ann", username=Own("username", "ann", after=" ")),
                login("ann", username=Own("username", "ann", change="upper")),
                login("ann", username="cutover-nobody"),
                login("ann", password=""),
                login("ann", username=""),
                login("ann", username=None),
                login("ann", username=5),
                login("ann", username=["a"]),
                raw("login", ANONYMOUS, b'{"username": "ann", "password": "\\ud800"}'),
                raw("login", ANONYMOUS, b'{"username": "a\\u0000b", "password": "x"}'),
                raw("login", ANONYMOUS, b"{"),
                raw("login", ANONYMOUS, b"{}"),
                raw("login", ANONYMOUS, b"null"),
                raw("login", ANONYMOUS, b'{"username": 1, "username": "a", "password": "b"}'),
                raw("login", ANONYMOUS, b"username=ann&password=x", "application/x-www-form-urlencoded"),
                raw("login", ANONYMOUS, b"<login/>", "application/xml"),
                refresh("ann", "no token"),
                refresh("ann", ""),
                refresh("ann", None),
                refresh("ann", _GARBAGE),
                refresh("ann", Own("access_token")),
                raw("refresh", ANONYMOUS, b"{}"),
                logout("ann", "no token"),
                logout("ann", Own("access_token")),
                user("ann"),
            ),
        ),
        _without_a_token(),
        Journey(
            "somebody_elses_file",
            "A file of another user is not found, for reading and for writing, and does not change.",
            ("ann", "bob"),
            (
                upload("ann", "hers.csv", _LIST),
                tags("ann", "hers.csv", ["kept"]),
                upload("bob", "his.csv", _LIST),
                download("bob", "hers.csv", owner="ann"),
                columns("bob", "hers.csv", owner="ann"),
                export("bob", "hers.csv", ["name"], owner="ann"),
                tags("bob", "hers.csv", ["taken"], owner="ann"),
                delete("bob", "hers.csv", owner="ann"),
                list_files("bob"),
                list_files("ann"),
                download("ann", "hers.csv"),
                delete("ann", "hers.csv"),
                download("bob", "hers.csv", owner="ann"),
                delete("bob", "hers.csv", owner="ann"),
                delete_account("ann"),
                list_files("bob"),
                download("bob", "his.csv"),
            ),
        ),
        Journey(
            "administrators_own_and_others_files",
            "An administrator's list contains only own files. Files of other users are not found.",
            ("ann", "root"),
            (
                user("root"),
                upload("ann", "hers.csv", _LIST),
                upload("root", "his.csv", _LIST),
                list_files("root"),
                download("root", "his.csv"),
                download("root", "hers.csv", owner="ann"),
                columns("root", "hers.csv", owner="ann"),
                export("root", "hers.csv", ["name"], owner="ann"),
                tags("root", "hers.csv", ["x"], owner="ann"),
                delete("root", "hers.csv", owner="ann"),
                list_files("ann"),
            ),
            admins=("root",),
        ),
        Journey(
            "what_is_not_there",
            "Health, an unknown path, and methods that an operation does not support.",
            ("ann",),
            (
                Step("health", eventually=True),
                Step("health", eventually=True),
                Step("no_such_operation"),
                Step("no_such_operation", "ann"),
                Step("user", "ann", method="PUT"),
                Step("user", "ann", method="POST"),
                Step("user", "ann", method="HEAD"),
                Step("list_files", "ann", method="DELETE"),
                Step("list_files", "ann", method="HEAD"),
                Step("login", method="GET"),
                Step("download", "ann", path={"file_id": "00000000-0000-4000-8000-000000000000"}),
                Step("download", "ann", path={"file_id": "no-uuid"}),
                Step("columns", "ann", path={"file_id": "00000000-0000-4000-8000-000000000000"}),
                Step("delete", "ann", path={"file_id": "00000000-0000-4000-8000-000000000000"}),
                Step("tags", "ann", path={"file_id": "00000000-0000-4000-8000-000000000000"}, fields={"tags": []}),
                Step("export", "ann", path={"file_id": "00000000-0000-4000-8000-000000000000"},
                     fields={"columns": ["a"], "filters": []}),
            ),
        ),
    )  # fmt: skip


def _registration_mistakes() -> Journey:
    """Return a journey in which each mistake has its own name and e-mail.

    So an accepted mistake does not take the name of the next one, which would then be refused for another reason.
    """
    one, other = "short", "another-one-1"
    mistakes: tuple[Callable[[str], dict[str, Any]], ...] = (
        lambda _: {"username": Own("username", "ann")},
        lambda _: {"email": Own("email", "ann")},
        lambda _: {"email": Own("email", "ann", change="upper")},
        lambda new: {"username": Own("username", new, before=" ", after=" ")},
        lambda _: {"username": "ab"},
        lambda new: {"username": Own("username", new, after="a" * 151)},
        lambda new: {"username": Own("username", new, before="no spaces ")},
        lambda new: {"username": Own("username", new, before="<b>")},
        lambda _: {"username": ""},
        lambda _: {"username": None},
        lambda _: {"username": 5},
        lambda new: {"username": [Own("username", new)]},
        lambda new: {"username": Own("username", new, after="nul\0")},
        lambda _: {"email": "no address"},
        lambda _: {"email": ""},
        lambda _: {"password": one, "password_again": one},
        lambda _: {"password_again": other},
    )
    named = [(f"mistake {number}", fields) for number, fields in enumerate(mistakes, 1)]
    return Journey(
        "registration_mistakes",
        "Registration with names that are taken or not allowed, weak or unequal passwords, or missing fields.",
        ("ann",),
        (
            register("ann"),  # name is taken
            *(register(new, **fields(new)) for new, fields in named),
            raw("register", ANONYMOUS, b"{}"),
            raw("register", ANONYMOUS, b"", case="empty body"),
            raw("register", ANONYMOUS, b"[1, 2"),
            raw("register", ANONYMOUS, b'"text"'),
            raw("register", ANONYMOUS, b"\xff\xfe"),
            *(login(new) for new, fields in named if "username" not in fields(new)),  # no account was created
            user("ann"),
        ),
        spares=dict.fromkeys((new for new, _ in named), ""),
    )


def _without_a_token() -> Journey:
    """Return a journey in which each kind of wrong token is tried on its own account and file.

    So a deletion that is accepted with one of them does not change the responses to the next one.
    """
    bearers = {"ann": None, "bob": "garbage", "eve": _GARBAGE, "joe": "refresh"}
    return Journey(
        "without_a_token",
        "No data of a user is accessible without a token, with garbage, or with a refresh token.",
        tuple(bearers),
        tuple(
            step
            for actor, bearer in bearers.items()
            for mine in (f"private {actor}.csv",)
            for step in (
                upload(actor, mine, _LIST),
                user(actor, bearer=bearer),
                list_files(actor, bearer=bearer),
                upload(actor, "intruder.csv", _LIST, saves=f"intruder of {actor}", bearer=bearer),
                download(actor, mine, bearer=bearer),
                columns(actor, mine, bearer=bearer),
                export(actor, mine, ["name"], bearer=bearer),
                tags(actor, mine, ["x"], bearer=bearer),
                delete(actor, mine, bearer=bearer),
                logout(actor, bearer=bearer),
                delete_account(actor, bearer=bearer),
                list_files(actor),
                download(actor, mine),
            )
        ),
    )
