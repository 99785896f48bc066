# SPDX-License-Identifier: Apache-2.0
"""Choosing the device and the precision, and saying clearly what is not there."""

import pytest
import torch

from SpineLib.core.errors import InputError, ResourceError
from SpineLib.inference import device

CUDA = torch.cuda.is_available()


def test_auto_takes_a_device_that_computes_and_says_why():
    chosen = device.select()
    assert chosen.name == ("cuda" if CUDA and not device.cuda_fault() else "cpu")
    assert chosen.precision in ("fp32", "bf16", "fp16")
    assert chosen.note
    assert torch.ones(2, device=chosen.name, dtype=chosen.dtype).sum() == 2


def test_the_choice_is_made_once_and_repeats():
    assert device.select() == device.select()


def test_the_processor_can_be_asked_for():
    assert device.select("cpu").name == "cpu"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_asked_for_is_given(precision):
    chosen = device.select("cpu", precision)
    assert chosen.precision == precision
    assert "as asked" in chosen.note


@pytest.mark.skipif(CUDA, reason="this machine has CUDA")
def test_cuda_asked_for_by_name_but_not_there_is_a_resource_error():
    with pytest.raises(ResourceError, match="cuda cannot be used") as caught:
        device.select("cuda")
    assert "cpu" in caught.value.hint


def test_half_precision_is_refused_on_processors():
    with pytest.raises(ResourceError, match="cannot compute in fp16") as caught:
        device.select("cpu", "fp16")
    assert "fp32" in caught.value.hint


@pytest.mark.parametrize(("name", "precision"), [("gpu", "auto"), ("auto", "double")])
def test_unknown_words_are_answered_with_the_known_ones(name, precision):
    with pytest.raises(InputError) as caught:
        device.select(name, precision)
    assert "auto" in caught.value.hint


@pytest.mark.skipif(not CUDA, reason="needs CUDA")
@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16"])
def test_cuda_is_taken_when_asked_for(precision):
    assert device.select("cuda", precision).name == "cuda"
