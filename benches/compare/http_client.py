"""The one client that all servers are measured with: it reads an answer to its end, and no more."""

import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

BUFFER = bytearray(1 << 20)


@dataclass
class Answer:
    seconds: float
    """From before the connection is made until the server has closed it."""
    body_bytes: int
    body: bytes
    """Empty unless it was asked for."""


def get(url, gzip=False, keep=False):
    """Asks for `url` on a connection of its own. Anything but a good answer is an error."""
    parts = urlsplit(url)
    request = (
        f"GET {parts.path}{'?' if parts.query else ''}{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        f"Accept: text/plain;version=0.0.4\r\nAccept-Encoding: {'gzip' if gzip else 'identity'}\r\n\r\n"
    ).encode()
    began = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port), timeout=120) as stream:
        stream.sendall(request)
        head, separator = b"", b""
        while not separator:
            received = stream.recv(65536)
            if not received:
                raise RuntimeError(f"{url}: the connection ended early")
            head, separator, rest = (head + received).partition(b"\r\n\r\n")
        kept, count = [rest], len(rest)
        while received := stream.recv_into(BUFFER):
            count += received
            if keep:
                kept.append(bytes(BUFFER[:received]))
        seconds = time.perf_counter() - began
    head = head.decode("latin-1").lower()
    if head.split()[1] != "200" or gzip != ("content-encoding: gzip" in head):
        raise RuntimeError(f"{url}: {head}")
    body = b"".join(kept)
    if "transfer-encoding: chunked" in head:
        body = joined(body) if keep else b""
    elif f"content-length: {count}" not in head:
        raise RuntimeError(f"{url}: {count} bytes came: {head}")
    return Answer(seconds, count, body if keep else b"")


def joined(chunked):
    """A body without the lengths of its parts. One that was cut short is an error."""
    parts, at = [], 0
    while True:
        end = chunked.index(b"\r\n", at)
        length = int(chunked[at:end], 16)
        if length == 0:
            return b"".join(parts)
        parts.append(chunked[end + 2 : end + 2 + length])
        at = end + 2 + length + 2
