# SPDX-License-Identifier: Apache-2.0
"""Options say what is wrong with them."""

import dataclasses

import pytest

from SpineLib.core.errors import InputError
from SpineLib.tasks.options import SegmentOptions


def test_the_defaults_are_valid():
    SegmentOptions().validate()


def test_options_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SegmentOptions().device = "cpu"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"device": "tpu"}, "auto, cpu, cuda"),
        ({"device": None}, "auto, cpu, cuda"),
        ({"precision": "fp8"}, "auto, fp32, bf16, fp16"),
        ({"sliding_window": "yes"}, "true or false"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"modle": "x"}, "modle"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(wrong, told):
    with pytest.raises(InputError) as caught:
        SegmentOptions.from_dict(wrong)
    assert told in str(caught.value)


def test_options_come_from_plain_data():
    assert SegmentOptions.from_dict({"device": "cpu", "sliding_window": True}) == SegmentOptions(
        device="cpu", sliding_window=True
    )
