"""Files from web servers that need not be trusted: http(s) alone, bounded in bytes and time, with further attempts."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from creativeml.data.one_shots import DatasetError

_CHUNK = 1 << 18
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: in all.
        pause_s: before the second attempt; doubled before each further one.
        timeout_s: of connecting and of every single answer.
        slowest: bytes a second; a file that comes more slowly is given up.
    """

    attempts: int = 5
    pause_s: float = 0.5
    timeout_s: float = 30.0
    slowest: float = 20_000.0


class _Interrupted(Exception):
    """What may go better the next time."""


class _SameOrSafer(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Follow to http(s) only, and never from https back to http."""
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and not (scheme == "http" and urlsplit(req.full_url).scheme == "http"):
            raise DatasetError(f"{shown(req.full_url)}: the server sends on to {scheme}:, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


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
        try:
            data = _once(url, most, patience)
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


def _once(url: str, most: int, patience: Patience) -> bytes:
    # Only these: the usual opener also reads files of this machine and talks ftp.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SameOrSafer(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "creativeml"})
    deadline = time.monotonic() + patience.timeout_s + most / patience.slowest
    try:
        with opener.open(request, timeout=patience.timeout_s) as answer:
            return _bounded(answer, url, most, deadline)
    except urllib.error.HTTPError as error:
        reason = f"the server answers {error.code} ({error.reason})"
        error.close()
        if error.code in _TRANSIENT:
            raise _Interrupted(reason) from error
        raise DatasetError(f"{shown(url)}: {reason}; check the address given with --data") from error
    except (OSError, http.client.HTTPException) as error:
        inner = getattr(error, "reason", None) or error
        raise _Interrupted(str(inner) or type(inner).__name__) from error


def _bounded(answer: Any, url: str, most: int, deadline: float) -> bytes:
    data = bytearray()
    while True:
        # One byte more than is wanted tells whether there are more.
        block = answer.read1(min(_CHUNK, most + 1 - len(data)))
        data += block
        if len(data) > most:
            raise DatasetError(f"{shown(url)}: the server sends more than the {most} bytes that are expected")
        if not block:
            promised = answer.headers.get("Content-Length", "")
            if promised.isdigit() and len(data) < int(promised):
                raise _Interrupted(f"the connection ended after {len(data)} of {promised} bytes")
            return bytes(data)
        if time.monotonic() > deadline:
            raise _Interrupted(f"{len(data)} of {most} bytes came in the time that is allowed")
