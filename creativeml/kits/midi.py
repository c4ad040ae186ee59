from dataclasses import dataclass
SHORTEST_SWING=50
@dataclass(frozen=True)
class Pattern:
    lines: dict
    steps: int = 16
    tempo: float = 120.0
    swing: float = 50.0
def midi_bytes(p, name=""): raise NotImplementedError
