"""Checkpoints with the names and shapes of the originals fit our networks exactly, and nothing else does."""

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.registry import OUTSIDE
from creativeml.evaluation.outside.weights import assign, home_of, new_network


@pytest.mark.parametrize("name", ["vggish", "cnn14", "wavegram", "clap", "clap-base"])
def test_checkpoints_with_the_published_names_fit_exactly(name, checkpoint_names):
    """Names and shapes are those of the originals' modules, with the constants and heads that are not used."""
    tensors = {key: torch.empty(shape, device="meta") for key, shape in checkpoint_names[name].items()}
    wrapped = {"vggish": tensors, "clap": {"epoch": 3, "state_dict": tensors}}.get(
        name.split("-")[0], {"model": tensors}
    )
    translated = home_of(OUTSIDE[name]).translate(wrapped)
    assign(new_network(OUTSIDE[name]), translated, name)
    some = next(iter(translated))
    with pytest.raises(CreativeMLError, match=f"{some} is missing"):
        assign(new_network(OUTSIDE[name]), {k: v for k, v in translated.items() if k != some}, name)
    with pytest.raises(CreativeMLError, match=r"has shape \(9,\), not .*"):
        assign(new_network(OUTSIDE[name]), {**translated, some: torch.zeros(9)}, name)
    with pytest.raises(CreativeMLError, match="other is too much"):
        assign(new_network(OUTSIDE[name]), {**translated, "other": torch.zeros(2)}, name)
