# SPDX-License-Identifier: Apache-2.0
"""Every network of the factory: sizes, gradients, learning, counts, saving, precision."""

import pytest
import torch

from SpineLib.core.errors import ModelError
from SpineLib.networks.factory import NETWORKS, build_network
from SpineLib.networks.mirrored import Mirrored
from SpineLib.networks.subvoxel_unet import fold, unfold

SMALL = {
    "unet": {"width": "light"},
    "light_unet": {"features": (16, 32, 64, 128, 256)},
    "residual_unet": {},
    "msff": {"variant": "small"},
    "subvoxel_unet": {},
}
PARAMETERS = {
    "unet": 1_948_129,
    "light_unet": 1_948_612,
    "residual_unet": 1_627_261,
    "msff": 1_400_877,
    "subvoxel_unet": 1_051_428,
}


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(name, 2, 1, 1, **SMALL[name])


def test_every_network_is_tested_here():
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(64, 64), (97, 51), (33, 130), (5, 7)])
def test_logits_have_the_input_size(name, size):
    with torch.inference_mode():
        assert build(name).eval()(torch.rand(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("name", SMALL)
def test_gradient_reaches_every_parameter(name):
    network = build(name)
    image = torch.rand(2, 1, 96, 64)
    network(image).square().mean().backward()
    # A gain that starts at zero (MSFF has one) lets nothing through to what lies behind it before the first step.
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    network.zero_grad()
    network(image).square().mean().backward()
    starved = [label for label, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A bias before batch normalization is taken out again by it: its gradient is zero by mathematics.
    assert [label for label in starved if not label.endswith("conv.bias")] == []


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_overfit_one_film(name):
    network = build(name)
    picture = torch.rand(1, 1, 64, 64)
    target = torch.zeros_like(picture)
    target[..., 24:40] = 1
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-2)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(picture), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("name", SMALL)
def test_parameter_count_is_the_documented_one(name):
    assert sum(weight.numel() for weight in build(name).parameters()) == PARAMETERS[name]


def test_the_papers_unet_has_31_million_parameters():
    network = build_network("unet", 2, 1, 1, width="paper")
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(31.1e6, rel=0.002)


@pytest.mark.parametrize("name", SMALL)
def test_saved_and_loaded_weights_give_identical_logits(name, tmp_path):
    network, picture = build(name).eval(), torch.rand(1, 1, 64, 64)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = build_network(name, 2, 1, 1, **SMALL[name]).eval()
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    with torch.inference_mode():
        assert torch.equal(network(picture), other(picture))


@pytest.mark.parametrize("name", SMALL)
def test_bf16_and_fp32_agree(name):
    network, picture = build(name).eval(), torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        exact = network(picture).sigmoid()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(picture).float().sigmoid()
    assert (exact - rough).abs().max() < 0.02


def test_unknown_network_names_the_known_ones():
    with pytest.raises(ModelError, match="light_unet, msff, residual_unet, subvoxel_unet, unet"):
        build_network("nonsense", 2, 1, 1)


def test_the_light_unet_refuses_scans():
    with pytest.raises(ModelError, match="films only"):
        build_network("light_unet", 3, 1, 1)


@pytest.mark.parametrize("size", [(4, 6), (4, 6, 8)])
def test_folding_voxels_into_channels_loses_nothing(size):
    image = torch.rand(2, 3, *size)
    folded = fold(image)
    assert folded.shape == (2, 3 * 2 ** len(size), *(length // 2 for length in size))
    assert torch.equal(folded[0, 0].flatten()[0], image[0, 0].flatten()[0])
    assert torch.equal(unfold(folded), image)


def test_a_mirrored_network_answers_alike_to_an_image_and_its_mirror_image() -> None:
    network = build("subvoxel_unet").eval()
    image = torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        once, both = network(image), Mirrored(network)(image)
        turned = Mirrored(network)(image.flip(2)).flip(2)
    assert torch.allclose(both, turned, atol=1e-5)
    assert not torch.allclose(once, both, atol=1e-3)


def test_ways_to_the_side_turn_round_in_the_mirror() -> None:
    class Ways(torch.nn.Module):
        """Of every pixel the way to the brightest one, down the rows and along the columns."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            row, column = divmod(int(image.argmax()), image.shape[3])
            rows, columns = torch.meshgrid(*(torch.arange(float(n)) for n in image.shape[2:]), indexing="ij")
            return torch.stack([row - rows, column - columns])[None]

    image = torch.zeros(1, 1, 12, 9)
    image[0, 0, 3, 5] = 1
    ways = Mirrored(Ways(), sideways=(0,))(image)
    assert torch.equal(ways, Ways()(image))
    assert not torch.equal(Mirrored(Ways())(image), ways)


def test_refinement_begins_as_none_and_corrects_the_first_channels_only() -> None:
    options = {"features": (4, 4, 4, 4, 4, 4)}
    torch.manual_seed(0)
    plain = build_network("subvoxel_unet", 3, 1, 4, **options).eval()
    refined = build_network("subvoxel_unet", 3, 1, 4, refined=2, **options).eval()
    left_out = refined.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert left_out and all("refinement" in name for name in left_out)
    image = torch.rand(1, 1, 64, 64, 64)
    with torch.inference_mode():
        assert torch.equal(refined(image), plain(image))
        refined.network.refinement[-1].bias.fill_(1.0)
        change = refined(image) - plain(image)
    assert torch.allclose(change[:, :2], torch.ones_like(change[:, :2]), atol=1e-5)
    assert not change[:, 2:].any()
