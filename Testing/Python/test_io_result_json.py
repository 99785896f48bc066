# SPDX-License-Identifier: Apache-2.0
"""The JSON result follows its schema, tells film coordinates in pixels and comes back as it was."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.core.mask import Mask
from SpineLib.core.result import DISCLAIMER, SCHEMA_VERSION, Fracture, Measurement, SpineResult, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.io import read_result, write_json, write_segmentation

CORNERS = {
    "top_left": (10.0, 5.0),
    "top_right": (14.0, 5.5),
    "bottom_left": (10.0, 9.0),
    "bottom_right": (14.5, 9.0),
    "center": (12.0, 7.0),
}


def _result(affine=None):
    mask = np.zeros((30, 40, 1), dtype=bool)
    mask[10:15, 5:35] = True
    other = np.zeros_like(mask)
    other[10:15, 5:10] = True
    return SpineResult(
        "ap_radiograph",
        mask.shape,
        np.diag([-0.2, -0.3, 1.0, 1.0]) if affine is None else affine,
        structures=(Structure("Spine", Mask.from_array(mask), 0.93),),
        vertebrae=(
            Vertebra("T12", 0.8, Mask.from_array(other), "L1", CORNERS),
            Vertebra("L1", 0.4, Mask.from_array(other)),
        ),
        measurements=(
            Measurement("cobb_largest", 12.5, "deg", ("T5", "T12"), "endplates", 0.9),
            Measurement("area", math.nan, "mm2"),
        ),
        warnings=("Only a part of the film shows the spine: größer wäre besser.",),
        provenance={"software": {"SpineLib": "0.1"}, "seconds": {"segment": np.float32(0.5)}, "file": Path("a")},
    )


def _written(folder, result, film=None):
    write_json(result, folder / "film.json", film)
    return json.loads((folder / "film.json").read_text(encoding="utf-8"))


def test_the_file_has_the_promised_fields(tmp_path):
    content = _written(tmp_path, _result())
    assert content["schema_version"] == SCHEMA_VERSION
    assert content["task"] == "ap_radiograph"
    assert [entry["level"] for entry in content["vertebrae"]] == ["T12", "L1"]
    assert content["vertebrae"][0]["confidence"] == 0.8
    assert content["vertebrae"][0]["second_level"] == "L1"
    assert content["measurements"][0] == {
        "name": "cobb_largest",
        "value": 12.5,
        "unit": "deg",
        "levels": ["T5", "T12"],
        "method": "endplates",
        "quality": 0.9,
    }
    assert content["warnings"] == ["Only a part of the film shows the spine: größer wäre besser."]
    assert content["provenance"]["seconds"] == {"segment": 0.5}
    assert content["structures"][0]["voxels"] == 150


def test_the_disclaimer_stands_there_once(tmp_path):
    _written(tmp_path, _result())
    assert (tmp_path / "film.json").read_text(encoding="utf-8").count(DISCLAIMER) == 1


def test_corners_come_in_the_order_of_the_schema_and_only_where_all_are_known(tmp_path):
    content = _written(tmp_path, _result())
    assert content["vertebrae"][0]["corners"] == [[10.0, 5.0], [14.0, 5.5], [10.0, 9.0], [14.5, 9.0]]
    assert content["vertebrae"][0]["landmarks"]["center"] == [12.0, 7.0]
    assert content["vertebrae"][1]["corners"] is None


def test_what_is_not_a_number_becomes_null(tmp_path):
    assert _written(tmp_path, _result())["measurements"][1]["value"] is None


def test_a_film_tells_its_size_and_boxes_in_pixels(tmp_path):
    result = _result()
    film = film_of(Volume(np.zeros(result.shape), result.affine))
    content = _written(tmp_path, result, film)
    assert content["image"]["coordinates"] == "pixels"
    assert (content["image"]["columns"], content["image"]["rows"]) == (30, 40)
    assert content["structures"][0]["box"] == [10, 5, 14, 34]


def test_boxes_of_a_turned_film_are_those_seen_in_its_picture(tmp_path):
    upright = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    result = _result(upright)
    volume = Volume(result.structures[0].mask.to_array().astype(np.uint8), upright)
    film = film_of(volume)
    rows, columns = np.nonzero(film.pixels)
    seen = [int(value) for value in (columns.min(), rows.min(), columns.max(), rows.max())]
    assert _written(tmp_path, result, film)["structures"][0]["box"] == seen
    assert film.flips == (True, True)


def test_a_scan_is_told_in_millimeters(tmp_path):
    result = SpineResult("ct_spine", (5, 6, 7), np.eye(4))
    assert _written(tmp_path, result)["image"]["coordinates"] == "ras_mm"


def test_a_result_comes_back_as_it_was(tmp_path):
    result = _result()
    write_segmentation(result, tmp_path / "film.seg.nrrd")
    write_json(result, tmp_path / "film.json")
    again = read_result(tmp_path / "film.seg.nrrd", tmp_path / "film.json")
    assert (again.task, again.shape, again.warnings) == (result.task, result.shape, result.warnings)
    assert np.allclose(again.affine, result.affine)
    assert again.measurements[0] == result.measurements[0]
    assert math.isnan(again.measurements[1].value)
    assert again.vertebrae[0].landmarks == CORNERS
    assert [part.level for part in again.vertebrae] == ["T12", "L1"]
    assert again.provenance == {"software": {"SpineLib": "0.1"}, "seconds": {"segment": 0.5}, "file": "a"}
    for part, before in zip(
        (*again.structures, *again.vertebrae), (*result.structures, *result.vertebrae), strict=True
    ):
        assert np.array_equal(part.mask.to_array(), before.mask.to_array())
        assert part.confidence == before.confidence


def test_files_of_two_results_are_refused(tmp_path):
    write_segmentation(SpineResult("ap_radiograph", (5, 6, 1), np.eye(4)), tmp_path / "film.seg.nrrd")
    write_json(_result(), tmp_path / "film.json")
    with pytest.raises(InputError, match="do not belong together"):
        read_result(tmp_path / "film.seg.nrrd", tmp_path / "film.json")


def _fractured():
    whole, body, broken = (np.zeros((30, 40, 20), dtype=bool) for _ in range(3))
    whole[5:25, 5:35, 2:10], body[5:25, 15:35, 2:10], broken[8:20, 18:30, 4:6] = True, True, True
    above = np.roll(whole, 9, axis=2)
    vertebrae = (
        Vertebra("L1", 0.9, Mask.from_array(above), fracture=Fracture(Mask.from_array(np.zeros_like(whole)), 0.02)),
        Vertebra(
            "L2",
            0.8,
            Mask.from_array(whole),
            body=Mask.from_array(body),
            fracture=Fracture(Mask.from_array(broken), 0.97, 2, "crush"),
        ),
        Vertebra("L3", 0.7, Mask.from_array(np.roll(whole, -1, axis=2))),
    )
    return SpineResult("ct_fracture", whole.shape, np.diag([-0.5, -0.5, 2.0, 1.0]), vertebrae=vertebrae)


def test_a_fracture_is_told_at_its_vertebra(tmp_path):
    content = _written(tmp_path, _fractured())["vertebrae"]
    assert content[0]["fracture"] == {
        "probability": 0.02,
        "genant_grade": None,
        "kind": "",
        "segment": None,
        "voxels": 0,
    }
    assert content[1]["fracture"] == {
        "probability": 0.97,
        "genant_grade": 2,
        "kind": "crush",
        "segment": "Fracture L2",
        "voxels": 12 * 12 * 2,
    }
    assert content[2]["fracture"] is None
    assert [part["body_voxels"] for part in content] == [None, 20 * 20 * 8, None]


def test_fractures_and_bodies_come_back_as_they_were(tmp_path):
    result = _fractured()
    first = replace(result.vertebrae[0], unmeasured="It is cut.")
    result = replace(result, vertebrae=(first, *result.vertebrae[1:]))
    write_segmentation(result, tmp_path / "scan.seg.nrrd")
    write_json(result, tmp_path / "scan.json")
    again = read_result(tmp_path / "scan.seg.nrrd", tmp_path / "scan.json")
    assert [part.level for part in again.vertebrae] == ["L1", "L2", "L3"]
    assert again.vertebrae[0].fracture.mask.is_empty
    assert again.vertebrae[0].fracture.mask.shape == result.shape
    fracture, before = again.vertebrae[1].fracture, result.vertebrae[1].fracture
    assert (fracture.probability, fracture.genant_grade, fracture.kind) == (0.97, 2, "crush")
    assert np.array_equal(fracture.mask.to_array(), before.mask.to_array())
    assert np.array_equal(again.vertebrae[1].body.to_array(), result.vertebrae[1].body.to_array())
    assert again.vertebrae[0].body is None
    assert again.vertebrae[2].fracture is None
    assert [part.unmeasured for part in again.vertebrae] == ["It is cut.", "", ""]


def test_a_result_without_a_word_on_fractures_is_read(tmp_path):
    write_segmentation(_result(), tmp_path / "film.seg.nrrd")
    content = _written(tmp_path, _result())
    for part in content["vertebrae"]:
        del part["fracture"], part["body_voxels"], part["unmeasured"]
    (tmp_path / "film.json").write_text(json.dumps(content), encoding="utf-8")
    again = read_result(tmp_path / "film.seg.nrrd", tmp_path / "film.json")
    assert [part.fracture for part in again.vertebrae] == [None, None]


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 99}', "\x00\x01", "{"])
def test_a_file_that_is_no_result_is_refused(tmp_path, text):
    write_segmentation(_result(), tmp_path / "film.seg.nrrd")
    (tmp_path / "film.json").write_text(text)
    with pytest.raises(InputError, match="is not a result"):
        read_result(tmp_path / "film.seg.nrrd", tmp_path / "film.json")
