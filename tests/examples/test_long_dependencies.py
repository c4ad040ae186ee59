"""Gates keep the gradient alive over a long pause, and the run of hats holds no sign of the answer."""

import torch


def test_the_gradient_of_the_vanilla_network_vanishes_and_that_of_the_gated_ones_does_not(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=1, pause=40) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]}
    assert float(rows["rnn"][2]) < 1e-8
    assert float(rows["lstm"][2]) > 0.01 and float(rows["gru"][2]) > 0.01
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_runs_begin_with_the_hit_that_is_asked_for_and_go_on_with_hats(example):
    class Pack:
        labels = torch.arange(4)

    torch.manual_seed(0)
    pictures = torch.arange(4.0)[:, None, None].expand(4, example.FRAMES, example.BANDS)
    frames, answers = example.runs(Pack(), pictures, torch.arange(4), 10, 20)
    assert frames.shape == (20, example.FRAMES + 10, example.BANDS)
    assert torch.equal(frames[:, 0, 0], answers.float()) and torch.equal(
        frames[:, : example.FRAMES].amax((1, 2)), answers
    )
    assert (frames[:, example.FRAMES :] == 3).all()
