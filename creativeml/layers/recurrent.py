"""Recurrent networks: the vanilla cell (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al. 2014).

The equations are written out; parameters have the names and shapes of `torch.nn.RNNCell`, `LSTMCell` and `GRUCell`,
whose `state_dict` can be loaded. With W the input's weights, U the state's, and s the logistic function:

    vanilla   h' = tanh(W x + b + U h + c)
    LSTM      i, f, o = s(W x + b + U h + c),  g = tanh(the same),  m' = f m + i g,  h' = o tanh(m')
    GRU       r, z = s(W x + b + U h + c),  n = tanh(W x + b + r (U h + c)),  h' = (1 - z) n + z h

(f: forget gate, i: input gate, o: output gate, m: memory, r: reset gate, z: update gate.)
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cell = Literal["rnn", "lstm", "gru"]


class RecurrentCell(nn.Module):
    """One step of a recurrent network; what follows from the sum of its gates is left to the kinds below.

    Args:
        inputs: size of the input vector.
        hidden: size of the state.

    Attributes:
        gates: affine maps of the input, and of the state.
        states: tensors that are carried from step to step, the first of which is the output.
    """

    gates = 1
    states = 1

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        bound = 1.0 / math.sqrt(hidden)
        shapes = ((inputs,), (hidden,), (), ())
        parameters = [torch.empty(self.gates * hidden, *shape).uniform_(-bound, bound) for shape in shapes]
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = map(nn.Parameter, parameters)

    def start(self, x: Tensor) -> tuple[Tensor, ...]:
        """States before the first step, zeros `(b, hidden)`, for inputs `(b, ...)`."""
        return (x.new_zeros(x.shape[0], self.hidden),) * self.states

    def project(self, x: Tensor) -> Tensor:
        """What the input gives the gates: `(..., inputs)` → `(..., gates * hidden)`."""
        return F.linear(x, self.weight_ih, self.bias_ih)

    def forward(self, x: Tensor, states: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...]:
        """One step: input `(b, inputs)` and states `(b, hidden)` → states; without any, from the first step."""
        return self.step(self.project(x), self.start(x) if states is None else states)

    def step(self, projected: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step from what `project` gives: `(b, gates * hidden)` and states → states."""
        raise NotImplementedError

    def recall(self, state: Tensor) -> Tensor:
        """What the state gives the gates: `(b, hidden)` → `(b, gates * hidden)`."""
        return F.linear(state, self.weight_hh, self.bias_hh)


class VanillaCell(RecurrentCell):
    """The state is a squashed affine map of input and state."""

    def step(self, projected: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """As in the base class, by the first equation above."""
        return (torch.tanh(projected + self.recall(states[0])),)


class LSTMCell(RecurrentCell):
    """Long short-term memory; the states are output and memory."""

    gates = 4
    states = 2

    def step(self, projected: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """As in the base class, by the second equation above."""
        entry, forget, candidate, exit_ = (projected + self.recall(states[0])).chunk(4, dim=1)
        memory = forget.sigmoid() * states[1] + entry.sigmoid() * candidate.tanh()
        return exit_.sigmoid() * memory.tanh(), memory


class GRUCell(RecurrentCell):
    """Gated recurrent unit, with the reset gate after the state's affine map, as in torch and cuDNN."""

    gates = 3

    def step(self, projected: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """As in the base class, by the third equation above."""
        reset, update, candidate = projected.chunk(3, dim=1)
        reset_state, update_state, candidate_state = self.recall(states[0]).chunk(3, dim=1)
        fresh = torch.tanh(candidate + (reset + reset_state).sigmoid() * candidate_state)
        keep = (update + update_state).sigmoid()
        return ((1.0 - keep) * fresh + keep * states[0],)


CELLS: dict[str, type[RecurrentCell]] = {"rnn": VanillaCell, "lstm": LSTMCell, "gru": GRUCell}


class Recurrent(nn.Module):
    """Layers of recurrent cells over sequences, in one direction or in both.

    Args:
        cell: rnn, lstm or gru.
        inputs: size of the input vectors.
        hidden: size of the states.
        layers: that run on top of each other.
        bidirectional: each layer also runs backwards, and the next one sees both (Schuster and Paliwal 1997).
        dropout: of what passes from layer to layer, while training.

    Raises:
        ValueError: no such cell, or a size below 1.
    """

    def __init__(
        self,
        cell: str,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"there is no recurrent cell '{cell}' (known: {', '.join(CELLS)})")
        if min(inputs, hidden, layers) < 1:
            raise ValueError(f"inputs, hidden and layers must be at least 1, not {inputs}, {hidden}, {layers}")
        directions = 2 if bidirectional else 1
        self.outputs = directions * hidden
        self.layers = nn.ModuleList(
            nn.ModuleList(CELLS[cell](self.outputs if n else inputs, hidden) for _ in range(directions))
            for n in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over sequences, from a state of zeros.

        Args:
            x: `(b, t, inputs)`.
            mask: `(b, t)`, False where there is nothing: such a step leaves the state alone, and its output is 0.

        Returns:
            outputs of the last layer at each step, `(b, t, outputs)`, and those of the last step of each direction
            (for the backward one, the first position), `(b, outputs)`.
        """
        last: list[Tensor] = []
        for n, directions in enumerate(self.layers):
            x = self.dropout(x) if n else x
            runs = [run(cell, x, mask, backwards=bool(m)) for m, cell in enumerate(directions)]  # type: ignore[arg-type]
            x, last = torch.cat([r[0] for r in runs], dim=2), [r[1] for r in runs]
        return x, torch.cat(last, dim=1)


def run(cell: RecurrentCell, x: Tensor, mask: Tensor | None, *, backwards: bool) -> tuple[Tensor, Tensor]:
    """One cell over sequences `(b, t, inputs)` → outputs `(b, t, hidden)` and the last one `(b, hidden)`."""
    states = cell.start(x)
    outputs: list[Tensor] = []
    order = range(x.shape[1])
    # All inputs at once are one large product instead of many small ones.
    projected = cell.project(x)
    for t in reversed(order) if backwards else order:
        after = cell.step(projected[:, t], states)
        if mask is None:
            states = after
            outputs.append(states[0])
        else:
            there = mask[:, t, None]
            states = tuple(torch.where(there, new, old) for new, old in zip(after, states, strict=True))
            outputs.append(torch.where(there, states[0], torch.zeros_like(states[0])))
    return torch.stack(outputs[::-1] if backwards else outputs, dim=1), states[0]
