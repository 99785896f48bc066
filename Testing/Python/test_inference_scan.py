# SPDX-License-Identifier: Apache-2.0
"""Scans on the networks' grid and back, and windows that are finished slab by slab."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from SpineLib.core.errors import Cancelled, ModelError
from SpineLib.core.mask import Mask
from SpineLib.core.progress import forward_only, silent
from SpineLib.inference.attempts import carry_out
from SpineLib.inference.device import select
from SpineLib.inference.scan_grid import Field, ScanGrid, grid_around, grid_over, mask_on, resampled
from SpineLib.inference.scan_networks import MAYBE_SACRUM, decide_sacrum, find_vertebrae
from SpineLib.inference.windows import EDGE, plan, plan_around, run
from SpineLib.io.itk import image_of
from SpineLib.networks.ct_channels import PARTS, VERTEBRA_CHANNELS
from SpineLib.tasks.stopwatch import Stopwatch

CPU = select("cpu", "fp32")
Scan = namedtuple("Scan", "shape affine")
ODD_PLACES = {
    "upright": np.diag([-0.9, -0.9, 1.4]),
    "flipped": np.diag([0.9, -0.9, -1.4]),
    "sagittal slices": np.array([[0, 0, 1.4], [0.9, 0, 0], [0, 0.9, 0]], float),
    "oblique": Rotation.from_euler("xyz", [20, -15, 35], degrees=True).as_matrix() * np.array([0.9, 0.8, 1.4]),
}


def affine_at(axes: np.ndarray, shape: tuple[int, int, int], middle: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = middle - axes @ ((np.array(shape) - 1) / 2)
    return affine


def coordinates(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return indices @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize("place", ODD_PLACES)
def test_a_scan_is_resampled_to_where_it_lies(place: str) -> None:
    """Values that grow with R, A and S are found at their places whichever way the scan lies."""
    shape, middle = (60, 50, 40), np.array([12.0, -30.0, 400.0])
    affine = affine_at(ODD_PLACES[place], shape, middle)
    slopes = np.array([3.0, -2.0, 5.0])
    image = image_of((coordinates(shape, affine) @ slopes).astype(np.float32), affine)
    grid = grid_around(middle + np.array([[-9, -9, -9], [9, 9, 9]]), 1.5)
    np.testing.assert_allclose(resampled(image, grid), coordinates(grid.shape, grid.affine) @ slopes, atol=0.02)


def test_coarse_voxels_stand_for_all_they_cover_without_a_shift() -> None:
    shape, middle = (120, 110, 100), np.array([0.0, 0.0, 0.0])
    affine = affine_at(np.diag([-0.7, -0.7, 1.0]), shape, middle)
    slopes = np.array([3.0, -2.0, 5.0])
    noise = np.random.default_rng(0).normal(0, 50, shape)
    image = image_of((coordinates(shape, affine) @ slopes + noise).astype(np.float32), affine)
    grid = grid_around(np.array([[-20, -20, -20], [20, 20, 20]]), 5.0)
    error = resampled(image, grid) - coordinates(grid.shape, grid.affine) @ slopes
    assert abs(error.mean()) < 0.5
    assert error.std() < 10


@pytest.mark.parametrize(("size", "spacing_mm"), [(121, 0.5), (76, 0.8), (75, 0.8), (40, 1.4)])
def test_the_last_voxels_of_a_fine_scan_count_as_the_first_do(size: int, spacing_mm: float) -> None:
    """Two or three are averaged to one, and what is left over is no air."""
    image = image_of(np.full((size,) * 3, 100, np.int16), np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0]))
    inside = grid_over((size,) * 3, np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0]), 1.5)
    ends = (size - 1) * spacing_mm - 1e-6
    reached = (inside.points(np.argwhere(np.ones(inside.shape))) * [-1, -1, 1] <= ends).all(axis=1)
    values = resampled(image, inside).ravel()
    np.testing.assert_allclose(values[reached], 100)


def test_beyond_the_scan_there_is_air() -> None:
    image = image_of(np.zeros((10, 10, 10), np.int16), np.eye(4))
    far = resampled(image, grid_around(np.array([[100.0, 100, 100], [110, 110, 110]]), 2.0))
    assert (far == -1000).all()


@pytest.mark.parametrize("place", ODD_PLACES)
def test_the_grid_covers_the_whole_scan(place: str) -> None:
    shape = (30, 20, 25)
    affine = affine_at(ODD_PLACES[place], shape, np.array([5.0, 6.0, 7.0]))
    grid = grid_over(shape, affine, 5.0)
    places = grid.indices(coordinates(shape, affine).reshape(-1, 3))
    assert (places > -0.01).all()
    assert (places < np.array(grid.shape) - 0.99).all()


@pytest.mark.parametrize("place", ODD_PLACES)
def test_a_mask_comes_back_to_the_scans_own_voxels(place: str) -> None:
    """A ball that is drawn on the networks' grid is a ball at the same place on the scan, to half a voxel."""
    shape, middle = (70, 60, 50), np.array([12.0, -30.0, 400.0])
    affine = affine_at(ODD_PLACES[place], shape, middle)
    grid = grid_around(middle + np.array([[-15, -15, -15], [15, 15, 15]]), 1.5)
    center = middle + np.array([4.0, -3.0, 2.0])
    ball = np.linalg.norm(coordinates(grid.shape, grid.affine) - center, axis=-1) <= 9
    found = mask_on(Scan(shape, affine), Mask.from_array(ball), grid).to_array()
    wanted = np.linalg.norm(coordinates(shape, affine) - center, axis=-1) <= 9
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.95
    shift = coordinates(shape, affine)[found].mean(axis=0) - center
    assert np.abs(shift).max() < 0.2


def test_how_sure_voxels_are_tells_the_border_and_two_looks_tell_it_closer() -> None:
    """How much of each voxel a ball fills tells more of it than which voxels are its own; a second look from between
    the voxels, with errors of its own, more than the first alone. What lies beyond the mask stays out."""
    affine, shape = affine_at(0.5 * np.eye(3), (48, 48, 48), np.zeros(3)), (48, 48, 48)
    scan = Scan(shape, affine)
    grid = grid_around(np.array([[-12.0, -12, -12], [12, 12, 12]]), 3.0)
    center, radius, rng = np.array([0.4, -0.7, 0.2]), 7.0, np.random.default_rng(5)

    def away(shape: tuple[int, ...], to_ras: np.ndarray) -> np.ndarray:
        return np.linalg.norm(coordinates(shape, to_ras) - center, axis=-1)

    def seen(grid: ScanGrid) -> Field:
        filled = 0.5 + (radius - away(grid.shape, grid.affine)) / 3 + rng.normal(0, 0.12, grid.shape)
        return Field(grid, (np.clip(filled, 0, 1) * 255).astype(np.uint8))

    ball = Mask.from_array(away(grid.shape, grid.affine) <= radius)
    around = Mask.from_array(away(grid.shape, grid.affine) <= radius + 6)
    wanted, looks = away(shape, affine) <= radius, [seen(grid), seen(grid.halfway())]
    found = [mask_on(scan, ball, grid), *(mask_on(scan, around, grid, looks[:count]) for count in (1, 2))]
    wrong = [(mask.to_array() != wanted).sum() for mask in found]
    assert wrong[2] < 0.8 * wrong[1] < 0.8 * wrong[0]
    upper = Mask.from_array(around.to_array() & (np.arange(grid.shape[2]) > 3))
    higher = mask_on(scan, upper, grid, looks).to_array()
    height = coordinates(shape, affine)[..., 2]
    np.testing.assert_array_equal(higher, found[2].to_array() & (height > grid.points(np.array([[0, 0, 3.5]]))[0, 2]))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_grid_halfway_lies_between_the_voxels(size: int) -> None:
    grid = ScanGrid((4, 6, size), 1.5, np.array([3.0, -8.0, 20.0]))
    half = grid.halfway()
    assert half.shape == (3, 5, max(1, size - 1))
    np.testing.assert_allclose(
        grid.indices(half.points(np.array([[0, 0, 0], [2, 4, 0]]))), [[0.5] * 3, [2.5, 4.5, 0.5]]
    )


def test_a_mask_outside_the_scan_is_empty() -> None:
    grid = grid_around(np.array([[100.0, 100, 100], [110, 110, 110]]), 2.0)
    assert mask_on(Scan((10, 10, 10), np.eye(4)), Mask.from_array(np.ones(grid.shape)), grid).is_empty


class Echo(torch.nn.Module):
    """Answers with the image and its double."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image, 2 * image], 1)


class Contrast(torch.nn.Module):
    """Answers with the image and its difference from the window's mean, which every other window has another of."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image, image - image.mean(dim=(2, 3, 4), keepdim=True)], 1)


def echoed(image: np.ndarray, wanted: np.ndarray, window: tuple[int, int, int], progress=silent, network=None):
    """Answer `(2, I, J, K)`, nan where none came, and the slabs' heights."""
    answer, heights = np.full((2, *image.shape), np.nan, np.float32), []

    def take(logits: torch.Tensor, seen: torch.Tensor, start: tuple[int, int, int]) -> None:
        box = tuple(slice(low, low + size) for low, size in zip(start, logits.shape[1:], strict=True))
        assert np.isnan(answer[1][box]).all(), "a slab came twice"
        answer[(slice(None), *box)] = torch.where(seen, logits, torch.nan).numpy()
        heights.append(logits.shape[3])

    def look(forward, attempt) -> None:
        run(image, plan(wanted, window, 0.25), 2, forward, attempt, take, progress)

    carry_out(network or Echo(), CPU, look, silent, lambda device, sentence: None, windows=True)
    return answer, heights


def test_windows_give_the_same_as_the_whole_image_and_hold_one_window_only() -> None:
    image = np.random.default_rng(1).normal(size=(40, 37, 90)).astype(np.float32)
    answer, heights = echoed(image, np.ones(image.shape, bool), (24, 24, 32))
    np.testing.assert_allclose(answer[0], image, atol=1e-5)
    np.testing.assert_allclose(answer[1], 2 * image, atol=1e-5)
    assert max(heights) <= 32


def test_windows_lie_and_count_as_those_of_monai() -> None:
    from monai.inferers import SlidingWindowInferer

    image = np.random.default_rng(4).normal(size=(50, 37, 90)).cumsum(axis=2).astype(np.float32)
    answer, _ = echoed(image, np.ones(image.shape, bool), (24, 24, 32), network=Contrast())
    inferer = SlidingWindowInferer((24, 24, 32), overlap=0.25, mode="gaussian")
    np.testing.assert_allclose(answer, inferer(torch.from_numpy(image)[None, None], Contrast())[0], atol=1e-3)


def test_only_windows_with_something_wanted_are_computed() -> None:
    """A thin oblique column in a large volume: every wanted voxel is answered, most of the others are not."""
    image = np.random.default_rng(2).normal(size=(96, 80, 120)).astype(np.float32)
    wanted = np.zeros(image.shape, bool)
    for k in range(20, 110):
        wanted[10 + k // 2 : 18 + k // 2, 30:40, k] = True
    answer, _ = echoed(image, wanted, (24, 24, 24))
    np.testing.assert_allclose(answer[1][wanted], 2 * image[wanted], atol=1e-5)
    assert np.isfinite(answer[0]).mean() < 0.35


def test_the_number_of_windows_grows_with_the_column_and_not_with_the_volume() -> None:
    def windows(side: int, length: int) -> int:
        wanted = np.zeros((side, side, 200), bool)
        wanted[side // 2 : side // 2 + 10, side // 2 : side // 2 + 10, 10 : 10 + length] = True
        return plan(wanted, (24, 24, 24), 0.25).count

    assert windows(40, 90) == windows(160, 90)
    assert windows(40, 180) == pytest.approx(2 * windows(40, 90), abs=1)


def test_nothing_wanted_needs_no_window() -> None:
    assert plan(np.zeros((20, 20, 20), bool), (8, 8, 8), 0.25).count == 0


def test_a_box_lies_in_the_middle_of_a_window_and_a_larger_one_in_several() -> None:
    small, wide = (slice(40, 60), slice(41, 61), slice(70, 80)), (slice(20, 75), slice(50, 60), slice(30, 40))
    wanted = np.zeros((100, 100, 120), bool)
    wanted[small], wanted[20:70, 50:60, 30:40] = True, True
    assert plan_around([small], wanted, (40, 40, 40)).layers == ((55, ((30, 31),)),)
    (layer,) = plan_around([wide], wanted, (40, 40, 40)).layers
    assert layer == (15, ((15, 35), (27, 35), (40, 35)))
    both = plan_around([small, wide, small], wanted, (40, 40, 40))
    assert both.count == 4
    assert [start for start, _ in both.layers] == [15, 55]


def test_windows_around_boxes_stay_within_the_scan_and_show_all_of_the_boxes() -> None:
    rng = np.random.default_rng(4)
    shape, window = (50, 30, 90), (32, 32, 32)
    for _ in range(50):
        low = rng.integers(0, np.array(shape) - 4)
        high = np.minimum(low + rng.integers(2, 60, 3), shape)
        shown = np.zeros(shape, bool)
        windows = plan_around([tuple(map(slice, low, high))], np.ones(shape, bool), window)
        for k, places in windows.layers:
            for place in places:
                start = np.array([*place, k])
                end = start + windows.size
                assert (start >= 0).all()
                assert (end <= shape).all()
                # An edge is no loss where the scan ends.
                inner = np.where(start > 0, start + EDGE, 0), np.where(end < shape, end - EDGE, end)
                shown[tuple(map(slice, *inner))] = True
        assert shown[tuple(map(slice, low, high))].all()
    assert plan_around([], np.ones(shape, bool), window).count == 0


def test_a_stray_voxel_of_a_vertebra_makes_no_windows_over_nothing() -> None:
    wanted = np.zeros((200, 200, 200), bool)
    wanted[:20, :20, :20] = wanted[-1, -1, -1] = True
    assert plan_around([(slice(0, 200),) * 3], wanted, (64, 64, 64)).count == 2


def test_a_volume_smaller_than_the_window_is_one_window() -> None:
    image = np.random.default_rng(3).normal(size=(9, 12, 7)).astype(np.float32)
    answer, _ = echoed(image, np.ones(image.shape, bool), (24, 24, 24))
    np.testing.assert_allclose(answer[0], image, atol=1e-5)


def test_a_cancel_between_windows_is_heard() -> None:
    def stop(share: float, message: str) -> None:
        if share > 0.3:
            raise Cancelled()

    with pytest.raises(Cancelled):
        echoed(np.zeros((20, 20, 90), np.float32), np.ones((20, 20, 90), bool), (20, 20, 20), stop)


class Broken(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.full_like(image, torch.nan)


def test_an_answer_that_is_no_number_is_an_error() -> None:
    def look(forward, attempt) -> None:
        image = np.zeros((8, 8, 8), np.float32)
        run(image, plan(np.ones((8, 8, 8), bool), (8, 8, 8), 0), 1, forward, attempt, lambda *slab: None, silent)

    with pytest.raises(ModelError, match="not a number"):
        carry_out(Broken(), CPU, look, silent, lambda device, sentence: None, windows=True)


def test_indices_and_the_whole_array_give_the_same_mask() -> None:
    inside = np.random.default_rng(4).random((7, 8, 9)) > 0.97
    first, second = Mask.from_array(inside), Mask.from_indices(np.argwhere(inside), inside.shape)
    assert first.origin == second.origin and first.shape == second.shape
    np.testing.assert_array_equal(first.box, second.box)
    assert Mask.from_indices(np.zeros((0, 3), int), (7, 8, 9)).is_empty


def test_masks_without_others_keep_the_rest_in_its_place() -> None:
    first, second = np.random.default_rng(6).random((2, 7, 8, 9)) > 0.6
    first[0], second[:, :3] = False, False
    rest = Mask.from_array(first).without(Mask.from_array(second))
    np.testing.assert_array_equal(rest.to_array(), first & ~second)
    nothing, whole = Mask.empty((7, 8, 9)), Mask.from_array(np.ones((7, 8, 9)))
    np.testing.assert_array_equal(Mask.from_array(first).without(nothing).to_array(), first)
    assert Mask.from_array(first).without(whole).is_empty and nothing.without(whole).is_empty


def test_progress_never_goes_back_and_parts_stay_in_theirs() -> None:
    heard: list[float] = []
    watch = Stopwatch(forward_only(lambda fraction, message: heard.append(fraction)))
    part = watch.within(0.0, 0.5)
    for each, fraction in ((part, 0.2), (part, 0.8), (part, 0.4), (watch, 0.3), (watch, 0.9)):
        with each.step(str(fraction), fraction, ""):
            pass
    assert heard == pytest.approx([0.1, 0.4, 0.4, 0.4, 0.9])
    assert set(watch.seconds) == {"0.2", "0.8", "0.4", "0.3", "0.9"}


def test_a_grid_within_another_keeps_to_it_and_takes_its_values() -> None:
    whole = grid_around(np.array([[-50.0, -40, -60], [50, 40, 60]]), 5.0)
    part = grid_around(np.array([[-20.0, -60, -30], [20, 60, 30]]), 1.5).within(whole)
    ends = whole.indices(part.points(np.array([[0.0, 0, 0], np.array(part.shape) - 1.0])))
    assert (ends > -1e-6).all() and (ends < np.array(whole.shape) - 1 + 1e-6).all()
    heights = coordinates(whole.shape, whole.affine)[..., 2]
    nearest = whole.values_on(part, heights)
    assert np.abs(nearest - coordinates(part.shape, part.affine)[..., 2]).max() <= 2.5 + 1e-6


class Sure(torch.nn.Module):
    """Everywhere of the same mind."""

    def __init__(self, **shares: float) -> None:
        super().__init__()
        given = torch.tensor([shares.get(part or "nothing", 1e-4) for part in PARTS])
        self.answer = torch.cat([given.log(), torch.zeros(VERTEBRA_CHANNELS - len(PARTS))])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.answer.view(1, -1, 1, 1, 1).expand(len(image), -1, *image.shape[2:]).contiguous()


@pytest.mark.parametrize(
    ("shares", "part"),
    [
        ({"nothing": 0.8, "sacrum": 0.2}, "sacrum"),
        ({"nothing": 0.996, "sacrum": 0.004}, ""),
        ({"body": 0.7, "sacrum": 0.3}, "body"),
        ({"nothing": 0.6, "posterior": 0.4}, ""),
    ],
)
def test_an_unsure_sacrum_is_one_where_nothing_else_would_be(shares: dict[str, float], part: str) -> None:
    wanted = np.ones((16, 16, 16), bool)
    network, image = Sure(**shares), np.zeros(wanted.shape, np.float32)
    found = find_vertebrae(network, image, wanted, 1.5, (16, 16, 16), CPU, silent, lambda _: None)
    assert (found.parts == PARTS.index(part)).all()


@pytest.mark.parametrize(("maybe", "taken"), [(30, False), (65, False), (66, True), (90, True)])
def test_the_edge_of_a_sure_sacrum_is_left_as_it_is(maybe: int, taken: bool) -> None:
    """Of 200 voxels 50 are surely of the sacrum, so many more may be: 1.3 times 50 are 65."""
    parts = np.zeros(200, np.uint8)
    parts[:50], parts[50 : 50 + maybe], parts[-1] = PARTS.index("sacrum"), MAYBE_SACRUM, PARTS.index("disc")
    decide_sacrum(parts)
    assert (parts == PARTS.index("sacrum")).sum() == 50 + maybe * taken
    assert (parts == 0).sum() == 200 - 50 - 1 - maybe * taken and parts[-1] == PARTS.index("disc")
