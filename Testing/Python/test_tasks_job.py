# SPDX-License-Identifier: Apache-2.0
"""From an image file to result files: all of them or none, and the image itself never touched."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tasks_fixtures import draw_film, install_tiny_model, save_png

from SpineLib import io
from SpineLib.core.errors import Cancelled, InputError, ResourceError
from SpineLib.core.mask import Mask
from SpineLib.core.result import Fracture, SpineResult, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.job import Job, check_originals_stay, do, understandable_errors, write
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_image import NOT_HU


@pytest.fixture
def job(tmp_path: Path, user_models_folder: Path) -> Job:
    image = save_png(tmp_path / "in" / "film.png", draw_film(seed=99))
    options = SegmentOptions(model=install_tiny_model(user_models_folder), device="cpu", precision="fp32")
    return Job(image, tmp_path / "made" / "out", "film", options=options, overlay=True)


def _everything_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_three_files_appear_and_nothing_else(job):
    result = do(job)
    assert _everything_in(job.output) == ["film.json", "film.png", "film.seg.nrrd"]
    again = io.read_result(job.files["segmentation"], job.files["json"])
    assert again.structures[0].mask.count == result.structures[0].mask.count > 0


def test_without_an_overlay_two_files_appear(job):
    do(replace(job, overlay=False))
    assert _everything_in(job.output) == ["film.json", "film.seg.nrrd"]


def test_the_json_tells_no_path_of_the_machine(job, tmp_path):
    do(job)
    assert str(tmp_path) not in job.files["json"].read_text()


def test_the_image_stays_as_it_was(job):
    before, changed = job.image.read_bytes(), job.image.stat().st_mtime_ns
    do(job)
    assert (job.image.read_bytes(), job.image.stat().st_mtime_ns) == (before, changed)


def test_a_second_run_replaces_the_first_result(job):
    do(job)
    job.files["json"].write_text("old")
    do(job)
    assert json.loads(job.files["json"].read_text())["structures"]


def test_an_empty_result_is_written_too(job):
    save_png(job.image, draw_film(course=lambda row: -1000, seed=99))
    assert do(job).is_empty
    content = json.loads(job.files["json"].read_text())
    assert content["structures"][0]["voxels"] == 0
    assert content["warnings"]


def test_cancel_at_any_moment_leaves_nothing_not_even_the_folder(job):
    fractions: list[float] = []
    do(job, lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    for stop in range(len(fractions) - 1):
        target = replace(job, output=job.output.parents[1] / f"cancelled {stop}" / "deep")
        calls = iter(range(len(fractions)))

        def cancel_at(fraction, message, calls=calls, stop=stop):
            if next(calls) == stop:
                raise Cancelled()

        with pytest.raises(Cancelled):
            do(target, cancel_at)
        assert not target.output.parent.exists()


def test_a_failure_leaves_an_older_result_as_it_was(job):
    do(job)
    before = {path: path.read_bytes() for path in job.files.values()}
    job.image.write_bytes(b"not a picture")
    with pytest.raises(InputError):
        do(job)
    assert {path: path.read_bytes() for path in job.files.values()} == before


def test_the_overlay_may_not_replace_the_image(job):
    job = replace(job, output=job.image.parent)
    before = job.image.read_bytes()
    with pytest.raises(InputError, match="replace the image"):
        do(job)
    assert job.image.read_bytes() == before
    assert _everything_in(job.output) == ["film.png"]


def test_a_result_may_not_replace_another_image_of_the_same_call(job):
    other = replace(job, image=save_png(job.image.parent / "other.png", draw_film()), name="film")
    with pytest.raises(InputError, match="replace the image"):
        check_originals_stay([job, replace(other, output=job.image.parent)])


@pytest.mark.skipif(not hasattr(os, "link"), reason="no links on this system")
def test_a_link_to_the_image_counts_as_the_image(job):
    job.output.mkdir(parents=True)
    os.link(job.image, job.output / "film.png")
    with pytest.raises(InputError, match="replace the image"):
        do(job)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../film"])
def test_a_name_cannot_lead_out_of_the_output_folder(job, name):
    with pytest.raises(InputError, match="name"):
        do(replace(job, name=name))


def test_an_output_that_is_a_file_is_refused(job):
    job.output.parent.mkdir()
    job.output.write_text("mine")
    with pytest.raises(InputError, match="not a folder"):
        do(job)
    assert job.output.read_text() == "mine"


def test_an_output_below_a_file_is_refused(job):
    job.output.parent.write_text("mine")
    with pytest.raises((InputError, ResourceError)):
        do(job)
    assert job.output.parent.read_text() == "mine"


def test_view_and_spacing_of_the_caller_overrule_the_file(job):
    result = do(replace(job, view="ap", spacing_known=True))
    assert result.provenance["input"]["view"] == "ap"
    assert "mm" in {each.unit for each in result.measurements}


def test_the_caller_may_know_an_mri_that_its_file_does_not_tell(tmp_path):
    """Slicer has read the header; without it these values pass for an unsigned CT's."""
    rng = np.random.default_rng(1)
    voxels = np.where(rng.random((40, 40, 40)) < 0.7, rng.normal(1050, 120, (40, 40, 40)), 8).astype(np.uint16)
    io.write_scan(tmp_path / "scan.nii.gz", voxels, np.diag([2.0, 2.0, 2.0, 1.0]))
    job = Job(tmp_path / "scan.nii.gz", tmp_path / "out", "scan", task="ct")
    assert any("above Hounsfield units" in each for each in do(job).warnings)
    assert NOT_HU in do(replace(job, modality="mr")).warnings
    with pytest.raises(InputError, match="pet"):
        do(replace(job, modality="pet"))


def test_a_library_that_lacks_memory_is_told_as_the_machines_lack():
    with pytest.raises(ResourceError, match="memory"), understandable_errors():
        raise RuntimeError("Exception thrown in SimpleITK: Failed to allocate memory for image.")
    with pytest.raises(RuntimeError, match="other"), understandable_errors():
        raise RuntimeError("something other")


def test_the_result_of_a_scan_is_written_in_the_same_files(tmp_path):
    voxels = np.random.default_rng(1).normal(0, 100, (30, 40, 20)).astype(np.int16)
    mask, broken = np.zeros(voxels.shape, dtype=bool), np.zeros(voxels.shape, dtype=bool)
    mask[10:20, 10:30, 5:15], broken[12:16, 14:20, 6:9] = True, True
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    vertebra = Vertebra("L1", 0.9, Mask.from_array(mask), fracture=Fracture(Mask.from_array(broken), 0.8, 1, "wedge"))
    result = SpineResult("ct_fracture", voxels.shape, affine, vertebrae=(vertebra,))
    job = Job(tmp_path / "scan", tmp_path / "out", "scan", overlay=True)
    write(job, Volume(voxels, affine, "ct"), result)
    assert _everything_in(job.output) == ["scan.json", "scan.png", "scan.seg.nrrd"]
    again = io.read_result(job.files["segmentation"], job.files["json"]).vertebrae[0]
    assert np.array_equal(again.fracture.mask.to_array(), broken)
    assert json.loads(job.files["json"].read_text())["image"]["coordinates"] == "ras_mm"
    assert Image.open(job.files["overlay"]).height == 60 * 4


def test_names_of_files_may_hold_any_letters(job):
    image = job.image.rename(job.image.with_name("Röntgen 脊椎 ö.png"))
    strange = replace(job, image=image, name="Röntgen 脊椎 ö")
    do(strange)
    assert all(path.is_file() for path in strange.files.values())


@pytest.mark.skipif(os.name == "nt", reason="no limits of file size on Windows")
def test_a_disk_that_fills_up_while_writing_leaves_nothing_and_is_told(job):
    import resource

    do(job)  # loads what writes files of its own
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    later = replace(job, output=job.output.parents[1] / "later")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, allowed[1]))
    try:
        with pytest.raises(ResourceError, match="full") as caught:
            do(later)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert str(later.output) in caught.value.hint
    assert ".spine-" not in str(caught.value)
    assert not later.output.exists()
