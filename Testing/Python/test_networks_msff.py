# SPDX-License-Identifier: Apache-2.0
"""MSFF in 3D, its variants and switches; the residual U-Net, its comparator. test_networks.py has both in 2D."""

import pytest
import torch
from torch import nn

from SpineLib.core.errors import ModelError
from SpineLib.networks.factory import build_network
from SpineLib.networks.folding import fold_norms
from SpineLib.networks.msff.attention import Attention
from SpineLib.networks.msff.blocks import resample
from SpineLib.networks.msff.lprab import LPRAB
from SpineLib.networks.msff.rbrab import RBRAB
from SpineLib.networks.msff.windows import cut, join

SMALL = {"msff": {"variant": "small"}, "residual_unet": {"features": (8, 16, 32, 64, 128)}}
PARAMETERS = {"faithful": 15_826_442, "default": 7_769_442, "small": 3_980_522}  # in 3D with 26 classes
SWITCHES = ("use_ffm", "use_sem", "use_aspp", "use_rcbam", "use_rbrab", "use_lprab")


def build(name: str = "msff", spatial_dims: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    return build_network(name, spatial_dims, 1, 3, **{**SMALL[name], **options})


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def starved(network: nn.Module) -> list[str]:
    """Parameters that no gradient reaches."""
    return [label for label, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]


def opened(network: nn.Module) -> nn.Module:
    """The network with the attention of RBRAB let in, as it is after some training."""
    for module in network.modules():
        if isinstance(module, RBRAB):
            nn.init.ones_(module.gain)
    return network


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(32, 32, 32), (33, 47, 29), (5, 7, 3)])
def test_logits_of_a_scan_have_its_size(name, size):
    with torch.inference_mode():
        assert build(name).eval()(torch.rand(1, 1, *size)).shape == (1, 3, *size)


def test_gradient_reaches_every_parameter_once_the_gain_is_open():
    network = build()
    image = torch.rand(1, 1, 32, 32, 32)
    network(image).square().mean().backward()
    # The gain of RBRAB starts at zero: only it learns in the first step, nothing of the attention behind it.
    attention = [f"network.rbrab.attention.{label}" for label, _ in network.network.rbrab.attention.named_parameters()]
    assert starved(network) == attention
    network.zero_grad()
    opened(network)(image).square().mean().backward()
    assert starved(network) == []


def test_gradient_reaches_every_parameter_of_the_residual_unet():
    network = build("residual_unet")
    network(torch.rand(1, 1, 32, 32, 32)).square().mean().backward()
    # A bias before batch normalization is taken out again by it: its gradient is zero by mathematics.
    assert [label for label in starved(network) if not label.endswith("conv.bias")] == []


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_overfit_one_scan(name):
    network = build(name)
    target = torch.zeros(1, 32, 32, 32, dtype=torch.long)
    target[..., 8:20] = 1
    target[..., 20:24] = 2
    scan = target[:, None] + torch.rand(1, 1, 32, 32, 32)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-2)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(network(scan), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameter_count_is_the_documented_one(variant):
    with torch.device("meta"):
        assert count(build_network("msff", 3, 1, 26, variant=variant)) == PARAMETERS[variant]


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("name", SMALL)
def test_saved_and_loaded_weights_give_identical_logits(name, spatial_dims, tmp_path):
    network, image = opened(build(name, spatial_dims)).eval(), torch.rand(1, 1, *[32] * spatial_dims)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = build_network(name, spatial_dims, 1, 3, **SMALL[name]).eval()
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    with torch.inference_mode():
        assert torch.equal(network(image), other(image))


@pytest.mark.parametrize("name", SMALL)
def test_bf16_and_fp32_agree(name):
    network, image = opened(build(name)).eval(), torch.rand(1, 1, 32, 32, 32)
    with torch.inference_mode():
        exact = network(image).softmax(dim=1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(image).float().softmax(dim=1)
    assert (exact - rough).abs().max() < 0.02


def test_folding_keeps_the_answer():
    network, image = opened(build()), torch.rand(2, 1, 32, 32, 32)
    network(image * 3)
    network.eval()
    with torch.inference_mode():
        expected = network(image)
        assert fold_norms(network) > 0
        left = [label for label, module in network.named_modules() if isinstance(module, nn.BatchNorm3d)]
        assert left == ["network.decoder.to_full.adn.N"]
        assert (network(image) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("off", [*((switch,) for switch in SWITCHES), SWITCHES], ids=" ".join)
def test_every_module_can_be_switched_off(off, spatial_dims):
    whole, network = build(spatial_dims=spatial_dims), build(spatial_dims=spatial_dims, **dict.fromkeys(off, False))
    assert count(network) < count(whole)
    with torch.inference_mode():
        size = [32] * spatial_dims
        assert network.eval()(torch.rand(1, 1, *size)).shape == (1, 3, *size)


def test_skips_can_be_switched_off():
    with torch.inference_mode():
        assert build(skips=False).eval()(torch.rand(1, 1, 32, 32, 32)).shape == (1, 3, 32, 32, 32)


def test_an_unknown_variant_names_the_known_ones():
    with pytest.raises(ModelError, match="no variant") as error:
        build(variant="nonsense")
    assert "default, faithful, small" in error.value.hint


def test_a_single_image_a_batch_can_be_learned_from():
    network = build(spatial_dims=2).train()
    assert network(torch.rand(1, 1, 20, 20)).isfinite().all()


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("length", [6, 8, 13])
def test_windows_come_back_as_they_were(length, spatial_dims):
    x = torch.rand(2, 4, length, *[7] * (spatial_dims - 1))
    tokens, real = cut(x, 6)
    assert torch.equal(join(tokens, 6, like=x), x)
    assert real.sum() == 2 * x[0, 0].numel()
    assert not tokens[~real].any()


def test_a_grid_of_whole_windows_needs_no_mask():
    assert cut(torch.rand(1, 4, 12, 6, 6), 6)[1] is None


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_what_fills_a_window_up_has_no_influence(spatial_dims):
    network, image = build(spatial_dims=spatial_dims).eval(), torch.rand(2, 1, *[32] * spatial_dims)
    filled = []

    def spoil(attention: Attention, given: tuple) -> tuple:
        tokens, _, real = given
        filled.append((~real).sum().item())
        spoilt = torch.where(real[..., None], tokens, 1e3 * torch.randn_like(tokens))
        return spoilt, spoilt, real

    with torch.inference_mode():
        expected = network(image)
        network.network.lprab.attention.register_forward_pre_hook(spoil)
        assert torch.equal(network(image), expected)
    assert filled and filled[0] > 0


def test_what_is_real_has_influence_within_its_window_only():
    torch.manual_seed(0)
    block = LPRAB(2, 8).eval()
    x = torch.rand(1, 8, 12, 12)
    other = x.clone()
    other[..., 0, 0] += 1
    looked_at, real = [], cut(x, 6)[1]
    for maps in (x, other):
        tokens = cut(maps, 6)[0] + block.position
        looked_at.append(block.attention(tokens, tokens, real))
    changed = (looked_at[0] != looked_at[1]).flatten(1).any(dim=1)
    assert changed.tolist() == [True, False, False, False]


def test_the_same_cell_answers_by_its_place_in_the_window():
    torch.manual_seed(0)
    block = LPRAB(2, 8).eval()
    nn.init.normal_(block.position)
    with torch.inference_mode():
        tokens = torch.ones(1, 36, 8) + block.position
        answer = block.attention(tokens, tokens)
    assert (answer[0, 0] - answer[0, 1]).abs().max() > 1e-3


@pytest.mark.parametrize("grid", [(8, 8, 8), (7, 9, 5)])
def test_rbrab_takes_grids_that_its_pooling_does_not_divide(grid):
    block = opened(RBRAB(3, 8)).eval()
    assert block(torch.rand(2, 8, *grid)).shape == (2, 8, *grid)


def test_resampling_keeps_the_maximum_on_the_way_down_and_a_constant_on_the_way_up():
    x = torch.zeros(1, 1, 8, 8, 8)
    x[..., 3, 3, 3] = 5
    assert resample(x, (4, 4, 4)).max() == 5
    assert torch.equal(resample(torch.ones(1, 1, 4, 4), (8, 8)), torch.ones(1, 1, 8, 8))
    assert resample(x, (8, 8, 8)) is x
