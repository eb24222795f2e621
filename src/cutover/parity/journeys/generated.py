"""Generate journeys with a state machine while both systems are driven.

The same seed generates the same journeys, as the gate needs it; `cutover parity explore` generates new ones. A
difference does not end a journey, so that it does not hide the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from cutover.parity.journey_in_progress import JourneyInProgress
from cutover.parity.journeys import actions
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.parity.steps import Journey, Own, Step

STEPS: Final = 12
_ACTORS: Final = ("ann", "bob")
_OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=")
_WORDS: Final = (
    "", "a", "A", "b", "Ada", "ada", "Zoë", "Zoe\u0301", " a ", "10", "9", "010", "9.0", "1e1", "-1", ".5", "+3", "abc",
    "1,5", "a,b", 'q"q', "o'n", "x;y", "l1\nl2", "\u00a0", "9007199254740993", "9007199254740992", "ß",
    "SS", "🙂", "=1+1", "NaN",
)  # fmt: skip

_BOM: Final = b"\xef\xbb\xbf"
_ENCODINGS: Final = (("utf-8", b""), ("utf-8", b""), ("utf-8", _BOM), ("cp1252", b""), ("cp1252", _BOM))
_SURROGATES: Final[list[Any]] = ["Cs"]

_cells = st.sampled_from(_WORDS) | st.text(
    st.characters(exclude_categories=_SURROGATES, exclude_characters="\0"), max_size=8
)
_names = st.sampled_from(("name", "age", "a", "b", "a.b", "x,y", "b[0]", "Name", "x y", "é", ""))
_actors = st.sampled_from(_ACTORS)
_file_names = st.builds(
    "{}{}".format,
    st.sampled_from(("list", "O'Brien", 'the "last"', "café", "cafe\u0301", "100%", "a;b", "\u0440\u0443\u0441", "📇",
                     "two  spaces", "x" * 200)),
    st.sampled_from((".csv", ".CSV", ".tsv", ".txt")),
)  # fmt: skip
_tags = st.lists(st.sampled_from(("b", "a", "c", " a ", "A", "é", "e\u0301", "x" * 64, "two words", "🙂")), max_size=6)
_invalid_tags = st.sampled_from(("a", None, 5, {"a": 1}, [5], [""], ["x" * 65], [["a"]]))


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    """Generate a small list: header and rows, with any delimiter, line end and quoting."""
    delimiter = draw(st.sampled_from((",", ",", ";", "\t")))
    end = draw(st.sampled_from(("\r\n", "\n", "\r")))
    header = draw(st.lists(_names, min_size=1, max_size=4))
    rows = draw(st.lists(st.lists(_cells, max_size=5), max_size=6))
    always = draw(st.booleans())

    def field(text: str) -> str:
        quoted = always or any(mark in text for mark in (delimiter, '"', "\r", "\n", ",", ";", "\t"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = [delimiter.join(map(field, row)) for row in (header, *rows)]
    text = end.join(lines) + (end if draw(st.booleans()) else "")
    encoding, mark = draw(st.sampled_from(_ENCODINGS))
    content = mark + text.encode(encoding, "replace") or b"a\n"
    return content + (b'"open' if draw(st.integers(0, 9)) == 0 else b"")  # sometimes a malformed one


_operands = _cells | st.integers(-(2**60), 2**60) | st.sampled_from((10, 9, 1, 0))
_filters = st.one_of(
    st.tuples(_names, st.sampled_from(_OPERATORS), _operands),
    st.tuples(_names, st.just("BETWEEN"), st.lists(_operands, min_size=2, max_size=2)),
    st.tuples(_names, st.just("IN"), st.lists(_operands, min_size=1, max_size=3)),
    st.tuples(_names, st.sampled_from(("LIKE", "", None)), st.none() | st.booleans() | _cells),
)


class FirstError:
    """The first error of a run. It is raised after the generation, not inside of it.

    Hypothesis would play a journey that raised again, and call it flaky if it passes then. A system that was
    unreachable for a moment would be reported as a difference.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def attempt(self, act: Callable[[], Any]) -> Any:
        """Return the result of the call. After the first error nothing is called, and None is returned."""
        if self.error is not None:
            return None
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - raised again by generate
            self.error = error
        return None


def machine(
    player: Player, take: Callable[[PlayedJourney], None], first_error: FirstError
) -> type[RuleBasedStateMachine]:
    """Return a state machine that drives both systems with that player and passes on each played journey."""

    class Journeys(RuleBasedStateMachine):
        """One journey of two users."""

        files = Bundle("files")
        number = 0

        def __init__(self) -> None:
            super().__init__()
            Journeys.number += 1
            self.count = 0
            self.playing: JourneyInProgress | None = None

        @initialize()
        def begin(self) -> None:
            story = "Generated by the state machine."
            journey = Journey(f"generated {Journeys.number}", story, _ACTORS, ())
            self.playing = first_error.attempt(lambda: player.begin(journey))

        def do(self, step: Step) -> None:
            playing = self.playing
            if playing is not None and not playing.played.cut_short:
                first_error.attempt(lambda: playing.step(step))

        @rule(target=files, actor=_actors, name=_file_names, content=_tables())
        def upload(self, actor: str, name: str, content: bytes) -> Any:
            self.count += 1
            saved = f"file {self.count}"
            self.do(actions.upload(actor, name, content, saves=saved))
            return (actor, saved)

        @rule(target=files, file=files, content=_tables())
        def upload_again(self, file: Any, content: bytes) -> Any:
            self.count += 1
            saved = f"file {self.count}"
            self.do(actions.upload(file[0], "list.csv", content, saves=saved))
            return multiple((file[0], saved), file)

        @rule(file=files, labels=_tags)
        def tag(self, file: Any, labels: list[str]) -> None:
            self.do(actions.tags(file[0], file[1], labels))

        @rule(file=files, labels=_invalid_tags)
        def tag_with_invalid_labels(self, file: Any, labels: Any) -> None:
            self.do(actions.tags(file[0], file[1], labels))

        @rule(file=files, chosen=st.lists(_names, min_size=1, max_size=4), filters=st.lists(_filters, max_size=2))
        def cut(self, file: Any, chosen: list[str], filters: list[Any]) -> None:
            self.do(actions.export(file[0], file[1], chosen, *filters))

        @rule(file=files)
        def download(self, file: Any) -> None:
            self.do(actions.download(file[0], file[1]))

        @rule(file=files)
        def columns(self, file: Any) -> None:
            self.do(actions.columns(file[0], file[1]))

        @rule(actor=_actors)
        def look(self, actor: str) -> None:
            self.do(actions.list_files(actor))

        @rule(file=consumes(files))
        def delete(self, file: Any) -> None:
            self.do(actions.delete(file[0], file[1]))
            self.do(actions.list_files(file[0]))

        @rule(file=files, operation=st.sampled_from(("download", "columns", "delete", "tags", "export")))
        def use_others_file(self, file: Any, operation: str) -> None:
            owner, saved = file
            other = "bob" if owner == "ann" else "ann"
            steps = {
                "download": actions.download(other, saved, owner=owner),
                "columns": actions.columns(other, saved, owner=owner),
                "delete": actions.delete(other, saved, owner=owner),
                "tags": actions.tags(other, saved, ["taken"], owner=owner),
                "export": actions.export(other, saved, ["a"], owner=owner),
            }
            self.do(steps[operation])

        @rule(actor=_actors)
        def log_in(self, actor: str) -> None:
            self.do(actions.login(actor))

        @rule(actor=_actors)
        def refresh(self, actor: str) -> None:
            self.do(actions.refresh(actor))
            self.do(actions.user(actor))

        @rule(actor=_actors, body=st.sampled_from((b"{", b"[]", b"null", b'{"username": 5}', b"\xff", b"{}")))
        def malformed_login(self, actor: str, body: bytes) -> None:
            self.do(actions.raw("login", actor, body))

        @rule(actor=_actors)
        def wrong_password(self, actor: str) -> None:
            self.do(actions.login(actor, password=Own("password", after="x")))

        @rule(actor=_actors, name=st.sampled_from(("program.exe", "list", ".csv", "empty.csv")))
        def refused_upload(self, actor: str, name: str) -> None:
            self.do(actions.upload(actor, name, b"" if name == "empty.csv" else b"a\n1\n", saves="refused"))

        def teardown(self) -> None:
            playing = self.playing
            if playing is None:
                return
            if not playing.played.cut_short:
                first_error.attempt(playing.read_back)
            first_error.attempt(lambda: take(playing.played))

    return Journeys


def generate(
    player: Player, take: Callable[[PlayedJourney], None], *, journeys: int, seed: int, steps: int = STEPS
) -> None:
    """Generate and play a number of journeys. The same seed generates the same ones. `take` gets each after its end.

    Raises the first error of `Player.begin`, a step and `take`. Nothing is sent after it.
    """
    first_error = FirstError()
    generated = machine(player, take, first_error)
    quiet = settings(
        max_examples=journeys,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        derandomize=False,  # the seed decides
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(hypothesis.seed(seed)(generated), settings=quiet)
    if first_error.error is not None:
        raise first_error.error
