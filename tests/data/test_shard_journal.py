"""What an interrupted packing has done is taken over, and nothing else that its journal says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creativeml.cli import run
from creativeml.data.journal import JOURNAL
from creativeml.data.shards import write_shards


class _Interruption(Exception):
    pass


def shards_of(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "shards").iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("journal") / "data"
    assert run(["prepare", "starter", "--length", "8192", "--out", str(out)]) == 0
    return out


def interrupt(root: Path, after: int) -> list[dict]:
    """Lines of the journal that is left when so many shards are written."""
    calls = 0

    def step(what: str, done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise _Interruption

    with pytest.raises(_Interruption):
        write_shards(root, 10, on_step=step)
    return [json.loads(line) for line in (root / "shards" / JOURNAL).read_text("utf-8").splitlines()[1:]]


def test_only_what_is_sound_in_a_journal_is_taken_over(made):
    write_shards(made, 10)
    whole = shards_of(made)
    lines = interrupt(made, 8)
    assert len(lines) == 8 and write_shards(made, 10).kept == 8 and shards_of(made) == whole

    lines = interrupt(made, 8)
    members = lines[0]["outcome"]["members"]
    far = bytearray.fromhex(members)
    far[:8] = (1 << 40).to_bytes(8, "little")
    hostile = (
        {"members": 7},
        {"members": "no number"},
        {"members": members[:-2]},
        {"members": far.hex()},
        {"sounds": True},
        {"kind": "other", "name": "../x.tar"},
        {"bytes": 1 << 70},
    )
    for line, change in zip(lines, hostile, strict=False):
        line["outcome"] |= change
    first = (made / "shards" / JOURNAL).read_text("utf-8").splitlines()[0]
    text = "\n".join([first, *map(json.dumps, lines), '{"key": "x", "outcome": {"reason": "", "remedy": ""}}', ""])
    (made / "shards" / JOURNAL).write_text(text, encoding="utf-8")
    assert write_shards(made, 10).kept == 1 and shards_of(made) == whole
