# SPDX-License-Identifier: Apache-2.0
"""Whole images and sliding windows: the same answer whichever way, and a way on when a device fails."""

import copy

import pytest
import torch
from models_fixtures import small_network
from torch import nn

from SpineLib.core.errors import Cancelled, InputError, ModelError, ResourceError
from SpineLib.inference import sliding_window, whole_image
from SpineLib.inference.device import Device

CPU = Device("cpu", torch.float32)
SHORT = Device("cpu", torch.bfloat16)
# A device without memory of its own: torch's shape-only "meta" takes any tensor and never gives one back, so that what
# happens when an accelerator fails can be seen on every machine.
ACCELERATOR = Device("meta", torch.float32)
IMAGE = torch.rand(1, 1, 150, 70, generator=torch.Generator().manual_seed(5))


class Said(list):
    """Keeps what a progress listener hears."""

    def __call__(self, fraction: float, message: str) -> None:
        assert 0 <= fraction <= 1
        self.append(message)


class Blur(nn.Module):
    """A network of bounded reach (one pixel), so that windows and the whole image must agree inside."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image)


class SmallAccelerator(Blur):
    """Needs more memory than the accelerator has."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.device.type == "meta":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return super().forward(image)


class BrokenAccelerator(Blur):
    """Hits a driver that fails."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.device.type == "meta":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return super().forward(image)


class Overflowing(Blur):
    """Leaves the range of numbers in every precision but fp32."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return super().forward(image) * (1.0 if image.dtype == torch.float32 else float("inf"))


def test_probabilities_have_the_size_of_the_image_and_lie_in_range():
    answer = whole_image.predict(small_network(), IMAGE, CPU)
    assert answer.shape == (1, 1, 150, 70)
    assert answer.dtype == torch.float32 and answer.device.type == "cpu"
    assert 0 <= answer.min() < answer.max() <= 1


def test_the_answer_is_the_sigmoid_of_the_network_and_leaves_it_untouched():
    network = small_network()
    before = copy.deepcopy(network.state_dict())
    with torch.inference_mode():
        expected = network(IMAGE).sigmoid()
    assert (whole_image.predict(network, IMAGE, SHORT) - expected).abs().max() < 0.05
    assert (whole_image.predict(network, IMAGE, CPU) - expected).abs().max() < 1e-4
    for name, values in network.state_dict().items():
        assert torch.equal(values, before[name]) and values.dtype == before[name].dtype
        assert values.stride() == before[name].stride()


@pytest.mark.parametrize("device", [CPU, SHORT])
def test_the_same_image_gives_the_same_answer(device):
    network = small_network()
    assert torch.equal(whole_image.predict(network, IMAGE, device), whole_image.predict(network, IMAGE, device))


def test_a_network_left_in_training_mode_still_predicts():
    network = small_network()
    expected = whole_image.predict(network, IMAGE, CPU)
    assert torch.equal(whole_image.predict(network.train(), IMAGE, CPU), expected)
    assert network.training


def test_instance_norms_and_scans_are_predicted():
    flat = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 1))
    assert whole_image.predict(flat, IMAGE, CPU).shape == IMAGE.shape
    scan = torch.rand(1, 1, 12, 16, 20)
    network = nn.Conv3d(1, 3, 3, padding=1)
    assert torch.allclose(whole_image.predict(network, scan, CPU), network(scan).sigmoid(), atol=1e-5)


@pytest.mark.parametrize("window", [(64, 32), (64, 70), (200, 100)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_windows_agree_with_the_whole_image_away_from_their_borders(window, overlap):
    network = Blur()
    whole = whole_image.predict(network, IMAGE, CPU)
    pieces = sliding_window.predict(network, IMAGE, window, overlap, CPU)
    assert pieces.shape == whole.shape
    # Only at a window's border does it see other neighbors than the whole image.
    assert ((pieces - whole).abs() < 1e-5).float().mean() > 0.8
    assert torch.allclose(pieces[..., 2:20, 2:14], whole[..., 2:20, 2:14], atol=1e-5)


@pytest.mark.parametrize(("window", "overlap", "count"), [((64, 32), 0.25, 9), ((64, 70), 0.5, 4), ((200, 100), 0, 1)])
def test_every_window_is_told(window, overlap, count):
    said = Said()
    sliding_window.predict(Blur(), IMAGE, window, overlap, CPU, said)
    assert said == [f"Window {number + 1} of {count}" for number in range(count)]


def test_a_listener_that_cancels_stops_the_windows():
    heard = []

    def cancel_at_third(fraction: float, message: str) -> None:
        heard.append(message)
        if len(heard) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        sliding_window.predict(Blur(), IMAGE, (32, 32), 0.25, CPU, cancel_at_third)
    assert len(heard) == 3


@pytest.mark.parametrize(("window", "overlap"), [((64,), 0.25), ((0, 32), 0.25), ((64, 32), 1.0), ((64, 32), -0.1)])
def test_windows_that_cannot_be_are_an_input_error(window, overlap):
    with pytest.raises(InputError, match="sliding window"):
        sliding_window.predict(Blur(), IMAGE, window, overlap, CPU)


def test_too_little_accelerator_memory_leads_to_the_processor_and_is_told():
    network, said = SmallAccelerator(), Said()
    answer = whole_image.predict(network, IMAGE, ACCELERATOR, said)
    assert torch.equal(answer, whole_image.predict(network, IMAGE, CPU))
    assert len(said) == 1 and "CPU" in said[0]


def test_windows_are_first_put_together_in_main_memory_and_then_left_to_the_processor():
    network, said = SmallAccelerator(), Said()
    answer = sliding_window.predict(network, IMAGE, (64, 32), 0.25, ACCELERATOR, said)
    assert torch.equal(answer, sliding_window.predict(network, IMAGE, (64, 32), 0.25, CPU))
    changes = [message for message in said if not message.startswith("Window")]
    assert len(changes) == 2
    assert "main memory" in changes[0] and "CPU" in changes[1]


def test_a_failing_accelerator_is_left_at_once():
    network, said = BrokenAccelerator(), Said()
    answer = sliding_window.predict(network, IMAGE, (64, 32), 0.25, ACCELERATOR, said)
    assert torch.equal(answer, sliding_window.predict(network, IMAGE, (64, 32), 0.25, CPU))
    changes = [message for message in said if not message.startswith("Window")]
    assert len(changes) == 1 and "CPU" in changes[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_gone_when_the_network_runs_is_replaced_by_the_processor():
    said = Said()
    answer = whole_image.predict(Blur(), IMAGE, Device("cuda", torch.float16), said)
    assert answer.shape == (1, 2, 150, 70)
    assert len(said) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_and_the_processor_agree():
    network = small_network()
    expected = whole_image.predict(network, IMAGE, CPU)
    assert torch.allclose(whole_image.predict(network, IMAGE, Device("cuda", torch.float32)), expected, atol=1e-4)
    assert torch.allclose(whole_image.predict(network, IMAGE, Device("cuda", torch.float16)), expected, atol=0.02)


def test_an_overflow_in_short_precision_is_repeated_in_full_and_told():
    network, said = Overflowing(), Said()
    answer = whole_image.predict(network, IMAGE, SHORT, said)
    assert torch.equal(answer, whole_image.predict(network, IMAGE, CPU))
    assert any("fp32" in message for message in said)


def test_an_answer_that_is_no_number_is_a_model_error():
    network = Blur()
    network.layer.weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="not a number"):
        whole_image.predict(network, IMAGE, CPU)


def test_too_little_main_memory_is_a_resource_error():
    class Greedy(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.expand(1 << 32, -1, -1, -1).contiguous()

    with pytest.raises(ResourceError, match="memory"):
        whole_image.predict(Greedy(), IMAGE, CPU)


def test_a_fault_in_the_network_itself_is_not_hidden():
    with pytest.raises(RuntimeError, match="channels"):
        whole_image.predict(Blur(), IMAGE.expand(1, 3, -1, -1), CPU)
