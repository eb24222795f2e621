"""Compare a pair of responses to one step: status, headers, body, and the request ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.client.http import Answer
from cutover.parity import lossless_json
from cutover.parity.accepted_differences import AcceptedDifferences
from cutover.parity.csv_comparison import compare_tables
from cutover.parity.differences import Difference, Kind, Repeated, sample_of
from cutover.parity.error_bodies import ErrorView, compare_errors, view
from cutover.parity.header_comparison import compare_headers, sent_headers
from cutover.parity.id_mapping import IdMapping
from cutover.parity.rules import Rules
from cutover.parity.value_comparison import Comparison
from cutover.systems.target import Result


class ResponseComparison:
    """Compares pairs of responses by the contract's rules and the ID mapping of one journey."""

    def __init__(
        self,
        rules: Rules,
        id_mapping: IdMapping,
        *,
        declared: AcceptedDifferences | None = None,
        show_values: bool = False,
        user_content: bool = False,
    ) -> None:
        """Prepare for one journey.

        declared: accepted differences, to find out what the Worker must always add. user_content: users wrote the
        lists, so no path contains a name of a column.
        """
        self._rules, self._id_mapping, self._declared, self._show = rules, id_mapping, declared, show_values
        self._named_columns = show_values or not user_content
        self.filled: set[tuple[str, str]] = set()
        """(operation, path) of the lists that had elements on both sides."""

    def compare(self, baseline: Result, candidate: Result, *, case: str = "") -> list[Difference]:
        """Return all differences of the two responses."""
        name = candidate.operation.name
        found = _Findings(name, case, self._show)
        if baseline.status != candidate.status:
            found.report("status", Kind.STATUS, str(baseline.status), str(candidate.status), None, None)
        elif baseline.status >= 500:
            found.report(
                "status",
                Kind.SEMANTICS,
                f"{baseline.status}, a server error on both",
                str(candidate.status),
                None,
                None,
            )
        ignored = self._rules.ignored_headers
        compare_headers(
            baseline.answer.headers.multi_items(),
            candidate.answer.headers.multi_items(),
            ignored,
            found.report,
            urls=(baseline.answer.request.url, candidate.answer.request.url),
        )
        ours, theirs = _request_id(baseline.answer), _request_id(candidate.answer)
        if ours != theirs:
            found.report("header:x-request-id", Kind.SEMANTICS, ours, theirs, None, None)
        if (baseline.status < 400) == (candidate.status < 400):
            self._bodies(baseline, candidate, found)
        if self._declared is not None:
            sent = sent_headers(candidate.answer.headers.multi_items(), candidate.answer.request.url)
            found.differences += self._declared.lost(name, case, lambda path: path in sent)
        return found.differences

    def compare_documents(self, baseline: Any, candidate: Any, *, operation: str) -> list[Difference]:
        """Return all differences of two JSON values that are not responses, such as stored state."""
        found = _Findings(operation, "", self._show)
        self._values(baseline, candidate, operation, found)
        return found.differences

    def _values(self, baseline: Any, candidate: Any, operation: str, found: _Findings) -> None:
        filled: set[str] = set()
        try:
            comparison = Comparison(self._id_mapping, found.report, filled)
            comparison.compare(baseline, candidate, self._rules.root(operation))
            self.filled |= {(operation, path) for path in filled}
        except RecursionError:  # lossless_json reads deeper nesting than a recursive walk can follow
            found.report("body", Kind.SEMANTICS, "JSON", "nested too deeply to compare", None, None)

    def _bodies(self, baseline: Result, candidate: Result, found: _Findings) -> None:
        ours, theirs = baseline.body, candidate.body
        if ours == theirs and not ours:
            return
        if not ours or not theirs:
            words = ["a body" if body else "empty" for body in (ours, theirs)]
            found.report("body", Kind.EXTRA if theirs else Kind.MISSING, words[0], words[1], ours, theirs)
            return
        failed = baseline.status >= 400
        body = "json" if failed else self._rules.body_of(candidate.operation.name)
        if body == "bytes":
            if ours != theirs:
                found.report("body", Kind.VALUE, "bytes", "other bytes", ours, theirs)
        elif body == "csv":
            compare_tables(ours, theirs, found.report, named=self._named_columns)
        else:
            self._json(baseline, candidate, found, failed=failed)

    def _json(self, baseline: Result, candidate: Result, found: _Findings, *, failed: bool) -> None:
        read = []
        for result in (baseline, candidate):
            try:
                read.append((lossless_json.read(result.body), ""))
            except lossless_json.NotJson as error:
                read.append((None, f"not JSON: {error}"))
        (ours, no), (theirs, neither) = read
        if no or neither:
            if baseline.body != candidate.body:
                found.report("body", Kind.TYPE, no or "JSON", neither or "JSON", baseline.body, candidate.body)
            return
        name = candidate.operation.name
        if failed:
            forms = self._rules.errors[baseline.operation.system], self._rules.errors[candidate.operation.system]
            if forms[0].form != forms[1].form:
                compare_errors(self._view(baseline, ours), self._view(candidate, theirs), found.report)
                self._error_echo(candidate, theirs, found)
                return
        try:
            ours = self._with_worker_names(ours, baseline, name)
            theirs = self._with_worker_names(theirs, candidate, name)
        except RecursionError:
            pass  # too deep to rename and to compare: _values reports it
        self._values(ours, theirs, name, found)

    def _with_worker_names(self, body: Any, result: Result, name: str) -> Any:
        """Return the body with the Worker's field names, for a body of either system."""
        if not isinstance(body, dict) or result.operation.system != "legacy":
            return body
        return rename_fields(body, self._rules.moves[name])

    def _view(self, result: Result, body: Any) -> ErrorView:
        system = result.operation.system
        return view(body, self._rules.errors[system], self._rules.fields[(system, result.operation.name)])

    def _error_echo(self, result: Result, body: Any, found: _Findings) -> None:
        """Report an error body that contains the id of another request."""
        inner = body.get("error") if isinstance(body, dict) else None
        echoed = inner.get("request_id") if isinstance(inner, dict) else None
        if isinstance(echoed, str) and echoed != result.answer.request_id:
            found.report("/error/request_id", Kind.SEMANTICS, "the request's id", "another id", "", "")


def _request_id(answer: Answer) -> str:
    """Return what X-Request-Id of a response is. Each system is compared with its own request."""
    echoed = answer.headers.get("x-request-id")
    return "absent" if not echoed else "the request's id" if echoed == answer.request_id else "another id"


class _Findings:
    def __init__(self, operation: str, case: str, show_values: bool) -> None:
        self.differences: list[Difference] = []
        self._operation, self._case, self._show = operation, case, show_values

    def report(self, path: str, kind: Kind, ours: str, theirs: str, baseline: Any, candidate: Any) -> None:
        sample: Mapping[str, str] = {}
        if baseline is not None or candidate is not None:
            sample = sample_of(baseline, candidate, show_values=self._show)
        path = path or "body"  # the root of a JSON body
        self.differences.append(Difference(self._operation, path, kind, ours, theirs, self._case, sample))


def rename_fields(document: dict[str, Any], moves: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return the legacy's document with each field at the Worker's pointer. An existing field there is kept."""
    if not moves:
        return document
    result: dict[str, Any] = _copied(document)
    for old, new in moves:
        _move(result, old.removeprefix("/").split("/"), new.removeprefix("/").split("/"))
    return result


def _move(value: Any, old: list[str], new: list[str]) -> None:
    while old and new and old[0] == new[0] and len(old) > 1 and len(new) > 1:
        if old[0] == "*":
            for element in value if isinstance(value, list) else ():
                _move(element, old[1:], new[1:])
            return
        value = value.get(old[0]) if isinstance(value, dict) else None
        old, new = old[1:], new[1:]
    source, above = value, []
    for key in old[:-1]:
        above.append((source, key))
        source = source.get(key) if isinstance(source, dict) else None
    if not isinstance(source, dict) or isinstance(source, Repeated) or old[-1] not in source:
        return
    goal = value
    for key in new[:-1]:
        goal = goal.setdefault(key, {}) if isinstance(goal, dict) else None
    if isinstance(goal, dict) and new[-1] not in goal:
        goal[new[-1]] = source.pop(old[-1])
        for holder, key in reversed(above):  # remove objects that became empty
            if holder[key]:
                break
            del holder[key]


def _copied(value: Any) -> Any:
    if isinstance(value, Repeated):
        return Repeated((key, _copied(inner)) for key, inner in value.pairs)
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
