"""Files from web servers that need not be trusted: http(s) alone, bounded in bytes and time, with further attempts."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from creativeml.data.one_shots import DatasetError
from creativeml.errors import quoted

_CHUNK = 1 << 18
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: in all.
        pause_s: before the second attempt; doubled before each further one.
        timeout_s: of connecting and of every single answer.
        slowest: bytes a second; a file that comes more slowly is given up.
        unsized_s: for the whole of a file of which nobody knows how large it is.
    """

    attempts: int = 5
    pause_s: float = 0.5
    timeout_s: float = 30.0
    slowest: float = 20_000.0
    unsized_s: float = 60.0


class _Interrupted(Exception):
    """What may go better the next time."""


class _Watchdog:
    """Ends the connections of one attempt when its time is over, whatever is being waited for then.

    A timeout of the socket alone does not: it begins anew with every byte.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._lock, self._ends = threading.Lock(), list[socket.socket]()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline

    def watch(self, connection: socket.socket) -> None:
        """Raises TimeoutError if it is too late already."""
        with self._lock:
            if self.over:
                raise TimeoutError
            # A second handle: TLS, proxies and urllib put other objects in the place of the first.
            self._ends.append(connection.dup())

    def _end(self) -> None:
        with self._lock:
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for end in self._ends:
                end.close()
            self._ends.clear()


class _Watched:
    """Mixed into a connection: shows its socket to a watchdog before a byte goes over it."""

    watchdog: _Watchdog

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "sock" and type(value) is socket.socket:
            try:
                self.watchdog.watch(value)
            except OSError:
                value.close()
                raise
        super().__setattr__(name, value)


def _watched(kind: type[http.client.HTTPConnection], watchdog: _Watchdog) -> Any:
    return type("Connection", (_Watched, kind), {"watchdog": watchdog})


class _Http(urllib.request.HTTPHandler):
    def __init__(self, watchdog: _Watchdog) -> None:
        super().__init__()
        self._connection = _watched(http.client.HTTPConnection, watchdog)

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, watchdog: _Watchdog) -> None:
        super().__init__()
        self._connection = _watched(http.client.HTTPSConnection, watchdog)

    def https_open(self, req: urllib.request.Request) -> Any:
        # Without a context of its own a connection takes the default one, which checks certificates and names.
        return self.do_open(self._connection, req)


class _SamePlace(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Follow within the same host and port only, and never from https back to http."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme != "https" and not (new.scheme == "http" and old.scheme == "http"):
            raise DatasetError(f"{shown(req.full_url)}: the server sends on to {new.scheme}:, which is not followed")
        if _place(newurl) != _place(req.full_url):
            raise DatasetError(
                f"{shown(req.full_url)}: the server sends on to another one, {quoted(new.netloc)}, which is not "
                "followed; if that is right, give its address with --data"
            )
        fp.close()  # else all that comes with it would be read into memory
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _place(url: str) -> tuple[str | None, str | None, int | None]:
    """User, host and port; no port if it is the usual one of the scheme."""
    parts = urlsplit(url)
    return parts.username, parts.hostname, None if parts.port == _PORTS.get(parts.scheme) else parts.port


def shown(url: str) -> str:
    """An address without what may be secret in it."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def fetch(
    url: str, most: int, *, exactly: bool, accept: Callable[[bytes], bool] = bool, patience: Patience | None = None
) -> bytes:
    """The content of a file on a web server, of which no more is read than is expected.

    Args:
        url: http or https.
        most: bytes that are read at most.
        exactly: whether it must be as many.
        accept: whether the content is right; if not it is fetched again, as it may have been spoilt on its way.
        patience: None for the usual one.

    Raises:
        DatasetError: it cannot be had, or is larger or other than it should be.
    """
    patience, reason = patience or Patience(), ""
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause_s * 2 ** (attempt - 1))
        seconds = patience.timeout_s + most / patience.slowest if exactly else patience.unsized_s
        try:
            with _Watchdog(seconds) as watchdog:
                data = _once(url, most, patience.timeout_s, watchdog)
        except _Interrupted as error:
            reason = str(error)
            continue
        if exactly and len(data) < most:
            reason = f"the connection ended after {len(data)} of {most} bytes"
        elif not accept(data):
            reason = "its content is not what the index lists (wrong checksum)"
        else:
            return data
    raise DatasetError(
        f"{shown(url)} cannot be fetched, {patience.attempts} times: {reason}; check the connection and the server"
    )


def _once(url: str, most: int, timeout_s: float, watchdog: _Watchdog) -> bytes:
    # Only these: the usual opener also reads files of this machine and talks ftp.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(watchdog),
        _Https(watchdog),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SamePlace(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "creativeml"})
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return _bounded(answer, url, most, watchdog)
    except urllib.error.HTTPError as error:
        reason = f"the server answers {error.code} ({error.reason})"
        error.close()
        if error.code in _TRANSIENT or watchdog.over:
            raise _Interrupted(reason) from error
        raise DatasetError(f"{shown(url)}: {reason}; check the address given with --data") from error
    except (OSError, http.client.HTTPException) as error:
        if watchdog.over:
            raise _Interrupted("its answer did not come in the time that is allowed") from error
        inner = getattr(error, "reason", None) or error
        raise _Interrupted(str(inner) or type(inner).__name__) from error
    except ValueError as error:
        raise DatasetError(f"{shown(url)}: the server sends on to no address ({error}); check --data") from error


def _bounded(answer: Any, url: str, most: int, watchdog: _Watchdog) -> bytes:
    data = bytearray()
    while True:
        # One byte more than is wanted tells whether there are more.
        block = answer.read1(min(_CHUNK, most + 1 - len(data)))
        data += block
        if len(data) > most:
            raise DatasetError(f"{shown(url)}: the server sends more than the {most} bytes that are expected")
        # Where a connection was ended by us, the header or the body looks as if it were complete.
        if watchdog.over:
            raise _Interrupted(f"{len(data)} bytes came in the time that is allowed")
        if not block:
            promised = answer.headers.get("Content-Length", "")
            if promised.isdigit() and len(data) < int(promised):
                raise _Interrupted(f"the connection ended after {len(data)} of {promised} bytes")
            return bytes(data)
