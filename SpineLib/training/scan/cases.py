# SPDX-License-Identifier: Apache-2.0
"""Training cases on disk, laid out so that a patch is read without the rest."""

import json
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from SpineLib.core.progress import Progress
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.run import case_seed
from SpineLib.training.scan.config import SyntheticSet

UNKNOWN_LABEL = 255
"""Of voxels that nobody labeled, in a set that leaves vertebrae cut by the scan's ends out."""
BINOMIAL = np.array([0.25, 0.5, 0.25], dtype=np.float32)


@dataclass(frozen=True)
class TrainingScan:
    """A case of a training run, its arrays mapped from disk.

    voxels: int16 `(I, J, K)`. truth: uint8 `(3, I, J, K)`: labels, parts, fractured, as in `SyntheticCT`. centers:
    label -> index (i, j, k) of the vertebra's center. is_hu: whether the voxels are Hounsfield units. fractures:
    label -> Genant grade of each fractured vertebra. parts_known: whether bodies are told from posterior elements.
    unlabeled: codes of structures that have no labels though they may be there.
    """

    voxels: np.ndarray
    truth: np.ndarray
    centers: dict[int, np.ndarray]
    is_hu: bool
    fractures: dict[int, int]
    parts_known: bool = True
    unlabeled: tuple[int, ...] = ()


def synthetic_scans(wanted: SyntheticSet, count: int, seed: int, folder: Path, progress: Progress) -> list[Path]:
    """The folders of `count` synthetic cases; those that an earlier run made are kept."""
    folders = [folder / f"case_{number:05d}" for number in range(1, count + 1)]
    missing = [(number, path) for number, path in enumerate(folders, 1) if not (path / "case.json").is_file()]
    if missing:
        make = partial(_make, wanted, seed)
        context = multiprocessing.get_context("spawn")
        workers = max(1, min(multiprocessing.cpu_count(), len(missing)))
        with ProcessPoolExecutor(workers, context) as pool:
            done: Iterable[None] = pool.map(make, missing, chunksize=4)
            for number, _ in enumerate(done, 1):
                progress(number / len(missing), f"{number} of {len(missing)} synthetic scans")
    return folders


def _make(wanted: SyntheticSet, seed: int, place: tuple[int, Path]) -> None:
    number, folder = place
    own = case_seed(seed, number)
    case = make_case(own, wanted.case_options(own))
    voxels, affine = shrunk(case.voxels, case.affine, wanted.shrink)
    every = (slice(None, None, wanted.shrink),) * 3
    truth = np.stack([case.labels[every], case.parts[every], case.fractured[every]])
    to_index = np.linalg.inv(affine)
    vertebrae = case.truth["vertebrae"]
    about = {
        "is_hu": not case.truth["randomized"],
        "centers": {str(each["label"]): _index(to_index, each["center_ras_mm"]) for each in vertebrae},
        "fractures": {str(each["label"]): each["genant_grade"] for each in vertebrae if each["fracture"]},
        "parts_known": True,
    }
    write_case(folder, voxels, truth, about)


def write_case(folder: Path, voxels: np.ndarray, truth: np.ndarray, about: dict) -> None:
    """The JSON comes last, so what has one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "voxels.npy", np.ascontiguousarray(voxels))
    np.save(folder / "truth.npy", np.ascontiguousarray(truth))
    (folder / "case.json").write_text(json.dumps(about), encoding="utf-8")


def read_case(folder: Path) -> TrainingScan:
    about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return TrainingScan(
        np.load(folder / "voxels.npy", mmap_mode="r"),
        np.load(folder / "truth.npy", mmap_mode="r"),
        {int(label): np.array(center, np.float32) for label, center in about["centers"].items()},
        about["is_hu"],
        {int(label): grade for label, grade in about["fractures"].items()},
        about["parts_known"],
        tuple(about.get("unlabeled", ())),
    )


def shrunk(voxels: np.ndarray, affine: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Every `step`-th voxel (1 or 2) from the first on, after a binomial blur: voxel centers stay exact."""
    if step == 1:
        return voxels, affine
    from scipy import ndimage

    values = voxels.astype(np.float32)
    for axis in range(3):
        values = ndimage.correlate1d(values, BINOMIAL, axis=axis, mode="nearest")
    return np.rint(values[::step, ::step, ::step]).astype(voxels.dtype), affine @ np.diag([step, step, step, 1.0])


def _index(to_index: np.ndarray, point: list[float]) -> list[float]:
    return (to_index[:3, :3] @ np.array(point) + to_index[:3, 3]).tolist()
