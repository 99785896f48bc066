# SPDX-License-Identifier: Apache-2.0
"""A training run on scans as data: read from a JSON file, checked before anything is computed."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.synthesis.ct.options import CtOptions

KIND = "scan"
REAL_SPINES = ("shapes", "curves")
"""Options of `CtOptions` that are files, given by the command line."""


@dataclass(frozen=True)
class SyntheticSet:
    """The synthetic cases of a run. options: of `CtOptions`, for all cases. mixed: which share of the cases has
    which options beside these, so that what is rare or hard is seen often. shrink: every so many voxels are kept,
    after a blur that a coarse scan would have had."""

    training: int
    validation: int
    options: dict[str, Any]
    mixed: tuple[dict[str, Any], ...] = ()
    shrink: int = 1

    def case_options(self, seed: int | None = None) -> CtOptions:
        """Of the case of a seed; without one, those that all cases have."""
        options = {**self.options, **(self._drawn(seed) if seed is not None else {})}
        lists = {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
        return CtOptions(**{**options, **lists})

    def validate(self) -> None:
        """Raise InputError or TypeError for options that cannot be used, ValueError for shares of more than all."""
        self.case_options().validate()
        for each in self.mixed:
            replace(self, options={**self.options, **_options(each)}).case_options().validate()
        if sum(each["share"] for each in self.mixed) > 1 + 1e-9:
            raise ValueError("the shares of the mixed cases are more than 1 in all")

    def _drawn(self, seed: int) -> dict[str, Any]:
        """The mixed options that the case of this seed has."""
        left = float(np.random.default_rng(seed).random())
        for each in self.mixed:
            left -= each["share"]
            if left < 0:
                return _options(each)
        return {}


def _options(mixed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mixed.items() if name != "share"}


@dataclass(frozen=True)
class ScanConfig:
    """What `spine train` needs to know for a network of the CT tasks. See `training/configs`.

    target: what the network learns, a line of `targets.TARGETS`. spacing_mm: of its input. patch: voxels of a training
    patch; with `smallest_patch` three of five batches are smaller along each axis, down to that. batch_size: of one,
    some of torch's convolutions take a path on the CPU that is many times slower. dataset: name of the labeled scans
    given by --data, which are added to the synthetic ones; they make `real_share` of the patches. start: id or
    folder of a model whose weights, where names and sizes agree, the network begins with; start_share: how far it
    goes back to them in the end; trained: parts of the names of the weights that are trained, while all others stay
    those of `start` and the bundle keeps but what was added to them; by default all are; low_rank: parts of the
    names of further layers and the rank of the change that they may learn. schedule: a line of
    `schedules.SCHEDULES`. plain_share: of patches whose intensities stay as they are. distractor_share: of patches
    with bright lumps beside the spine. anywhere_share: of patches around any structure instead of what the target
    shows, as where most vertebrae are healthy. amid_share: of patches with a vertebra in their middle, as the
    windows of a task lie. steps: of the optimizer in each cycle of its rate. metadata: fields of the bundle's
    metadata.json.
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
    anywhere_share: float = 0.0
    amid_share: float = 0.0
    start: str = ""
    start_share: float = 0.0
    trained: tuple[str, ...] = ()
    low_rank: dict[str, int] = field(default_factory=dict)
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


def read_scan_config(path: Path, **real: Path | None) -> ScanConfig:
    """real: files of `shapes` and `curves` of real spines for the synthetic cases (see `CtOptions`).

    Raises InputError when a file is missing or the configuration says something that training does not know.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw.pop("kind", None)
        from SpineLib.training.scan.schedules import SCHEDULES
        from SpineLib.training.scan.targets import TARGETS

        synthetic = SyntheticSet(**raw.pop("synthetic"))
        given = {name: str(path) for name, path in real.items() if path is not None}
        synthetic = replace(synthetic, options={**synthetic.options, **given}, mixed=tuple(synthetic.mixed))
        synthetic.validate()
        for name in ("patch", "smallest_patch", "steps", "trained"):
            if name in raw:
                raw[name] = tuple(raw[name])
        config = ScanConfig(synthetic=synthetic, **raw)
        if config.schedule not in SCHEDULES or config.target not in TARGETS:
            raise ValueError(f'"{config.schedule}" is no schedule or "{config.target}" no target')
        if config.trained and not config.start:
            raise ValueError('"trained" says which weights of "start" change, but that is missing')
        if not all(isinstance(rank, int) and rank > 0 for rank in dict(config.low_rank).values()):
            raise ValueError('"low_rank" is no table of names and ranks from 1 on')
        if config.low_rank and (not config.trained or config.start_share):
            raise ValueError('"low_rank" needs "trained", which says what else is trained, and no "start_share"')
        return config
    except OSError as error:
        raise InputError(f'The training configuration "{path}" cannot be read.', "Check its path.") from error
    except (ValueError, KeyError, TypeError) as error:
        sentence = f'The training configuration "{path}" is not usable: {error}.'
        raise InputError(sentence, "Compare it with those in training/configs.") from error
