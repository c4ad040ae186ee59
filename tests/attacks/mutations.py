"""What may happen to bytes and to JSON values on their way from somebody who means harm: drawn, and repeatable."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]
EDGES = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
LARGEST = 4 << 20


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """One to sixteen bits, mostly near the beginning, where headers are."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        changed[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(rng: random.Random, data: bytes) -> bytes:
    """A run of equal or of random bytes."""
    at, count = _place(rng, data), rng.choice((1, 2, 4, 8, 64, 512))
    run = bytes([rng.choice((0, 0xFF, 0x80, 0x7F))]) * count if rng.random() < 0.5 else rng.randbytes(count)
    return data[:at] + run[: len(data) - at] + data[at + count :]


def set_number(rng: random.Random, data: bytes) -> bytes:
    """A field of 2, 4 or 8 bytes at its edge: 0, 1, the largest, a negative one, one more or less than it was."""
    width, order = rng.choice((2, 4, 4, 8)), rng.choice(("little", "big"))
    at = _place(rng, data) & rng.choice((~0, ~1, ~3))
    old = int.from_bytes(data[at : at + width], order)
    value = rng.choice((rng.choice(EDGES), old + 1, old - 1, old * 2, -old, -1, rng.getrandbits(8 * width)))
    return data[:at] + (value % (1 << 8 * width)).to_bytes(width, order) + data[at + width :]


def cut(rng: random.Random, data: bytes) -> bytes:
    """The end is missing."""
    return data[: max(1, rng.choice((rng.randrange(1, len(data) + 1), rng.randrange(1, min(len(data), 256) + 1))))]


def grow(rng: random.Random, data: bytes) -> bytes:
    """Something follows, up to a megabyte of nothing."""
    more = rng.choice((1, 3, 64, 4096, 1 << 20))
    return data + (bytes(more) if rng.random() < 0.5 else rng.randbytes(min(more, 4096)))


def remove(rng: random.Random, data: bytes) -> bytes:
    """A stretch is missing."""
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 3, 4, 16, 100, 1000)) :]


def repeat(rng: random.Random, data: bytes) -> bytes:
    """A stretch comes again, up to a hundred times."""
    at, count = _place(rng, data), rng.choice((1, 4, 32, 400))
    return (data[: at + count] + data[at : at + count] * rng.choice((1, 2, 100)) + data[at + count :])[:LARGEST]


def insert(rng: random.Random, data: bytes) -> bytes:
    """Bytes that were not there."""
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 8, 100))) + data[at:]


PLAIN: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits,
    set_bytes,
    set_number,
    set_number,
    cut,
    grow,
    remove,
    repeat,
    insert,
)


def splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: _place(rng, data) + 1] + other[_place(rng, other) :]


def mutated(rng: random.Random, data: bytes, own: Sequence[Mutation] = (), most: int = 4) -> tuple[bytes, str]:
    """Bytes after one or more mutations, and what these were; `own` are those that know the format, half of all."""
    data, names = data or b"\0", []
    for _ in range(rng.choice((1, 1, 1, 2, most))):
        change = rng.choice(own) if own and rng.random() < 0.5 else rng.choice(PLAIN)
        data = (change(rng, data) or b"\0")[:LARGEST]
        names.append(getattr(change, "__name__", "change"))
    return data, "+".join(names)


def _place(rng: random.Random, data: bytes) -> int:
    where = rng.random()
    if where < 0.5:
        return rng.randrange(min(len(data), 128))
    return rng.randrange(min(len(data), 2048) if where < 0.75 else len(data))


NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 0.5, 1e308, -1e308, float("nan"), float("inf"), 2**31, 2**63, 2**64, 10**400, 1 << 20, 1 << 24,
    1e-320,
)  # fmt: skip
TEXTS = ("", " ", "\x00", "\n", "a\nb", "\x1b[31m", "\ud800", "\u202e", "x" * 5000, "../../etc/passwd", "/etc/passwd",
         "<script>", "-1", "NaN", "%s%n", "ﷺ" * 300, "kick", "con", "💥", "\u2028")  # fmt: skip


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def odd_value(rng: random.Random) -> Any:
    """Of any type but the one that is expected, and at its edge."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(TEXTS),
        lambda: rng.choice((None, True, False, [], {}, [[]], {"": ""})),
        lambda: nested(rng.choice((2, 90))),
        lambda: [0] * rng.choice((1, 17, 5000)),
        lambda: {rng.choice(TEXTS): rng.choice(TEXTS)},
    )
    return rng.choice(kinds)()


def mutate_json(rng: random.Random, value: Any, times: int | None = None) -> tuple[Any, str]:
    """JSON values with some of them replaced, taken away, repeated, renamed or put elsewhere."""
    value, names = copy.deepcopy(value), []
    for _ in range(times or rng.choice((1, 1, 1, 2, 3, 6))):
        places = list(_places(value))
        if not places:
            return odd_value(rng), "replaced"
        parent, key = rng.choice(places)
        what = rng.choice(("odd", "odd", "odd", "edge", "drop", "extra", "copy", "rename"))
        names.append(f"{what} {str(key)[:20]}")
        _change(rng, parent, key, what, places)
    return value, ", ".join(names)


def _change(rng: random.Random, parent: Any, key: Any, what: str, places: list[tuple[Any, Any]]) -> None:
    if what == "odd":
        parent[key] = odd_value(rng)
    elif what == "edge" and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
        old = parent[key]
        broken = float(old) if abs(old) < 1e300 else str(old)
        parent[key] = rng.choice((old + 1, old - 1, -old, old * 2, old * 1000, broken, str(old), *NUMBERS))
    elif what == "drop":
        del parent[key]
    elif what == "extra" and isinstance(parent, dict):
        parent[rng.choice((*TEXTS, f"{key}s"))] = odd_value(rng)
    elif what == "extra":
        parent.insert(key, copy.deepcopy(parent[key]))
    elif what == "rename" and isinstance(parent, dict):
        parent[rng.choice((*TEXTS, str(key).upper(), f"{key}_"))] = parent.pop(key)
    else:
        other, place = rng.choice(places)
        parent[key] = copy.deepcopy(other[place])


def _places(value: Any) -> Any:
    """(parent, key) of every value within; of a list as many as there are."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def json_bytes(rng: random.Random, value: Any) -> bytes:
    """JSON text, now and then no JSON any more: damaged, of another encoding, too deep, a key twice."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    what = rng.random()
    if what < 0.7:
        return data
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: mutated(rng, data)[0],
        lambda: b"\xef\xbb\xbf" + data,
        lambda: text.encode("utf-16", "surrogatepass"),
        lambda: b"[" * 200_000,
        lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        lambda: b"",
        lambda: b"null",
        lambda: data[:-1] + b"," + data[1:] if data[:1] == b"{" else data + data,
        lambda: b"1" * 5000,
        lambda: data.replace(b"1", b"9" * 5000, 1),
        lambda: data + b"\n" + data,
    )
    return rng.choice(ways)()


def packed(layout: str, *values: int) -> bytes:
    """`struct.pack` of values that need not fit: they are cut to their fields."""
    sizes = [struct.calcsize(f"<{code}") for code in layout.lstrip("<>")]
    whole = [value % (1 << 8 * size) for value, size in zip(values, sizes, strict=True)]
    return struct.pack(layout[0] + layout.lstrip("<>").upper(), *whole)
