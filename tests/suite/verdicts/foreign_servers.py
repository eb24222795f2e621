"""Servers on loopback that are not List Cutter: /health is healthy, and every other response is wrong."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Generator

HEALTH = json.dumps({"status": "healthy", "checks": {}, "version": {"id": "1"}, "timestamp": ""}).encode()

Answer = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def server(answer: Answer) -> Generator[tuple[str, list[bytes]]]:
    """Run a server and yield its address and the request lines that it received.

    answer: writes to the connection after a request that is not for /health.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    over = threading.Event()
    asked: list[bytes] = []

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            request = b""
            while b"\r\n\r\n" not in request:
                part = connection.recv(65536)
                if not part:
                    return
                request += part
            asked.append(request.partition(b"\r\n")[0])
            if b" /health" in asked[-1]:
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(HEALTH)}\r\n"
                connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + HEALTH)
            else:
                answer(connection, over)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        over.set()
        thread.join(5)
        listener.close()


def foreign_page(connection: socket.socket, _over: threading.Event) -> None:
    """Send a page of another web server."""
    page = b"<html><h1>Welcome to nginx!</h1></html>"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
    connection.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(page), page))


def garbage(connection: socket.socket, _over: threading.Event) -> None:
    """Send bytes that are not HTTP."""
    connection.sendall(bytes(range(256)) * 4)


def no_response(_connection: socket.socket, over: threading.Event) -> None:
    """Read the request and do not respond."""
    over.wait(30)


def closed_connection(_connection: socket.socket, _over: threading.Event) -> None:
    """Read the request and close the connection."""


def redirect_to(address: str) -> Answer:
    """Return an answer that redirects to that address."""

    def answer(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(
            f"HTTP/1.1 302 Found\r\nLocation: {address}/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
        )

    return answer
