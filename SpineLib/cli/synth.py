# SPDX-License-Identifier: Apache-2.0
"""`spine synth ap|ct -n N --seed S -o DIR`: synthetic films or CTs with their true masks and landmarks.

`spine synth shapes FOLDER ... -o FILE` makes the file of real shapes that `spine synth ct --shapes FILE` uses.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from SpineLib.cli.console import progress_line


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("synth", help="make synthetic films and CTs", description=__doc__)
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    films = kinds.add_parser("ap", help="films of the spine in AP view")
    _add_order(films, "films")
    films.add_argument("--format", choices=("dicom", "png"), default="dicom", help="kind of file")
    films.set_defaults(run=make_films)
    scans = kinds.add_parser("ct", help="CTs with labels of vertebrae, sacrum and discs, and with fractures")
    _add_order(scans, "CTs")
    scans.add_argument("--shape", type=int, nargs=3, metavar=("I", "J", "K"), help="voxels; drawn by default")
    scans.add_argument("--spacing", type=float, nargs=3, metavar=("I", "J", "K"), help="voxel size in mm, as above")
    scans.add_argument("--level", metavar="LEVEL", help="vertebra in the middle, such as L2; drawn by default")
    scans.add_argument("--variant", metavar="KIND", help='"usual", "T13", "L6" or "four lumbar"; drawn by default')
    scans.add_argument(
        "--size", type=float, metavar="X", help="of the person, 1 for an adult of usual size; drawn by default"
    )
    scans.add_argument("--fracture", metavar="KIND", help='"none" or a kind such as wedge; drawn by default')
    scans.add_argument("--workers", type=int, default=1, metavar="N", help="processes at work")
    scans.add_argument("--shapes", metavar="FILE", help="real shapes of vertebrae for a share of the CTs")
    scans.add_argument("--curves", metavar="FILE", help="points on real spines, for the curves of a share of the CTs")
    scans.set_defaults(run=make_scans)
    shapes = kinds.add_parser("shapes", help="a file of real shapes, from meshes of single bones")
    shapes.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help="meshes named by their levels, such as L3.stl; sacrum.stl, hip_left.stl",
    )
    shapes.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="file for the shapes, .npz")
    shapes.add_argument(
        "--axes",
        nargs="+",
        default=[],
        metavar="XYZ",
        help="where x, y, z point, for each folder or all; LPS by default",
    )
    shapes.set_defaults(run=make_shapes)


def make_films(arguments: argparse.Namespace) -> int:
    from SpineLib.synthesis.run import write_films

    count, seed, folder = arguments.count, arguments.seed, arguments.output
    return _list(write_films(count, seed, folder, arguments.format, progress_line()))


def make_scans(arguments: argparse.Namespace) -> int:
    from SpineLib.synthesis.ct.options import CtOptions
    from SpineLib.synthesis.ct.run import write_cases

    options = CtOptions(
        shape=tuple(arguments.shape) if arguments.shape else None,
        spacing_mm=tuple(arguments.spacing) if arguments.spacing else None,
        level=arguments.level,
        variant=arguments.variant,
        size=arguments.size,
        fracture=arguments.fracture,
        shapes=arguments.shapes,
        curves=arguments.curves,
    )
    count, seed, folder = arguments.count, arguments.seed, arguments.output
    return _list(write_cases(count, seed, folder, progress_line(), options, arguments.workers))


def make_shapes(arguments: argparse.Namespace) -> int:
    from SpineLib.synthesis.shapes.prepare import make_shapes

    shapes, warnings = make_shapes(arguments.folders, arguments.output, arguments.axes, progress_line())
    for sentence in warnings:
        print(sentence, file=sys.stderr)
    for shape in shapes:
        size = " x ".join(f"{side:.1f}" for side in shape.size_mm)
        print(f"{shape.source} {shape.level}: {shape.volume_cm3:.1f} cm3, body {size} mm")
    return 0


def _add_order(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("-n", "--count", type=int, default=1, metavar="N", help=f"how many {what}")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=f"the same seed makes the same {what}")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=f"folder for the {what}")


def _list(paths: list[Path]) -> int:
    for path in paths:
        print(path)
    return 0
