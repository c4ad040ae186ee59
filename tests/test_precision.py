"""Numbers too small for their format: 0 while they are flushed, themselves again afterwards."""

import torch

from creativeml.precision import denormals_flushed


def half_of_the_smallest() -> float:
    return float(torch.tensor([torch.finfo(torch.float32).tiny]) * 0.5)


def test_denormals_are_flushed_within_and_kept_again_after_an_error():
    kept = half_of_the_smallest()
    assert 0 < kept < 1e-38
    try:
        with denormals_flushed():
            assert half_of_the_smallest() == 0
            with denormals_flushed():
                pass
            assert half_of_the_smallest() == 0, "as it was before the inner one"
            raise RuntimeError
    except RuntimeError:
        pass
    assert half_of_the_smallest() == kept
