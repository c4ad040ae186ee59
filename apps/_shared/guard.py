"""Who may come in: those who know the password, and no other site on behalf of somebody who reads it."""

from __future__ import annotations

import base64
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether a name or number leads to the machine that asks, and to no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Lets in who may come.

    User and password are asked for in the way that every browser knows, once for all pages.

    Other sites are kept out, which a browser would let ask on behalf of who reads them: requests that say they come
    from elsewhere (`Origin`), and those to a name that is not the studio's, as anybody may let a name lead to this very
    machine (DNS rebinding). A studio for other machines has names that it does not know; there the password must do.

    Args:
        app: what is guarded.
        host: what is listened on; if it is not this machine's alone, somebody asks for a password.
        login: user and password that the guard itself asks for; None lets everybody in.
    """

    def __init__(self, app: Any, host: str, login: tuple[str, str] | None = None) -> None:
        self._app = app
        self._wanted = None if login is None else b"Basic " + base64.b64encode(":".join(login).encode())
        self._host = host.strip("[]").lower()
        self._any_name = not is_this_machine(host)

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        status, text, more = self._refused(scope["headers"])
        if not status:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        body = text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        return None

    def _refused(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[int, str, list[tuple[bytes, bytes]]]:
        """Status (0 lets it pass), a line on why, and headers."""
        given: dict[bytes, list[str]] = {}
        for name, value in headers:
            given.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts = given.get(b"host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 403, "refused: the studio is not known by this name; open it at the address that it printed", []
        # A proxy in front of the studio tells the name that the browser asked for; no other site could add that.
        asked = [*hosts, *given.get(b"x-forwarded-host", [])]
        if not all(any(_same(origin, host) for host in asked) for origin in given.get(b"origin", [])):
            return 403, "refused: another site asks; open the studio at the address that it printed", []
        if self._wanted is not None:
            told = "".join(given.get(b"authorization", [])).encode("latin-1")
            if not hmac.compare_digest(told, self._wanted):
                challenge = (b"www-authenticate", b'Basic realm="creativeml", charset="UTF-8"')
                return 401, "give user and password", [challenge]
        return 0, "", []

    def _is_ours(self, host: str) -> bool:
        if self._any_name:
            return True
        name = _place(f"http://{host}")[0]
        return bool(name) and (name == self._host or is_this_machine(name))


def _same(origin: str, host: str) -> bool:
    """Whether a page at `origin` was loaded from `host`."""
    scheme = origin.partition("://")[0]
    place = _place(origin)
    return bool(place[0]) and place == _place(f"{scheme}://{host}")


def _place(address: str) -> tuple[str, int]:
    """Name and port; no name if it is no address."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", 0
