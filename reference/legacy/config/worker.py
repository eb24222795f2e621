"""gunicorn's threaded worker, with error pages in the format of all other responses.

gunicorn itself responds to requests that are invalid HTTP or exceed its limits, in HTML and before
it calls the application. The contract requires JSON and the identity headers.
"""

import json
from typing import Any
from uuid import uuid4

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from config.identity import SERVED_BY


class ErrorPage:
    """A substitute for the socket that stores the error page which gunicorn writes."""

    def __init__(self) -> None:
        self.written = b""

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.written += data


class JsonErrorWorker(ThreadWorker):
    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        page = ErrorPage()
        super().handle_error(req, page, addr, exc)
        status_line = page.written.partition(b"\r\n")[0].decode("latin-1")
        if not status_line.startswith("HTTP/1.1 "):
            return
        status, _, reason = status_line.removeprefix("HTTP/1.1 ").partition(" ")
        body = json.dumps({"detail": f"{reason}."}).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Cache-Control: private, no-store\r\n"
            f"X-Served-By: {SERVED_BY}\r\n"
            f"X-Request-Id: {uuid4().hex}\r\n"
            "\r\n"
        )
        try:
            util.write_nonblock(client, head.encode("latin-1") + body)
        except OSError:
            self.log.debug("Failed to send error message.")
