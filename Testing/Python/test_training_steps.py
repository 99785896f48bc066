# SPDX-License-Identifier: Apache-2.0
"""The steps of a training on scans: gradients that are no numbers, maps too thin for oneDNN, a training gone astray."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fixtures import small_scan

from SpineLib.core.errors import InputError
from SpineLib.core.progress import silent
from SpineLib.training.scan.config import read_scan_config
from SpineLib.training.scan.loop import CHECKPOINT, ScanTrainer
from SpineLib.training.scan.thin_maps import ThinMapsExact

CONFIGS = Path(__file__).parents[2] / "SpineLib" / "training" / "configs"


def tiny_trainer(folder: Path, network: torch.nn.Module) -> ScanTrainer:
    config = replace(read_scan_config(CONFIGS / "ct_fracture.json"), patch=(8, 8, 8), steps=(2,), validate_every=1)
    return ScanTrainer(config, network, [small_scan()], [], [small_scan()], folder, torch.device("cpu"))


def test_a_step_of_a_gradient_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    network = torch.nn.Conv3d(1, 4, 1)
    trainer, before = tiny_trainer(tmp_path, network), network.weight.detach().clone()
    batch = next(trainer._batches())
    spoiled = network.weight.register_hook(lambda gradient: gradient * float("inf"))
    assert np.isnan(trainer._learn(*batch))
    assert torch.equal(network.weight, before)
    spoiled.remove()
    trainer._learn(*batch)
    assert not torch.equal(network.weight, before)


def test_a_training_that_went_astray_is_told(tmp_path: Path) -> None:
    network = torch.nn.Conv3d(1, 4, 1)
    torch.nn.init.constant_(network.weight, float("nan"))
    with pytest.raises(InputError, match="went astray"):
        tiny_trainer(tmp_path, network).run(silent)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_training_without_one_usable_gradient_is_told(tmp_path: Path) -> None:
    network = torch.nn.Conv3d(1, 4, 1)
    network.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(InputError, match="went astray"):
        tiny_trainer(tmp_path, network).run(silent)


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 4, 4), (3, 2, 2)])
def test_every_layer_learns_though_maps_are_thin(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    layer, thin = torch.nn.Conv3d(32, 32, 3, padding=1), torch.randn(2, 32, *shape)

    def gradient(short: bool) -> torch.Tensor:
        layer.zero_grad()
        # What free memory holds afterwards: a gradient that is not computed shows it.
        del [torch.full((1000 * size,), 1e20) for size in range(1, 100)][:]
        with ThinMapsExact(), torch.autocast("cpu", torch.bfloat16, enabled=short):
            answer = layer(thin)
        assert (answer.dtype == torch.float32) == (shape[0] == 2 or not short)
        answer.float().pow(2).sum().backward()
        assert layer.weight.grad is not None
        return layer.weight.grad.clone()

    exact = gradient(False)
    assert (gradient(True) - exact).norm() < 0.02 * exact.norm()
