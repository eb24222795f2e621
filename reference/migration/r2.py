"""R2 over S3: put, read, list and remove many objects at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import obstore
from obstore.store import S3Store

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 16
"""Concurrent requests, one connection each. https://developers.cloudflare.com/r2/ names no limit."""


@dataclass(frozen=True)
class Upload:
    """An object, new or previous. attributes: headers by their names; all others are user metadata."""

    key: str
    content: bytes
    attributes: dict[str, str]


@dataclass(frozen=True)
class Listed:
    key: str
    size: int
    etag: str


class R2:
    """A bucket."""

    def __init__(self, endpoint: str, bucket: str, access_key: str, secret_key: str) -> None:
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            access_key_id=access_key,
            secret_access_key=secret_key,
            region="auto",  # R2 has no other
            virtual_hosted_style_request=False,
            client_options={"allow_http": endpoint.startswith("http://")},
        )

    def put(self, uploads: Iterable[Upload]) -> None:
        """Put all objects, each in one part, so that its ETag is its MD5."""
        _at_once(self._put, list(uploads))

    async def _put(self, upload: Upload) -> None:
        attributes = dict(upload.attributes)
        await obstore.put_async(self._store, upload.key, upload.content, attributes=attributes, use_multipart=False)

    def get(self, key: str) -> Upload | None:
        """Return the object with its bytes; None if it does not exist."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[str]) -> dict[str, Upload]:
        """Return the objects that exist, by key."""
        return {upload.key: upload for upload in _at_once(self._get, list(keys)) if upload is not None}

    async def _get(self, key: str) -> Upload | None:
        try:
            found = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            return None
        attributes: dict[str, Any] = dict(found.attributes)
        content = bytes(await found.bytes_async())
        return Upload(key, content, {str(name): str(value) for name, value in attributes.items()})

    def heads(self, keys: Iterable[str]) -> dict[str, Listed]:
        """Return size and ETag of the objects that exist, by key."""
        return {listed.key: listed for listed in _at_once(self._head, list(keys)) if listed is not None}

    async def _head(self, key: str) -> Listed | None:
        try:
            return _listed(await obstore.head_async(self._store, key))
        except FileNotFoundError:
            return None

    def list(self, prefix: str) -> Iterator[Listed]:
        for page in obstore.list(self._store, prefix=prefix):
            yield from (_listed(entry) for entry in page)

    def delete(self, keys: list[str]) -> None:
        if keys:
            obstore.delete(self._store, keys)


def _at_once(one: Callable[[Item], Coroutine[Any, Any, Result]], items: list[Item]) -> list[Result]:
    """Return the results in the items' order. Raise the first error."""

    async def all_of_them() -> list[Result]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def in_turn(item: Item) -> Result:
            async with slots:
                return await one(item)

        return await asyncio.gather(*(in_turn(item) for item in items))

    return asyncio.run(all_of_them()) if items else []


def _listed(entry: Any) -> Listed:
    return Listed(entry["path"], entry["size"], (entry["e_tag"] or "").strip('"'))
