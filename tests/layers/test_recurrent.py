"""The equations of the recurrent cells are torch's, with its weights copied."""

import pytest
import torch
from torch import nn

from creativeml.layers.recurrent import CELLS, Recurrent

CELL_OF = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
NETWORK_OF = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
TOLERANCE = {"rtol": 0, "atol": 1e-6}


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_torchs_in_value_and_gradient(kind):
    torch.manual_seed(0)
    ours, theirs = CELLS[kind](5, 7), CELL_OF[kind](5, 7)
    ours.load_state_dict(theirs.state_dict())
    x, states = torch.randn(4, 5), tuple(torch.randn(4, 7) for _ in range(ours.states))
    found = ours(x, states)
    expected = theirs(x, states if kind == "lstm" else states[0])
    expected = expected if kind == "lstm" else (expected,)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE)
    for network, outputs in ((ours, found), (theirs, expected)):
        sum(y.square().sum() for y in outputs).backward()
        assert all(p.grad.abs().max() > 1e-4 for p in network.parameters())
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-5, msg=name)
    torch.testing.assert_close(ours(x)[0], ours(x, tuple(torch.zeros(4, 7) for _ in states))[0], **TOLERANCE)


def pair(kind, layers=2, bidirectional=True):
    torch.manual_seed(0)
    ours = Recurrent(kind, 5, 7, layers=layers, bidirectional=bidirectional)
    theirs = NETWORK_OF[kind](5, 7, layers, batch_first=True, bidirectional=bidirectional)
    for n, directions in enumerate(ours.layers):
        for m, cell in enumerate(directions):
            names = [f"{p}_l{n}{'_reverse' * m}" for p in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            weights = dict(theirs.named_parameters())
            cell.load_state_dict({name.split("_l")[0]: weights[name] for name in names})
    return ours, theirs


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", CELLS)
def test_layers_over_a_sequence_are_torchs(kind, bidirectional):
    ours, theirs = pair(kind, 3, bidirectional)
    x = torch.randn(4, 11, 5)
    outputs, last = ours(x)
    expected, states = theirs(x)
    states = states[0] if kind == "lstm" else states
    torch.testing.assert_close(outputs, expected, **TOLERANCE)
    torch.testing.assert_close(last, torch.cat(list(states[-2 if bidirectional else -1 :]), dim=1), **TOLERANCE)
    assert outputs.shape[2] == ours.outputs == (14 if bidirectional else 7)


@pytest.mark.parametrize("kind", CELLS)
def test_masked_steps_are_torchs_packed_sequences(kind):
    ours, theirs = pair(kind)
    x, lengths = torch.randn(3, 9, 5), torch.tensor([9, 4, 1])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    expected, states = theirs(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    states = states[0] if kind == "lstm" else states
    outputs, last = ours(x, torch.arange(9) < lengths[:, None])
    torch.testing.assert_close(outputs, expected, **TOLERANCE)
    torch.testing.assert_close(last, torch.cat(list(states[-2:]), dim=1), **TOLERANCE)
    assert not outputs[1, 4:].any()


def test_gates_do_what_they_are_called_after():
    """An LSTM with its forget gate open and its input gate shut keeps its memory; a GRU that does not update, too."""
    states = (torch.zeros(2, 3), torch.randn(2, 3))
    lstm, gru = CELLS["lstm"](4, 3), CELLS["gru"](4, 3)
    with torch.no_grad():
        lstm.bias_ih[:3], lstm.bias_ih[3:6] = -50.0, 50.0
        gru.bias_ih[3:6] = 50.0
    for _ in range(100):
        states = lstm(torch.randn(2, 4), states) if _ else (remembered := lstm(torch.randn(2, 4), states))
    torch.testing.assert_close(states[1], remembered[1], rtol=1e-5, atol=1e-6)
    start = torch.randn(2, 3)
    torch.testing.assert_close(gru(torch.randn(2, 4), (start,))[0], start, rtol=1e-5, atol=1e-6)


def test_dropout_acts_between_layers_and_only_in_training():
    torch.manual_seed(0)
    network, x = Recurrent("gru", 3, 4, layers=2, dropout=0.5), torch.randn(2, 5, 3)
    assert not torch.equal(network(x)[0], network(x)[0])
    network.eval()
    assert torch.equal(network(x)[0], network(x)[0])
    single = Recurrent("gru", 3, 4, dropout=0.5)
    assert torch.equal(single(x)[0], single(x)[0])


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match="'elman'"):
        Recurrent("elman", 3, 4)
    with pytest.raises(ValueError, match="at least 1"):
        Recurrent("gru", 3, 4, layers=0)
