# SPDX-License-Identifier: Apache-2.0
"""The engine of the CT tasks beside MONAI's SlidingWindowInferer: same network, same volume, same windows.

    python Testing/Benchmarks/benchmark_ct.py [--task ct|fracture] [--size 512 512 600] [-o FOLDER]

Times a synthetic trunk through the whole task, its steps, and the vertebra network alone: ours near the spine only,
MONAI's over the whole volume. Prints seconds, peak memory and the share of equal labels within the spine. Each part,
the making of the trunk too, runs in a process of its own, so that no peak hides another. `--length` measures windows
and seconds against the length of the spine and the volume of the scan instead, and draws them: `ct-cost.png`.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from ct_cost import Trunk, draw_cost, measure_cost

SPACING_MM = (0.8, 0.8, 1.0)
SEED = 77


def trunk(shape: tuple[int, int, int]) -> Trunk:
    """A synthetic trunk of that shape: made at twice the spacing and enlarged, for the generator's sake."""
    from SpineLib.core.anatomy import DISC
    from SpineLib.synthesis.ct.case import make_case
    from SpineLib.synthesis.ct.options import CtOptions

    half = tuple(max(8, -(-size // 2)) for size in shape)
    spacing = tuple(2 * step for step in SPACING_MM)
    options = CtOptions(
        shape=half, spacing_mm=spacing, tilt_deg=0.0, level="T11", variant="usual", randomized=False, implants=False
    )
    case = make_case(SEED, options)
    voxels, spine = (
        array.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: shape[0], : shape[1], : shape[2]]
        for array in (case.voxels, (case.labels > 0) & (case.labels != DISC.code))
    )
    affine = case.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = case.affine[:3, 3] - 0.5 * affine[:3, :3].sum(axis=1)
    return Trunk(np.asfortranarray(voxels), spine, affine)


def make_scan(shape: tuple[int, int, int], file: Path) -> None:
    voxels, _, affine = trunk(shape)
    np.savez(file, voxels=voxels, affine=affine)


def scan_in(file: Path):
    """The scan of a file, as a volume."""
    from SpineLib.core.volume import Volume

    with np.load(file) as arrays:
        return Volume(arrays["voxels"], arrays["affine"], "ct")


def whole_task(task: str, file: Path) -> dict:
    """Seconds of a task, cold and warm, its steps and the process's peak memory, in GB."""
    from SpineLib import tasks

    volume = scan_in(file)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        result = tasks.run(task, volume)
        seconds.append(round(time.perf_counter() - start, 2))
    return {
        "cold_s": seconds[0],
        "warm_s": seconds[1],
        "steps_s": result.provenance["seconds"],
        "vertebrae": [vertebra.level for vertebra in result.vertebrae],
        "peak_gb": peak_gb(),
    }


def engine(ours: bool, file: Path) -> dict:
    """Seconds and added memory of the vertebra network over a scan; its labels are left beside the scan's file."""
    from SpineLib.inference.scan_grid import grid_over
    from SpineLib.tasks.options import SegmentOptions
    from SpineLib.tasks.scan_image import scan_image
    from SpineLib.tasks.scan_model import ScanModel

    scan = scan_image(scan_in(file))
    model = ScanModel.for_task("ct", None, SegmentOptions())
    localizer = ScanModel.for_task("ct_localizer", None, SegmentOptions())
    grid = grid_over(scan.shape, scan.affine, model.spacing_mm)
    values = scan.on(grid)
    before = psutil.Process().memory_info().rss / 1e9
    start = time.perf_counter()
    parts = _ours(scan, values, grid, localizer, model) if ours else _monai(values, model)
    seconds = time.perf_counter() - start
    np.save(file.parent / f"{'ours' if ours else 'monai'}.npy", parts)
    return {"seconds": round(seconds, 2), "added_peak_gb": round(peak_gb() - before, 3)}


def _ours(scan, values, grid, localizer, model) -> np.ndarray:
    """With the time of the localizer, which tells where to look."""
    from scipy import ndimage

    from SpineLib.core.progress import silent
    from SpineLib.inference.scan_networks import find_vertebrae
    from SpineLib.tasks.scan_vertebrae import NEAR_MM, localize

    coarse = localize(scan, localizer, silent)
    near = ndimage.distance_transform_edt(~coarse.spine, coarse.grid.spacing_mm) <= NEAR_MM
    wanted = coarse.grid.values_on(grid, near)
    bundle = model.bundle
    return find_vertebrae(
        bundle.network, values, wanted, grid.spacing_mm, model.window, model.device, silent, model.change
    ).parts


def _monai(values: np.ndarray, model) -> np.ndarray:
    """As its users run it: overlap 0.25, Gaussian weights, the whole answer kept, then the largest channel."""
    import torch
    from monai.inferers import SlidingWindowInferer

    from SpineLib.inference.scan_input import network_values
    from SpineLib.networks.ct_channels import PARTS

    inferer = SlidingWindowInferer(model.window, sw_batch_size=2, overlap=0.25, mode="gaussian")
    with torch.inference_mode():
        answer = inferer(torch.from_numpy(network_values(values))[None, None], model.bundle.network)
    return answer[0, : len(PARTS)].argmax(0).to(torch.uint8).numpy()


def agreement(folder: Path) -> dict:
    """Equal labels where either sees anything of the spine."""
    ours, monai = np.load(folder / "ours.npy"), np.load(folder / "monai.npy")
    near = ours > 0
    return {"equal_within_our_spine": float((ours == monai)[near].mean()), "voxels": int(near.sum())}


def cost(task: str, shape: tuple[int, int, int]) -> dict:
    """Windows and seconds of a task, see `ct_cost`."""
    return measure_cost(task, trunk(shape))


def peak_gb() -> float:
    scale = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9, 3)


def apart(function, *arguments):
    """The function's answer from a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=["ct", "fracture"], default="ct")
    parser.add_argument("--size", type=int, nargs=3, default=(512, 512, 600))
    parser.add_argument("--length", action="store_true", help="cost against the spine's length and the scan's volume")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmark-ct"))
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    shape = tuple(asked.size)
    report: dict = {"shape": shape, "task": asked.task}
    if asked.length:
        report["cost"] = apart(cost, asked.task, shape)
        draw_cost(report["cost"], asked.output / "ct-cost.png")
    else:
        file = asked.output / "scan.npz"
        apart(make_scan, shape, file)
        report["task_run"] = apart(whole_task, asked.task, file)
        report["engine_ours"] = apart(engine, True, file)
        report["engine_monai"] = apart(engine, False, file)
        report["agreement"] = agreement(asked.output)
    (asked.output / "benchmark_ct.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
