# SPDX-License-Identifier: Apache-2.0
"""A training run on scans as data: read from a JSON file, checked before anything is computed."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from SpineLib.core.errors import InputError
from SpineLib.synthesis.ct.options import CtOptions

KIND = "scan"


@dataclass(frozen=True)
class SyntheticSet:
    """The synthetic cases of a run. options: of `CtOptions`. shrink: every so many voxels are kept, after a blur that
    a coarse scan would have had."""

    training: int
    validation: int
    options: dict[str, Any]
    shrink: int = 1

    def case_options(self) -> CtOptions:
        """Raises InputError for options that cannot be used."""
        lists = {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}
        options = CtOptions(**lists)
        options.validate()
        return options


@dataclass(frozen=True)
class ScanConfig:
    """What `spine train` needs to know for a network of the CT tasks. See `training/configs`.

    target: what the network learns, a line of `targets.TARGETS`. spacing_mm: of its input. patch: voxels of a training
    patch; with `smallest_patch` three of five batches are smaller along each axis, down to that. batch_size: of one,
    some of torch's convolutions take a path on the CPU that is many times slower. dataset: name of the labeled scans
    given by --data, which are added to the synthetic ones; they make `real_share` of the patches. start: id or folder
    of a model whose weights, where names and sizes agree, the network begins with. schedule: a line of
    `schedules.SCHEDULES`. plain_share: of patches whose intensities stay as they are. distractor_share: of patches with
    bright lumps beside the spine. steps: of the optimizer in each cycle of its rate.
    metadata: fields of the bundle's metadata.json.
    """

    id: str
    target: str
    network: dict[str, Any]
    spacing_mm: float
    patch: tuple[int, int, int]
    synthetic: SyntheticSet
    steps: tuple[int, ...]
    learning_rate: float
    batch_size: int = 2
    smallest_patch: tuple[int, int, int] | None = None
    plain_share: float = 0.3
    distractor_share: float = 0.0
    start: str = ""
    dataset: str = ""
    real_share: float = 0.5
    seed: int = 2023
    schedule: str = "one_cycle"
    average_decay: float = 0.995
    validate_every: int = 200
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def all_steps(self) -> int:
        return sum(self.steps)


def is_scan_config(path: Path) -> bool:
    """Whether the configuration at `path` is one for scans."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, ValueError, AttributeError):
        return False


def read_scan_config(path: Path) -> ScanConfig:
    """Raises InputError when the file is missing or says something that training does not know."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw.pop("kind", None)
        from SpineLib.training.scan.schedules import SCHEDULES
        from SpineLib.training.scan.targets import TARGETS

        synthetic = SyntheticSet(**raw.pop("synthetic"))
        synthetic.case_options()
        for name in ("patch", "smallest_patch", "steps"):
            if name in raw:
                raw[name] = tuple(raw[name])
        config = ScanConfig(synthetic=synthetic, **raw)
        if config.schedule not in SCHEDULES or config.target not in TARGETS:
            raise ValueError(f'"{config.schedule}" is no schedule or "{config.target}" no target')
        return config
    except OSError as error:
        raise InputError(f'The training configuration "{path}" cannot be read.', "Check its path.") from error
    except (ValueError, KeyError, TypeError) as error:
        sentence = f'The training configuration "{path}" is not usable: {error}.'
        raise InputError(sentence, "Compare it with those in training/configs.") from error
