"""DCGAN and pix2pix have the sizes of their papers, their first weights, and a discriminator of 70 x 70 patches."""

import itertools

import pytest
import torch

from creativeml.models.gans.dcgan import DCGAN, DCGANConfig, DCGANDiscriminator, dcgan_config
from creativeml.models.gans.pix2pix import PatchDiscriminator, Pix2Pix, Pix2PixConfig, pix2pix_config


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_dcgan_has_the_published_size():
    """Known from the many ports of the paper's network at 64 x 64, three channels; and counted by hand."""
    with torch.device("meta"):
        found = count(DCGAN(dcgan_config())), count(DCGANDiscriminator(dcgan_config()))
    kernels = 16 * sum(a * b for a, b in itertools.pairwise((3, 64, 128, 256, 512)))
    assert found == (kernels + 16 * 100 * 512 + 2 * (512 + 256 + 128 + 64), kernels + 16 * 512 + 2 * (128 + 256 + 512))
    assert found == (3_576_704, 2_765_568)


def test_dcgan_doubles_its_axes_and_the_discriminator_mirrors_it():
    config = dcgan_config()
    with torch.device("meta"):
        generator, discriminator = DCGAN(config), DCGANDiscriminator(config)
        shapes = {"up": [], "down": []}
        for name, network in (("up", generator), ("down", discriminator)):
            for layer in network.layers:
                if "Conv" in type(layer).__name__:
                    layer.register_forward_hook(lambda _m, _i, out, n=name: shapes[n].append(tuple(out.shape[1:])))
        assert discriminator(generator(torch.zeros(2, 100))).shape == (2,)
    up = [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    assert shapes["up"] == up and shapes["down"] == [*up[-2::-1], (1, 1, 1)]


def test_weights_start_as_published():
    torch.manual_seed(0)
    for network in (DCGAN(DCGANConfig()), DCGANDiscriminator(DCGANConfig()), Pix2Pix(Pix2PixConfig())):
        kernels = torch.cat([p.detach().flatten() for p in network.parameters() if p.dim() == 4])
        assert abs(float(kernels.mean())) < 5e-4 and float(kernels.std()) == pytest.approx(0.02, rel=0.03)
        gains = torch.cat([m.weight.detach() for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)])
        assert float(gains.mean()) == pytest.approx(1.0, abs=0.01) and 0.01 < float(gains.std()) < 0.03


def test_pictures_lie_within_one_and_other_sizes_are_refused():
    torch.manual_seed(0)
    pictures = DCGAN(DCGANConfig())(10 * torch.randn(2, 100))
    assert pictures.shape == (2, 1, 64, 64) and pictures.abs().max() <= 1.0
    with pytest.raises(ValueError, match=r"\(b, 100\)"):
        DCGAN(DCGANConfig())(torch.zeros(2, 99))
    small = DCGANDiscriminator(DCGANConfig(height=16, width=16, levels=2))
    for shape in ((3, 1, 32, 32), (3, 2, 16, 16), (1, 16, 16)):
        with pytest.raises(ValueError, match=r"\(b, 1, 16, 16\), not"):
            small(torch.zeros(shape))
    for wrong in ({"height": 60}, {"width": 0}, {"levels": 0}, {"channels": 0}):
        with pytest.raises(ValueError):
            DCGANConfig(**wrong)


def test_pix2pix_has_the_published_size():
    """54.414 M and 2.769 M, as the authors' own code says of both."""
    with torch.device("meta"):
        found = count(Pix2Pix(pix2pix_config())), count(PatchDiscriminator(pix2pix_config()))
    w = [64, 128, 256, 512, 512, 512, 512, 512]
    down = 16 * sum(a * b for a, b in itertools.pairwise([3, *w])) + 2 * sum(w[1:-1])
    up = 16 * (512 * 512 + sum(2 * a * b for a, b in itertools.pairwise(w[-2::-1]))) + 2 * sum(w[:-1])
    assert found[0] == down + up + 16 * 128 * 3 + 3
    assert tuple(round(n / 1e6, 3) for n in found) == (54.414, 2.769)


def reach(patch_levels):
    """Pixels a side that one verdict depends on, by its gradient; statistics held fixed, as they reach everywhere."""
    torch.manual_seed(0)
    network = PatchDiscriminator(Pix2PixConfig(channels=2, patch_levels=patch_levels)).eval()
    source, picture = torch.randn(2, 1, 1, 256, 256)
    picture.requires_grad_(True)
    verdicts = network(source, picture)
    middle = verdicts.shape[-1] // 2
    (slope,) = torch.autograd.grad(verdicts[0, 0, middle, middle], picture)
    rows, columns = torch.nonzero(slope[0, 0], as_tuple=True)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize(("levels", "side"), [(1, 16), (2, 34), (3, 70)])
def test_each_verdict_sees_a_patch(levels, side):
    assert reach(levels) == (side, side)


def test_the_discriminator_sees_the_source_and_the_picture():
    torch.manual_seed(0)
    network = PatchDiscriminator(Pix2PixConfig()).eval()
    a, b, c = torch.randn(3, 1, 1, 64, 64)
    assert network(a, b).shape == (1, 1, 6, 6)
    assert not torch.equal(network(a, b), network(c, b)) and not torch.equal(network(a, b), network(a, c))


def test_the_generator_sees_every_level_again_and_refuses_sizes_that_it_cannot_halve():
    torch.manual_seed(0)
    network = Pix2Pix(Pix2PixConfig(depth=3)).eval()
    x = torch.randn(1, 1, 16, 16)
    whole = network(x)
    assert whole.shape == x.shape and whole.abs().max() <= 1.0
    for level in range(2):
        # Without what comes across at one level the picture is another one.
        handle = network.down[level].register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
        assert not torch.equal(network(x), whole)
        handle.remove()
    with pytest.raises(ValueError, match="multiples of 8 high and wide, not 16 x 12"):
        network(torch.zeros(1, 1, 16, 12))
    with pytest.raises(ValueError, match="dropout"):
        Pix2PixConfig(dropout=1.0)
