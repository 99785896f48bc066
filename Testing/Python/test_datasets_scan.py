# SPDX-License-Identifier: Apache-2.0
"""Data sets of labeled scans, made up in their layouts and with turned axes: everything must come back exactly."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from SpineLib import io
from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM
from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume
from SpineLib.datasets import SCAN_DATASETS, load_scan_dataset, totalsegmentator
from SpineLib.datasets.same_grid import on_grid_of
from SpineLib.datasets.scan_case import LabeledScan
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.training.scan.cases import UNKNOWN_LABEL, TrainingScan, read_case
from SpineLib.training.scan.config import ScanConfig, SyntheticSet
from SpineLib.training.scan.labeled import prepared_scans
from SpineLib.training.scan.patches import central_patch, cut
from SpineLib.training.scan.regrid import MARGIN_MM, regridded
from SpineLib.training.scan.targets import ANY_PART, TARGETS

OPTIONS = CtOptions((40, 40, 48), (3.0, 3.0, 3.0), 0.0, "L3", "usual", "wedge", False, False, 0.0)
MARK, MARK_HU = (31, 7, 40), 3000
"""A voxel of its own, left, in front and high up."""


@pytest.fixture(scope="module")
def made() -> SyntheticCT:
    case = make_case(3, OPTIONS)
    case.voxels[MARK] = MARK_HU
    return case


def save(path: Path, voxels: np.ndarray, affine: np.ndarray, axes: str) -> None:
    """A NIfTI file whose axes run as `axes` says, for example "PSR" for back, up, right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, affine)
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(axes))
    nibabel.save(image.as_reoriented(turn), path)


def in_order_of(made: SyntheticCT, voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Voxels read from anywhere, in the array order of the case."""
    turn = ornt_transform(io_orientation(affine), io_orientation(made.affine))
    return nibabel.Nifti1Image(voxels, affine).as_reoriented(turn).get_fdata()


def without(labels: np.ndarray, *codes: int) -> np.ndarray:
    return np.where(np.isin(labels, codes), 0, labels).astype(np.uint8)


def write_verse(folder: Path, made: SyntheticCT) -> np.ndarray:
    labels = without(made.labels, DISC.code)
    labels[labels == BY_NAME["L1"].code] = BY_NAME["T13"].code
    part = folder / "dataset-01training"
    for name in ("sub-verse500_dir-ax", "sub-verse500_split-verse253", "sub-gl003_dir-sag"):
        subject = name.split("_")[0]
        save(part / "rawdata" / subject / f"{name}_ct.nii.gz", made.voxels, made.affine, "PSR")
        save(part / "derivatives" / subject / f"{name}_seg-vert_msk.nii.gz", labels, made.affine, "PSR")
    return labels


def write_ctspine1k(folder: Path, made: SyntheticCT) -> np.ndarray:
    labels = without(made.labels, DISC.code, SACRUM.code)
    save(folder / "data" / "COLONOG" / "1.3.6.1.4.0001.nii.gz", made.voxels, made.affine, "LPS")
    save(folder / "label" / "COLONOG" / "1.3.6.1.4.0001_seg.nii.gz", labels, made.affine, "LPS")
    return labels


def write_totalsegmentator(folder: Path, made: SyntheticCT) -> np.ndarray:
    labels = without(made.labels, DISC.code)
    save(folder / "s0011" / "ct.nii.gz", made.voxels, made.affine, "RAS")
    masks = {f"vertebrae_{name}": BY_NAME[name].code for name in ("T12", "L1", "L2", "L3", "L4", "L5")}
    kept = without(labels, *set(np.unique(labels)) - {*masks.values(), SACRUM.code})
    top_of_sacrum = (kept == SACRUM.code) & (np.arange(48) > 10)
    for name, mask in {
        **{name: kept == code for name, code in masks.items()},
        "vertebrae_S1": top_of_sacrum,
        "sacrum": (kept == SACRUM.code) & ~top_of_sacrum,
        "liver": made.voxels > 0,
    }.items():
        save(folder / "s0011" / "segmentations" / f"{name}.nii.gz", mask.astype(np.uint8), made.affine, "RAS")
    return kept


def write_rsna2022(folder: Path, made: SyntheticCT) -> np.ndarray:
    """The image is no more than a folder here: what is told apart is the labels' order, not the reading of DICOM."""
    labels = without(made.labels, DISC.code, SACRUM.code)
    labels[labels > 0] -= 16
    (folder / "train_images" / "1.2.826.1").mkdir(parents=True)
    save(folder / "segmentations" / "1.2.826.1.nii", labels, made.affine, "PIR")
    (folder / "train.csv").write_text(
        "StudyInstanceUID,patient_overall,C1,C2,C3,C4,C5,C6,C7\n1.2.826.1,1,0,1,0,0,1,0,0\n1.2.826.2,0,0,0,0,0,0,0,0\n"
    )
    return labels


def write_synthetic(folder: Path, made: SyntheticCT, count: int = 1, axes: str = "ASL") -> np.ndarray:
    for number in range(1, count + 1):
        planes = {"": made.voxels, "_labels": made.labels, "_parts": made.parts, "_fractures": made.fractured}
        for kind, voxels in planes.items():
            save(folder / f"ct_{number:04d}{kind}.nii.gz", voxels, made.affine, axes)
        (folder / f"ct_{number:04d}.json").write_text(json.dumps(made.truth))
    return made.labels


WRITERS: dict[str, Callable[[Path, SyntheticCT], np.ndarray]] = {
    "ctspine1k": write_ctspine1k,
    "rsna2022": write_rsna2022,
    "synthetic_ct": write_synthetic,
    "totalsegmentator": write_totalsegmentator,
    "verse": write_verse,
}


@pytest.fixture
def dicom_folders(made: SyntheticCT, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders read as a series of axial slices, the first one on top."""
    read = io.read
    affine = made.affine @ np.diag([1, 1, -1, 1.0])
    affine[:3, 3] += made.affine[:3, 2] * (made.voxels.shape[2] - 1)
    series = Volume(made.voxels[:, :, ::-1], affine, "ct")
    monkeypatch.setattr(io, "read", lambda path: series if Path(path).is_dir() else read(path))


@pytest.mark.parametrize("name", SCAN_DATASETS)
def test_voxels_and_labels_come_back_where_they_were(
    name: str, made: SyntheticCT, tmp_path: Path, dicom_folders: None
) -> None:
    labels = WRITERS[name](tmp_path, made)
    scan = load_scan_dataset(name, tmp_path)[0].read()
    place = np.linalg.solve(scan.volume.affine, made.affine @ [*MARK, 1])[:3]
    np.testing.assert_allclose(place, np.rint(place), atol=1e-4)
    assert scan.volume.voxels[tuple(np.rint(place).astype(int))] == MARK_HU
    np.testing.assert_array_equal(in_order_of(made, scan.volume.voxels, scan.volume.affine), made.voxels)
    assert scan.labels.dtype == np.uint8 and labels.any()
    np.testing.assert_array_equal(in_order_of(made, scan.labels, scan.volume.affine), labels)


def test_verse_keeps_the_scans_of_a_subject_together(made: SyntheticCT, tmp_path: Path) -> None:
    write_verse(tmp_path, made)
    cases = load_scan_dataset("verse", tmp_path)
    assert [case.name for case in cases] == [
        "sub-gl003_dir-sag",
        "sub-verse500_dir-ax",
        "sub-verse500_split-verse253",
    ]
    assert [case.patient_group for case in cases] == ["sub-gl003", "sub-verse500", "sub-verse500"]


def test_the_other_layout_of_ctspine1k_is_known(made: SyntheticCT, tmp_path: Path) -> None:
    write_ctspine1k(tmp_path, made)
    (tmp_path / "raw_data").mkdir()
    (tmp_path / "data").rename(tmp_path / "raw_data" / "volumes")
    (tmp_path / "label").rename(tmp_path / "raw_data" / "labels")
    assert [case.name for case in load_scan_dataset("ctspine1k", tmp_path)] == ["COLONOG_1.3.6.1.4.0001"]


def test_masks_of_totalsegmentator_get_the_right_codes() -> None:
    wanted = {"C1": 1, "C7": 7, "T1": 8, "T12": 19, "L1": 20, "L5": 24, "L6": 25, "S1": 26, "T13": 28}
    assert (
        wanted.items()
        <= {
            file.removeprefix("vertebrae_").removesuffix(".nii.gz"): code
            for file, code in totalsegmentator.MASKS.items()
        }.items()
    )
    assert totalsegmentator.MASKS["sacrum.nii.gz"] == 26 and len(totalsegmentator.MASKS) == 28


def test_fractures_are_told(made: SyntheticCT, tmp_path: Path, dicom_folders: None) -> None:
    write_rsna2022(tmp_path / "rsna", made)
    write_synthetic(tmp_path / "made", made)
    (known,) = load_scan_dataset("rsna2022", tmp_path / "rsna")
    assert known.fractures == {2: -1, 5: -1} and known.fractured is None
    (case,) = load_scan_dataset("synthetic_ct", tmp_path / "made")
    scan = case.read()
    assert case.fractures == {
        each["label"]: each["genant_grade"] for each in made.truth["vertebrae"] if each["fracture"] is not None
    }
    assert case.fractures and scan.parts is not None and scan.fractured is not None
    np.testing.assert_array_equal(in_order_of(made, scan.parts, scan.volume.affine), made.parts)
    np.testing.assert_array_equal(in_order_of(made, scan.fractured, scan.volume.affine), made.fractured)


@pytest.mark.parametrize("name", SCAN_DATASETS)
def test_another_folder_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no"):
        load_scan_dataset(name, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_scan_dataset(name, tmp_path / "absent")
    with pytest.raises(InputError, match="Known data sets"):
        load_scan_dataset(f"not {name}", tmp_path)


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("verse", "dataset-01training/derivatives/sub-gl003/sub-gl003_dir-sag_seg-vert_msk.nii.gz", "has no labels"),
        ("ctspine1k", "label/COLONOG/1.3.6.1.4.0001_seg.nii.gz", "has no labels"),
        ("totalsegmentator", "s0011/segmentations", "no masks of vertebrae"),
        ("rsna2022", "train_images", "have no image"),
        ("synthetic_ct", "ct_0001_labels.nii.gz", "has no ct_0001_labels"),
        ("synthetic_ct", "ct_0001.json", r"has no ct_0001\.json"),
    ],
)
def test_a_missing_file_is_told(name: str, missing: str, message: str, made: SyntheticCT, tmp_path: Path) -> None:
    WRITERS[name](tmp_path, made)
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        load_scan_dataset(name, tmp_path)


def test_two_scans_of_one_name_are_told(made: SyntheticCT, tmp_path: Path) -> None:
    for part in ("one", "two"):
        write_verse(tmp_path / part, made)
    with pytest.raises(InputError, match="are called sub-gl003_dir-sag"):
        load_scan_dataset("verse", tmp_path)


def test_labels_that_do_not_fit_are_told(made: SyntheticCT, tmp_path: Path) -> None:
    labels = write_ctspine1k(tmp_path, made)
    path = tmp_path / "label" / "COLONOG" / "1.3.6.1.4.0001_seg.nii.gz"
    (case,) = load_scan_dataset("ctspine1k", tmp_path)
    for voxels, message in (
        (np.where(labels == 22, 26, labels).astype(np.uint8), "does not define: 26"),
        (np.where(labels == 22, -3, labels.astype(np.int16)), "does not define: -3"),
        (labels + np.float32(0.5), "does not define: 0.5"),
        (labels[:-1], "do not lie on the grid"),
    ):
        save(path, voxels, made.affine, "LPS")
        with pytest.raises(InputError, match=message):
            case.read()


def test_grids_are_one_only_where_their_voxels_meet(made: SyntheticCT) -> None:
    image = Volume(made.voxels, made.affine, "ct")
    shifted, turned, rounded = (made.affine.copy() for _ in range(3))
    shifted[0, 3] += 1.5
    turned[:2, :2] = turned[:2, :2] @ np.array([[np.cos(0.05), -np.sin(0.05)], [np.sin(0.05), np.cos(0.05)]])
    rounded[2, 2] *= 1 + 1e-3
    assert on_grid_of(image, Volume(made.labels, shifted, "ct")) is None
    assert on_grid_of(image, Volume(made.labels, turned, "ct")) is None
    np.testing.assert_array_equal(on_grid_of(image, Volume(made.labels, rounded, "ct")), made.labels)


def config(**changes) -> ScanConfig:
    needed = {"id": "x", "target": "parts", "network": {}, "spacing_mm": 3.0, "patch": (32, 32, 32), "steps": 1}
    return ScanConfig(**{**needed, "synthetic": SyntheticSet(1, 1, {}), "learning_rate": 1.0, **changes})


def prepared(tmp_path: Path, data: Path, **changes) -> list[TrainingScan]:
    folders = prepared_scans(config(**changes), data, tmp_path / "run" / "real_cases", lambda *_: None)
    return [read_case(folder) for folder in folders]


def body_centers(made: SyntheticCT) -> dict[int, np.ndarray]:
    """In RAS mm, from the case's own arrays."""
    body = np.where(made.parts == 1, made.labels, 0)
    codes = set(np.unique(body)) - {0}
    return {code: made.affine[:3, :3] @ np.argwhere(body == code).mean(0) + made.affine[:3, 3] for code in codes}


def test_prepared_scans_lie_as_synthetic_ones_do(made: SyntheticCT, tmp_path: Path) -> None:
    write_synthetic(tmp_path / "data", made, count=5)
    scans = prepared(tmp_path, tmp_path / "data", dataset="synthetic_ct")
    assert len(scans) == 4
    scan = scans[0]
    np.testing.assert_array_equal(scan.voxels, made.voxels)
    np.testing.assert_array_equal(scan.truth, [made.labels, made.parts, made.fractured])
    assert scan.is_hu and scan.parts_known and scan.fractures.keys() <= scan.centers.keys()
    wanted = body_centers(made)
    assert wanted.keys() <= scan.centers.keys() and len(wanted) >= 4
    for code, place in wanted.items():
        index = np.linalg.solve(made.affine, [*place, 1])[:3]
        np.testing.assert_allclose(scan.centers[code], index, atol=0.01)
    with (tmp_path / "run" / "split.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert sorted(row["part"] for row in rows) == ["training"] * 4 + ["validation"]
    assert rows[0].keys() == {"part", "scan", "patient_group"}


def test_coarser_prepared_scans_keep_their_places(made: SyntheticCT, tmp_path: Path) -> None:
    write_verse(tmp_path / "data", made)
    (scan, *_) = prepared(tmp_path, tmp_path / "data", dataset="verse", spacing_mm=6.0)
    assert not scan.parts_known and not scan.truth[1:].any()
    labels = np.where(made.labels == BY_NAME["L1"].code, BY_NAME["T13"].code, made.labels)
    for code, center in scan.centers.items():
        np.testing.assert_allclose(2 * center, np.argwhere(labels == code).mean(0), atol=2)
    parts = TARGETS["parts"].encode(central_patch(scan, (16, 16, 16)), 6.0)[0]
    assert (parts == (1 << 1) + (1 << 2)).any()
    assert not (parts == 1).any(), "discs and sacrum have no labels, so nothing is surely nothing"


def test_where_a_set_leaves_cut_vertebrae_out_nobody_knows(made: SyntheticCT, tmp_path: Path) -> None:
    depth = made.labels.shape[2]
    whole = np.where(np.arange(depth) > 0.7 * depth, 0, made.labels)
    write_verse(tmp_path / "data", replace(made, labels=whole))
    (scan, *_) = prepared(tmp_path, tmp_path / "data", dataset="verse", spacing_mm=6.0)
    beyond = scan.truth[0].min(axis=(0, 1)) == UNKNOWN_LABEL
    assert beyond[-2:].all() and not beyond[: len(beyond) // 2].any()
    parts = TARGETS["parts"].encode(cut(scan, np.zeros(3, int), scan.voxels.shape), 6.0)[0]
    assert (parts[:, :, torch.from_numpy(beyond)] == ANY_PART).all()


def ramps(shape: tuple[int, int, int], affine: np.ndarray, axis: int) -> np.ndarray:
    """Each voxel's RAS coordinate along an axis."""
    indices = np.stack(np.indices(shape), axis=-1)
    return (indices @ affine[axis, :3] + affine[axis, 3]).astype(np.float32) * 10


@pytest.mark.parametrize("spacing_mm", [1.0, 4.0])
def test_a_tilted_scan_shows_every_place_where_it_is(spacing_mm: float) -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, 0, 2.5], [1.2, 0, 0], [0, -1.5, 0]])
    affine[:3, 3] = 20, -30, 70
    labels = np.zeros((40, 44, 30), np.uint8)
    labels[20, 21, 14] = 20
    for axis in range(3):
        scan = LabeledScan(Volume(ramps(labels.shape, affine, axis), affine, "ct"), labels, None, None)
        voxels, truth, grid = regridded(scan, spacing_mm, is_hu=True)
        signs = np.sign(np.diag(grid)[:3])
        assert signs.tolist() == [-1, -1, 1] and np.count_nonzero(grid[:3, :3]) == 3
        middle = tuple(slice(length // 3, 2 * length // 3) for length in voxels.shape)
        np.testing.assert_allclose(voxels[middle], ramps(voxels.shape, grid, axis)[middle], atol=0.6)
    if spacing_mm == 1.0:
        found = grid[:3, :3] @ np.argwhere(truth[0] == 20).mean(0) + grid[:3, 3]
        np.testing.assert_allclose(found, affine[:3, :3] @ [20, 21, 14] + affine[:3, 3], atol=0.6)


def test_a_long_scan_is_cropped_and_fine_patterns_are_blurred() -> None:
    labels = np.zeros((20, 20, 300), np.uint8)
    labels[10, 10, 150:152] = 20
    stripes = np.broadcast_to(np.where(np.arange(300) % 2, 500, -500).astype(np.int16), labels.shape)
    scan = LabeledScan(Volume(stripes, np.diag([1.0, 1.0, 1.0, 1.0]), "ct"), labels, None, None)
    voxels, _, affine = regridded(scan, 1.0, is_hu=True)
    assert voxels.shape == (20, 20, 2 + 2 * MARGIN_MM)
    np.testing.assert_allclose(affine[:3, 3], [19, 19, 150 - MARGIN_MM])
    coarse, *_ = regridded(scan, 2.0, is_hu=True)
    assert coarse.shape == (10, 10, 61) and np.abs(coarse).max() < 100


def test_an_unfinished_preparation_goes_on(made: SyntheticCT, tmp_path: Path) -> None:
    write_synthetic(tmp_path / "data", made, count=2)
    (folder,) = prepared_scans(config(dataset="synthetic_ct"), tmp_path / "data", tmp_path / "real", lambda *_: None)
    before = (folder / "voxels.npy").stat().st_mtime_ns
    for spacing_mm, is_new in ((3.0, False), (5.0, True)):
        wanted = config(dataset="synthetic_ct", spacing_mm=spacing_mm)
        prepared_scans(wanted, tmp_path / "data", tmp_path / "real", lambda *_: None)
        assert ((folder / "voxels.npy").stat().st_mtime_ns != before) == is_new


def test_scans_that_cannot_teach_are_left_out_and_told(made: SyntheticCT, tmp_path: Path) -> None:
    write_verse(tmp_path / "verse", made)
    told: list[str] = []
    wanted = config(dataset="verse", target="fractures")
    with pytest.raises(InputError, match="can teach fractures"):
        prepared_scans(wanted, tmp_path / "verse", tmp_path / "real", lambda _, text: told.append(text))
    assert told and all("has no fracture masks" in text for text in told)
    write_totalsegmentator(tmp_path / "total", made)
    for subject in ("s0001", "s0002"):
        for kind in ("ct", "segmentations/vertebrae_L1"):
            save(tmp_path / "total" / subject / f"{kind}.nii.gz", made.labels * 0, made.affine, "RAS")
    told.clear()
    wanted = config(dataset="totalsegmentator", seed=4)
    folders = prepared_scans(wanted, tmp_path / "total", tmp_path / "real", lambda _, text: told.append(text))
    assert [folder.name for folder in folders] == ["s0011"]
    assert [text for text in told if "shows no labeled vertebra" in text]
