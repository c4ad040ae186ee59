"""What every model of the registry promises, on small real configurations of each: see `tiny.py`."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import creativeml.models as models
from creativeml.errors import CreativeMLError


def tiny_models() -> dict:
    found = {}
    for path in sorted(Path(__file__).parent.glob("tiny*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.TINY
    return found


TINY = tiny_models()
every_model = pytest.mark.parametrize("name", sorted(TINY))
DRAWS = {"style_wavegan": "noise", "drum_vae": "noise", "wave_vae": "noise", "vae": "a latent"}
"""Models whose output is drawn, and what of it: a sound of a batch is another one than alone."""
FIXED = {
    "style_wavegan": "takes latents",
    "wavegan": "takes latents",
    "spectral_gan": "takes latents",
    "drum_vae": "takes latents",
    "wave_vae": "takes latents",
    "mel_vae": "has one size of picture",
    "word2vec": "takes single tokens",
}
"""Models of inputs without a length, or with one that is part of the configuration, and why."""
_ISTFT = "torch.istft looks at the numbers of its window, and a trace has none"
NOT_EXPORTED = {"spectral_gan": _ISTFT, "drum_vae": _ISTFT}
"""Models that `torch.export` does not take, and why."""
_AUTOCAST = "torch.autocast does not know the device meta"
NOT_META = {**NOT_EXPORTED, "style_wavegan": _AUTOCAST, "wave_vae": _AUTOCAST}
"""Models that do not compute on `meta`, and why."""


def build(name: str) -> nn.Module:
    """A small one whose weights are all away from where they start: zeros would hide what is not connected."""
    torch.manual_seed(0)
    model = models.build(name, **TINY[name][0])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def inputs_of(name: str, batch: int = 3) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    return TINY[name][1](batch)


def call(model: nn.Module, inputs: tuple[Tensor, ...], seed: int = 2) -> list[Tensor]:
    torch.manual_seed(seed)
    return tensors_of(model(*inputs))


def tensors_of(value) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [tensor for part in parts if part is not None for tensor in tensors_of(part)]


def test_every_model_of_the_registry_is_here():
    assert sorted(TINY) == models.list()


@every_model
def test_gradients_reach_every_parameter(name):
    model = build(name).train()
    outputs = call(model, inputs_of(name))
    sum((torch.randn_like(output) * output).sum() for output in outputs if output.is_floating_point()).backward()
    deaf = [
        n
        for n, p in model.named_parameters()
        if p.grad is None or not bool(p.grad.isfinite().all()) or not p.grad.any()
    ]
    assert deaf == []


@every_model
def test_what_is_saved_comes_back_to_the_bit(name, tmp_path):
    model = build(name).eval()
    models.save_pretrained(model, tmp_path)
    again = models.from_pretrained(tmp_path)
    assert again.config == model.config and not again.training
    inputs = inputs_of(name)
    with torch.no_grad():
        for ours, theirs in zip(call(model, inputs), call(again, inputs), strict=True):
            assert ours.equal(theirs)


@every_model
@torch.no_grad()
def test_evaluation_repeats_itself_and_one_sound_is_that_of_a_batch(name):
    model, inputs = build(name).eval(), inputs_of(name)
    whole = call(model, inputs)
    assert all(a.equal(b) for a, b in zip(whole, call(model, inputs), strict=True))
    alone = call(model, tuple(x[:1] for x in inputs))
    for one, many in zip(alone, whole, strict=True):
        assert bool(one.isfinite().all())
        if one.dim():
            assert one.shape == (1, *many.shape[1:])
        if name not in DRAWS and one.dim():
            torch.testing.assert_close(one, many[:1], atol=1e-4, rtol=1e-4)


@every_model
@torch.no_grad()
def test_any_length_or_a_clear_refusal(name):
    if name in FIXED:
        pytest.skip(FIXED[name])
    model = build(name).eval()
    first, *others = inputs_of(name)
    for less in (1, 3):
        try:
            outputs = call(model, (first[..., : first.shape[-1] - less], *others))
        except (CreativeMLError, ValueError) as error:
            named = {int(number) for number in re.findall(r"\d+", str(error))}
            fits, does_not = first.shape[-1], first.shape[-1] - less
            # The length itself, or what it must be a multiple of.
            would_do = [n for n in named if n > 1 and fits % n == 0 and does_not % n]
            assert would_do, f"a refusal says which length would do: {error}"
        else:
            assert all(bool(output.isfinite().all()) for output in outputs)


@every_model
def test_bfloat16_trains(name):
    model = build(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = call(model, inputs_of(name))
        assert all(bool(output.isfinite().all()) for output in outputs)
        total = sum(output.float().square().mean() for output in outputs if output.is_floating_point())
    total.backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@every_model
@torch.no_grad()
def test_it_moves_to_another_device_whole(name):
    """To `meta`, which has shapes alone: whatever stayed behind would be refused there. And to a GPU."""
    inputs = inputs_of(name)
    expected = call(build(name).eval(), inputs)
    devices = [*(["meta"] if name not in NOT_META else []), *(["cuda"] if torch.cuda.is_available() else [])]
    if not devices:
        pytest.skip(NOT_META[name])
    for device in devices:
        moved = call(build(name).eval().to(device), tuple(x.to(device) for x in inputs))
        assert [x.device.type for x in moved] == [device] * len(expected)
        assert [x.shape for x in moved] == [x.shape for x in expected]


@every_model
@torch.no_grad()
def test_export_computes_the_same(name):
    if name in NOT_EXPORTED:
        pytest.skip(NOT_EXPORTED[name])
    model, inputs = build(name).eval(), inputs_of(name)
    exported = torch.export.export(model, inputs)
    for ours, theirs in zip(call(exported.module(), inputs), call(model, inputs), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
