"""The sounds of pads as files with what is known of them: each is made once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from creativeml.config import from_dict
from creativeml.errors import CreativeMLError
from creativeml.kits.store import ProjectStore
from creativeml.synthesis import export
from creativeml.synthesis.request import Request

if TYPE_CHECKING:
    from creativeml.synthesis.generate import Instrument

T = TypeVar("T")


class Newest(Generic[T]):
    """The newest of what was made, each made by one thread while others wait for it.

    Args:
        limit: how many are kept, or how much of what `weigh` counts; the last one made always is.
        weigh: counts of what was made.
    """

    def __init__(self, limit: int, weigh: Callable[[T], int] = lambda made: 1) -> None:
        self._limit, self._weigh, self._lock = limit, weigh, Lock()
        self._known: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What belongs to a key."""
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
            self._known.move_to_end(key)
            while len(self._known) > 1 and sum(map(self._weigh, self._known.values())) > self._limit:
                self._known.popitem(last=False)
            return self._known[key]


@dataclass(frozen=True)
class Source:
    """What a pad plays: a made sound, or a kept recording by its hash."""

    sound: Request | None = None
    own: str = ""

    def __post_init__(self) -> None:
        if (self.sound is None) == (not self.own):
            raise ValueError("name a sound or a recording")


class Sounds:
    """Makes what pads play.

    Args:
        instrument: gives the loaded model.
        store: of recordings.
    """

    def __init__(self, instrument: Callable[[], Instrument], store: ProjectStore) -> None:
        self.instrument, self._store = instrument, store
        self._made: Newest[tuple[bytes, export.SoundRecord]] = Newest(256)

    def source(self, values: Any, where: str = "sound") -> Source:
        """A source from JSON values.

        Raises:
            CreativeMLError: values that do not fit, or a request that the instrument cannot meet.
        """
        source = from_dict(Source, values, where=where)
        if source.sound is None:
            return source
        return Source(export.checked(self.instrument(), [source.sound])[0])

    def record(self, request: Request) -> tuple[bytes, export.SoundRecord]:
        """As `export.render` gives it, unmeasured."""
        key = (request, tuple(sorted(request.controls.items())))
        return self._made.get(key, lambda: export.render(self.instrument(), request, measure=False))

    def data(self, source: Source) -> bytes:
        """The wav of a source.

        Raises:
            CreativeMLError: a recording that is gone.
        """
        return self.record(source.sound)[0] if source.sound else self._store.recording(source.own)

    def checked_list(self, values: Any, most: int) -> list[Source]:
        """As `source`, of a list that came from the page."""
        if not isinstance(values, list) or not 1 <= len(values) <= most:
            raise CreativeMLError(f"give a list of 1 to {most} sounds")
        return [self.source(one, f"sound {number}") for number, one in enumerate(values, 1)]
