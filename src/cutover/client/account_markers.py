"""Search each answer for data of other test accounts.

The name, the e-mail address and the marked files of a test account contain its marker, `cutover-RUN-RANDOM-N`. No other
text has this form. So an answer with the marker of another account discloses data of that account, also of one that
another process or another run created. An answer may repeat what its request contained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote

from cutover.client.request import Answer, Request
from cutover.core.recorder import Recorder
from cutover.core.secrets import Secret

NAMESPACE: Final = "cutover"
MAIL_DOMAIN: Final = "cutover.invalid"
ATTACHMENT: Final = "foreign data"
"""The key of the findings in the attachments of a check's record."""

_MARKED: Final = re.compile(
    rb"cutover-[0-9a-z]+-[0-9a-f]{6,}-\d+(?:@" + re.escape(MAIL_DOMAIN.encode()) + rb"|-[a-z]+)?"
)
_NUMBERED: Final = re.compile(r"cutover-[0-9a-z]+-[0-9a-f]{6,}-\d+")
_WORD: Final = re.compile(rb"[A-Za-z0-9_.~+/-]{16,}")
_JWT: Final = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PIECE: Final = 65_536
"""Bytes of a request's body that are searched for what the answer repeats."""
_DOCUMENT: Final = 16_384
"""Bytes of the longest answer that is searched for new tokens."""
_SHORTEST: Final = 8
"""Characters of the shortest credential that is taken for a proof of identity."""
_SYSTEMS: Final = ("worker", "legacy")
_KEPT: Final = 20
"""Findings that one check keeps."""


class AccountMarkers:
    """The credentials of the accounts that this process uses, and the search for markers of all others."""

    def __init__(self) -> None:
        self._owners: dict[str, set[str]] = {}
        self._markers: set[str] = set()

    def add(self, marker: str, *credentials: Secret | str) -> None:
        """Note that these passwords or tokens prove the account of a marker."""
        for each in credentials:
            text = each.reveal() if isinstance(each, Secret) else each
            if marker and len(text) >= _SHORTEST:
                self._markers.add(marker)
                self._owners.setdefault(text.rstrip("="), set()).add(marker)

    def marker_of(self, token: Secret) -> str | None:
        """Return the marker of the account with this token, None if it is not known."""
        return next(iter(sorted(self._owners.get(token.reveal().rstrip("="), ()))), None)

    def search(self, request: Request, answer: Answer, recorder: Recorder) -> None:
        """Search an answer, and attach what it discloses to the record of the running check."""
        if request.system not in _SYSTEMS:
            return  # a database or a bucket, which the suite reads with its own rights
        head = b"\n".join(value for _, value in answer.headers.raw)
        sent = _Sent(request)
        if request.operation == "register" and answer.status < 300:
            self._share(sent)
        if answer.status < 300 and len(answer.body) <= _DOCUMENT and b"eyJ" in answer.body:
            self._learn(sent, answer.body)
        found = self.foreign(answer.body, sent) | self.foreign(head, sent)
        attach(recorder, request.system, request.operation, answer.status, answer.request_id, found)

    def foreign(self, received: bytes, sent: _Sent) -> set[str]:
        """Return the marked texts of other accounts in an answer, which its request did not contain.

        Empty if the request has a token of an account that is not known: no one can tell whose data is in the answer.
        """
        if b"cutover-" not in received:
            return set()
        found = {match[0].decode() for match in _MARKED.finditer(received)}
        owners = self._owners_of(sent) if found else None
        if owners is None:
            return set()
        return {text for text in found if text not in sent.lowered and not self._is_of(text, owners)}

    def _is_of(self, text: str, owners: set[str]) -> bool:
        """Return True if a marked text is of one of these accounts. Its name may continue with further digits."""
        marker = _NUMBERED.match(text)
        if marker is not None and marker[0] in self._markers:
            return marker[0] in owners
        return text.startswith(tuple(owners))

    def _owners_of(self, sent: _Sent) -> set[str] | None:
        """Return the markers whose credentials the request contains, None if it contains an unknown token."""
        token = sent.authorization
        if token is not None and token.rstrip("=") not in self._owners:
            return None
        return set().union(*(self._owners.get(word, ()) for word in sent.words))

    def _share(self, sent: _Sent) -> None:
        """Note that an accepted registration with the address of another account has this address from now on.

        Whether several accounts may have one address is the choice of a deployment, which other checks judge.
        """
        for text in _NUMBERED.findall(sent.lowered):
            for word in sent.words & self._owners.keys():
                self.add(text, word)

    def _learn(self, sent: _Sent, body: bytes) -> None:
        """Note the tokens of a successful answer as credentials of the account that the request proved."""
        for marker in self._owners_of(sent) or ():
            self.add(marker, *(match[0].decode() for match in _JWT.finditer(body)))


class _Sent:
    """The text of a request. It is made when an answer contains a marker or a token, which few answers do."""

    def __init__(self, request: Request | None = None, *, text: Callable[[], bytes] | None = None) -> None:
        self._request, self._make = request, text
        self._text: bytes | None = None

    @property
    def text(self) -> bytes:
        """Return the URL, the headers and the first 64 KiB of each body."""
        if self._text is None:
            self._text = self._make() if self._make is not None else b"\n".join(_pieces(self._request))
        return self._text

    @property
    def lowered(self) -> str:
        """Return the text in lower case: a system may repeat an e-mail address in another case than it was sent."""
        return self.text.decode("utf-8", "replace").lower()

    @property
    def authorization(self) -> str | None:
        """Return the value of the header Authorization, None without a word that could be a credential."""
        found = re.search(rb"(?im)^authorization: *(?:[a-z]+ +)?([A-Za-z0-9_.~+/-]{8,})", self.text)
        return found[1].decode() if found else None

    @property
    def words(self) -> set[str]:
        """Return the words of the request that may be passwords or tokens."""
        words = {match[0].decode() for match in _WORD.finditer(self.text)}
        words |= {match[0].decode() for match in _JWT.finditer(self.text)}
        document = self._request.json if self._request is not None else None
        if isinstance(document, dict):
            words |= {value.rstrip("=") for value in document.values() if isinstance(value, str)}
        return words


def sent_raw(text: Callable[[], bytes]) -> _Sent:
    """Return a request that was sent byte by byte. text: returns its first bytes."""
    return _Sent(text=text)


def attach(recorder: Recorder, system: str, operation: str, status: int, request_id: str, found: Iterable[str]) -> None:
    """Attach the disclosed texts of one answer to the record of the running check."""
    for text in sorted(found):
        kept: list[dict[str, Any]] = recorder.attachments.setdefault(ATTACHMENT, [])
        if len(kept) < _KEPT:
            answer = {"system": system, "operation": operation, "status": status, "request": request_id}
            kept.append({**answer, "contains": text})


def _pieces(request: Request | None) -> Iterable[bytes]:
    """Yield the parts of a request in which an answer may have found what it repeats."""
    if request is None:
        return
    yield request.url.encode()
    yield unquote(request.url).encode("utf-8", "surrogatepass")
    for name, value in request.headers.items():
        yield f"{name}: {value}".encode("utf-8", "surrogateescape")
    if request.json is not None:
        yield json.dumps(request.json, ensure_ascii=False).encode("utf-8", "surrogatepass")[:_PIECE]
    if request.content is not None:
        yield request.content[:_PIECE]
    for name, content, _ in (request.parts or {}).values():
        yield name.encode("utf-8", "surrogatepass")
        yield content[:_PIECE]
