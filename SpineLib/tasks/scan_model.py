# SPDX-License-Identifier: Apache-2.0
"""A network of the CT tasks on a device."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from SpineLib.core.errors import ModelError
from SpineLib.tasks.model_loading import load_for
from SpineLib.tasks.options import SegmentOptions

if TYPE_CHECKING:
    from torch import nn

    from SpineLib.inference.device import Device
    from SpineLib.models.loader import Bundle

Numbers = TypeVar("Numbers")


@dataclass
class ScanModel:
    """A loaded model. spacing_mm: of its input. window: voxels that it sees at once. sideways: its channels that are a
    way from left to right.

    device: where it runs; another one once the one asked for has failed, which `warnings` then tell.
    """

    bundle: "Bundle"
    device: "Device"
    spacing_mm: float
    window: tuple[int, int, int]
    sideways: tuple[int, ...] = ()
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def for_task(cls, task: str, model: str | None, options: SegmentOptions) -> "ScanModel":
        """The model of that id or path, or the task's own; the device that the options ask for.

        Raises ModelError and ResourceError.
        """
        bundle = load_for(task, model)
        from SpineLib.inference.device import select

        try:
            wanted = bundle.metadata["input"]
            i, j, k = (int(size) for size in wanted["patch"])
            spacing_mm = float(wanted["spacing_mm"])
            channels = range(bundle.metadata["network"]["out_channels"])
            sideways = tuple(channels[place] for place in bundle.metadata.get("sideways_channels", ()))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                f"The model {bundle.id} does not say how it wants its scans.", "Get the model again."
            ) from error
        return cls(bundle, select(options.device, options.precision), spacing_mm, (i, j, k), sideways)

    @property
    def network(self) -> "nn.Module":
        """What looks at the scan; where the model says so, at its mirror image, too."""
        if not self.bundle.metadata.get("mirrored", False):
            return self.bundle.network
        from SpineLib.networks.mirrored import Mirrored

        return Mirrored(self.bundle.network, self.sideways)

    def numbers(self, name: str, kind: "type[Numbers]") -> "Numbers | None":
        """Numbers that the model's metadata brings under a name, as a dataclass of them; None where it brings none.

        Raises ModelError where they are unusable.
        """
        told: Any = self.bundle.metadata.get(name)
        if told is None:
            return None
        try:
            return kind(**{key: float(value) for key, value in told.items()})
        except (AttributeError, TypeError, ValueError) as error:
            raise ModelError(f'The model {self.bundle.id} has unusable "{name}".', "Get the model again.") from error

    def change(self, device: "Device", sentence: str) -> None:
        """Stay with what works: a second look need not fail first."""
        self.device = device
        if sentence not in self.warnings:
            self.warnings.append(sentence)
