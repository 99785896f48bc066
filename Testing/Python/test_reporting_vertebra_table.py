# SPDX-License-Identifier: Apache-2.0
"""The table of vertebrae, its CSV file and the report: right numbers, honest gaps, nothing unescaped."""

import csv
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scan_fixtures import BROKEN, UNSURE_OF, synthetic_case, true_result

from SpineLib.core.errors import ResourceError
from SpineLib.core.mask import Mask
from SpineLib.core.result import DISCLAIMER, Fracture, Measurement, SpineResult, Vertebra
from SpineLib.reporting.in_words import found_vertebrae
from SpineLib.reporting.scan_report import report_of, write_report
from SpineLib.reporting.vertebra_table import COARSE, by_suspicion, rows_of, write_csv

NONE = Mask(np.zeros((0, 0, 0), dtype=bool), (0, 0, 0), (4, 4, 4))


def vertebra(level: str, probability: float | None = None, grade: int | None = None, voxels: int = 0) -> Vertebra:
    fracture = None if probability is None else Fracture(NONE, probability, grade, "wedge" if grade else "")
    return Vertebra(level, 0.9, replace(NONE, box=np.ones((voxels, 1, 1), dtype=bool)), fracture=fracture)


def result(*vertebrae: Vertebra, measurements: tuple[Measurement, ...] = (), **other: object) -> SpineResult:
    return SpineResult("fracture", (4, 4, 4), np.eye(4), (), vertebrae, measurements, **other)


def test_what_is_marked_but_less_probable_than_not_is_told_as_doubtful() -> None:
    marked = replace(NONE, box=np.ones((2, 1, 1), dtype=bool))
    doubtful, whole, broken = vertebra("L1", 0.31), vertebra("L2", 0.02), vertebra("L3", 0.9, 2)
    doubtful = replace(doubtful, fracture=replace(doubtful.fracture, mask=marked))
    assert found_vertebrae(result(doubtful, whole)) == "2 vertebrae, L1 to L2, no fracture found, doubtful: L1 (31 %)"
    told = found_vertebrae(result(doubtful, whole, broken))
    assert told == "3 vertebrae, L1 to L3, fractures: L3 (90 %, grade 2 wedge), doubtful: L1 (31 %)"
    assert found_vertebrae(result(vertebra("L1", 0.31), whole)) == "2 vertebrae, L1 to L2, no fracture found"
    unsure = replace(broken, confidence=0.3, second_level="L4")
    assert "fractures: L3 (L4?) (90 %" in found_vertebrae(result(whole, unsure))
    lower = found_vertebrae(result(vertebra("L1", 0.25, 3), vertebra("L2", 0.1, 1)))
    assert lower == "2 vertebrae, L1 to L2, no fracture found, doubtful: L1 (25 %, grade 3 wedge)"


def test_heights_of_thick_slices_are_told_to_be_less_certain() -> None:
    for quality, note in ((0.2, COARSE), (0.9, "")):
        height = Measurement("height_posterior", 20.0, "mm", ("L1",), "", quality)
        (row,) = rows_of(result(vertebra("L1", 0.1), measurements=(height,)))
        assert (row.height_quality, row.note_on_heights) == (quality, note)


def test_rows_hold_what_was_measured_at_their_level() -> None:
    rows = {row.level: row for row in rows_of(true_result())}
    truth = {each["level"]: each for each in synthetic_case().truth["vertebrae"]}
    for level in ("T12", BROKEN, "L2"):
        measured = (rows[level].anterior_mm, rows[level].middle_mm, rows[level].posterior_mm)
        assert measured == pytest.approx(list(truth[level]["heights_mm"].values()), abs=2.5)
        assert np.linalg.norm(np.subtract(rows[level].center, truth[level]["center_ras_mm"])) < 8
    assert rows["T12"].density_hu is None and rows["L2"].density_hu is not None
    assert rows[BROKEN].height_loss > 0.15 > rows["T12"].height_loss


@pytest.mark.parametrize(("grade", "told"), [(2.0, "2 wedge"), (0.0, "0")])
def test_where_no_fractures_were_looked_for_the_heights_tell_grade_and_kind(grade: float, told: str) -> None:
    measured = Measurement("genant_grade", grade, "", ("L1",), "wedge" if grade else "")
    (row,) = rows_of(result(vertebra("L1"), measurements=(measured,)))
    assert row.grade == told and row.probability is None


def test_a_row_that_was_not_measured_has_gaps() -> None:
    (row,) = rows_of(result(vertebra("C1")))
    assert (row.anterior_mm, row.height_loss, row.density_hu, row.probability, row.genant_grade) == (None,) * 5
    assert row.grade == ""


def test_suspicion_is_probability_then_grade_and_the_unseen_come_last() -> None:
    given = [
        vertebra("T1"),
        vertebra("T2", 0.2, 0),
        vertebra("T3", 0.9, 1),
        vertebra("T4", 0.9, 3),
        vertebra("T5", 0.9),
    ]
    assert [row.level for row in by_suspicion(rows_of(result(*given)))] == ["T4", "T3", "T5", "T2", "T1"]


def test_of_two_vertebrae_with_one_name_the_larger_has_the_measurements() -> None:
    measured = (
        Measurement("height_anterior", 20.0, "mm", ("L1",)),
        Measurement("height_middle", math.nan, "mm", ("L1",)),
    )
    rows = rows_of(result(vertebra("L1", voxels=1), vertebra("L1", voxels=3), measurements=measured))
    assert [row.anterior_mm for row in rows] == [None, 20.0]
    assert rows[1].middle_mm is None


def test_csv_has_a_line_a_vertebra_from_the_head_downward(tmp_path: Path) -> None:
    write_csv(true_result(), tmp_path / "vertebrae.csv")
    with (tmp_path / "vertebrae.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["level"] for line in lines] == [each.level for each in true_result().vertebrae]
    line = next(line for line in lines if line["level"] == BROKEN)
    assert (line["fracture_probability"], line["genant_grade"], line["kind"]) == ("0.9700", "2", "crush")
    assert 10 < float(line["height_anterior_mm"]) < 40
    unsure = next(line for line in lines if line["level"] == UNSURE_OF)
    assert (unsure["uncertain"], unsure["second_level"]) == ("yes", "T11")
    assert {line["level"] for line in lines if line["unmeasured"]} == {"T9", "L4"}
    assert all((line["height_middle_mm"] == "") == bool(line["unmeasured"]) for line in lines)


def test_an_unwritable_place_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    for write in (write_csv, lambda found, path: write_report(found, path, "CT")):
        with pytest.raises(ResourceError):
            write(true_result(), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_whole_by_itself_and_disclaims_once() -> None:
    page = Page(report_of(true_result(), "Case 7"))
    assert page.links == [] and "script" not in page.tags and "link" not in page.tags
    assert page.text.count(DISCLAIMER) == 1
    for wanted in ("Case 7", f"{BROKEN}", "2 crush", "check it", "model license", "Apache-2.0", "Trabecular density"):
        assert wanted in page.text
    assert page.text.index(BROKEN) < page.text.index("L3")
    assert page.text.count("is cut by the border of the image.") == 1, "for both, where paper shows it, too"


def test_the_report_names_each_of_the_models_that_helped() -> None:
    helpers = [{"id": "ct_localizer", "license": "Apache-2.0"}, {"id": "ct_spine", "license": "MIT"}]
    page = Page(report_of(result(provenance={"helpers": helpers}), "Case"))
    assert "helpers 2 idct_spine" in page.text and "{'id'" not in page.text


def test_everything_in_the_report_is_escaped() -> None:
    evil = "<script>alert('x')</script>&"
    given = result(
        replace(vertebra("L1", 0.9), unmeasured=f'"{evil}'),
        measurements=(Measurement(evil, 1.0, evil, (), evil),),
        warnings=(evil,),
        provenance={evil: {"a": evil}, "seconds": {"load": 1.234}},
    )
    page = Page(report_of(given, evil))
    assert "script" not in page.tags
    assert page.text.count("alert('x')") >= 6


def test_a_report_of_nothing_says_so() -> None:
    page = Page(report_of(result(), "Empty"))
    assert "Nothing was found." in page.text and "table" not in page.tags
