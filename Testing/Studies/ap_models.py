# SPDX-License-Identifier: Apache-2.0
"""Several AP models side by side on the validation patients, as the films are and as other machines deliver them.

    python Testing/Studies/ap_models.py --data FOLDER --models ap_spine runs/s1/ap_spine_s1 -o runs/study

Writes `scores_MODEL.csv`, `study.json`, `study.md` and, per model, pictures of the worst films under the plain view.
The pictures show the data set's films: keep them out of the repository.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.datasets import load_dataset
from SpineLib.datasets.film_case import FilmCase
from SpineLib.evaluation.film_study import METRICS, FilmScore, score_films, segment_pixels, summary, write_scores
from SpineLib.evaluation.film_views import VIEWS
from SpineLib.tasks.options import SegmentOptions
from SpineLib.training.config import read_config
from SpineLib.training.splits import split_by_patient

CONFIG = Path(__file__).resolve().parents[2] / "SpineLib" / "training" / "configs" / "ap_spine.json"
WORST = 12


def main() -> None:
    asked = arguments()
    config = read_config(CONFIG)
    cases = load_dataset(config.dataset, asked.data)
    validation = split_by_patient(cases, config.validation_share, config.seed)[1]
    asked.output.mkdir(parents=True, exist_ok=True)
    study = {}
    for model in asked.models:
        options = SegmentOptions(model=model)
        name = Path(model).name

        def segment(pixels: np.ndarray, options: SegmentOptions = options) -> np.ndarray:
            return segment_pixels(pixels, options)

        scores = score_films(validation, segment, ["as is"])
        other = [view for view in asked.views if view != "as is"]
        scores += score_films(validation[:: asked.every], segment, other)
        write_scores(scores, asked.output / f"scores_{name}.csv")
        study[name] = {view: summary([score for score in scores if score.view == view]) for view in asked.views}
        draw_worst(validation, scores, segment, asked.output / f"worst_{name}.png")
        (asked.output / "study.json").write_text(json.dumps(study, indent=2) + "\n")
        (asked.output / "study.md").write_text(as_table(study))
    print(as_table(study))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--models", nargs="+", required=True, help="ids or bundle folders")
    parser.add_argument("--views", nargs="*", default=list(VIEWS), choices=list(VIEWS))
    parser.add_argument("--every", type=int, default=3, help="use every n-th film for views other than the plain one")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args()


def as_table(study: dict) -> str:
    lines = [
        "| model | view | n | Dice (95 %) | IoU | pixel accuracy | HD95 px | missed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model, views in study.items():
        for view, table in views.items():
            means = [table[metric]["mean"] for metric in METRICS]
            dice, iou, accuracy, distance = ("-" if value is None else f"{value:.4g}" for value in means)
            interval = f"{table['dice']['low']:.3f} to {table['dice']['high']:.3f}"
            row = (
                model,
                view,
                table["dice"]["n"],
                f"{dice} ({interval})",
                iou,
                accuracy,
                distance,
                table["missed"]["n"],
            )
            lines.append("| " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines) + "\n"


def draw_worst(cases: list[FilmCase], scores: list[FilmScore], segment, path: Path) -> None:
    """The films with the lowest Dice: label in green, answer in red, both in yellow."""
    plain = sorted((score for score in scores if score.view == "as is"), key=lambda score: score.dice)[:WORST]
    by_name = {case.name: case for case in cases}
    tiles = []
    for score in plain:
        case = by_name[score.name]
        pixels, truth = case.pixels(), case.mask()
        found = segment(pixels)
        step = max(1, -(-pixels.shape[0] // 600))
        gray = pixels[::step, ::step] * 0.6
        picture = np.stack([gray + 90 * found[::step, ::step], gray + 90 * truth[::step, ::step], gray], axis=-1)
        tile = np.zeros((620, 360, 3), dtype=np.uint8)
        height, width = min(620, picture.shape[0]), min(360, picture.shape[1])
        tile[:height, :width] = np.clip(picture, 0, 255)[:height, :width]
        tiles.append(tile)
        print(f"{score.name}: Dice {score.dice:.3f}")
    rows = [np.concatenate(tiles[start : start + 6], axis=1) for start in range(0, len(tiles), 6)]
    sitk.WriteImage(sitk.GetImageFromArray(np.concatenate(rows, axis=0), isVector=True), str(path))


if __name__ == "__main__":
    main()
