# SPDX-License-Identifier: Apache-2.0
"""From a probability map to the mask of one vertebral column.

An organ, a necklace or an implant may interrupt the column (S5); what lies above or below such a gap and continues the
course of the column belongs to it, what lies beside it does not. All limits are our choice, in multiples of the
column's own width, which makes them independent of the film's resolution.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

MAX_GAP = 5.0
"""Largest interruption along the column: some five vertebrae."""
MAX_SIDESTEP = 1.25
"""How far a continuation may lie beside the column's extrapolated course; grows with the gap by MAX_DRIFT."""
MAX_DRIFT = 0.3
MAX_SLOPE = 1.2
"""Steepest course that is extrapolated (dx/dy)."""
MIN_PIECE = 0.2
"""Smallest area of a piece, in squares of the column's width: about a quarter of a vertebra."""
MAX_OVERLAP = 0.5
"""Share of a piece's own height that may lie beside the column it continues."""
MAX_HOLE = 1.0
"""Largest hole that is filled, in squares of the column's width."""

MIN_LENGTH = 1.5
"""A column shorter than this many widths is not believed: two vertebrae in sight."""
MIN_AREA_SHARE = 0.001
"""A column smaller than this share of the film is not believed."""
MIN_MEAN_PROBABILITY = 0.70
"""A column of which the network is less sure on average is not believed."""
UNDECIDED = 0.2
"""Probabilities closer to the threshold than this are neither yes nor no."""
MAX_DOUBT = 0.9
"""A column is not believed on a film with more undecided pixels than this share of its own: on films they are its
rim, a tenth of it to a half; on pictures of other things they are everywhere."""


@dataclass(frozen=True)
class Column:
    """The column's mask `(rows, columns)` bool and what speaks for it.

    area_share: of the film. elongation: height over width. mean_probability: inside the mask. doubt: undecided pixels
    of the whole film as a share of the mask's. gaps: interruptions.
    sides: the lateral edges of the film, "left" and "right" as seen, that the mask runs off.
    """

    mask: np.ndarray
    area_share: float
    elongation: float
    mean_probability: float
    doubt: float
    gaps: int
    sides: tuple[str, ...]

    @property
    def is_credible(self) -> bool:
        """Whether this is a spine rather than a stain."""
        return (
            self.area_share >= MIN_AREA_SHARE
            and self.elongation >= MIN_LENGTH
            and self.mean_probability >= MIN_MEAN_PROBABILITY
            and self.doubt <= MAX_DOUBT
        )

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the mask."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        columns = np.flatnonzero(self.mask.any(axis=0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@dataclass(frozen=True)
class _Piece:
    """One connected component of a film of `film_width` columns.

    centers, widths: its center line and its number of pixels, one a row from `top` on.
    """

    label: int
    area: int
    top: int
    film_width: int
    centers: np.ndarray
    widths: np.ndarray

    @property
    def bottom(self) -> int:
        return self.top + len(self.centers)


def find_column(probability: np.ndarray, threshold: float) -> Column | None:
    """The column in a `(rows, columns)` map of probabilities, at the map's own resolution; None where nothing is."""
    labels, count = ndimage.label(probability >= threshold)
    if count == 0:
        return None
    pieces = _chain(_pieces(labels))
    kept = np.zeros(count + 1, dtype=bool)
    kept[[piece.label for piece in pieces]] = True
    width = _width(pieces)
    mask = _fill_holes(kept[labels], MAX_HOLE * width**2)
    return Column(
        mask=mask,
        area_share=float(mask.mean()),
        elongation=(pieces[-1].bottom - pieces[0].top) / width,
        mean_probability=float(probability[mask].mean()),
        doubt=np.count_nonzero(np.abs(probability - threshold) < UNDECIDED) / np.count_nonzero(mask),
        gaps=sum(below.top > above.bottom for above, below in pairwise(pieces)),
        sides=_sides(mask, width),
    )


def _pieces(labels: np.ndarray) -> list[_Piece]:
    """All components, the largest first; specks far below a vertebra's size are left out early."""
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    boxes = ndimage.find_objects(labels)
    order = [int(label) for label in np.argsort(areas)[::-1] if areas[label] >= max(1, areas.max() / 1000)]
    return [_piece(labels, label, boxes[label - 1], int(areas[label])) for label in order]


def _piece(labels: np.ndarray, label: int, box: tuple[slice, slice], area: int) -> _Piece:
    inside = labels[box] == label
    widths = inside.sum(axis=1)
    centers = inside @ np.arange(box[1].start, box[1].stop, dtype=np.float64) / widths
    return _Piece(label, area, box[0].start, labels.shape[1], centers, widths)


def _chain(pieces: list[_Piece]) -> list[_Piece]:
    """The largest piece and, from top to bottom, all that continue it."""
    chain = [pieces[0]]
    rest = pieces[1:]
    while True:
        width = _width(chain)
        following = [piece for piece in rest if piece.area >= MIN_PIECE * width**2 and _continues(chain, piece, width)]
        if not following:
            return chain
        nearest = min(following, key=lambda piece: min(abs(_gap_above(chain, piece)), abs(_gap_below(chain, piece))))
        rest.remove(nearest)
        chain = sorted([*chain, nearest], key=lambda piece: piece.top)


def _continues(chain: list[_Piece], piece: _Piece, width: float) -> bool:
    for gap, end, downward in (
        (_gap_above(chain, piece), chain[0], False),
        (_gap_below(chain, piece), chain[-1], True),
    ):
        if not -MAX_OVERLAP * len(piece.centers) <= gap <= MAX_GAP * width:
            continue
        span = max(2, round(width))
        near = piece.centers[:span].mean() if downward else piece.centers[-span:].mean()
        distance = max(0.0, gap) + min(span, len(piece.centers)) / 2
        allowed = MAX_SIDESTEP * width + MAX_DRIFT * max(0.0, gap)
        if abs(near - _extrapolate(end, width, downward, distance)) <= allowed:
            return True
    return False


def _extrapolate(piece: _Piece, width: float, downward: bool, distance: float) -> float:
    """Where the center line of `piece` would be `distance` rows beyond its end, or the film's edge if it leaves it."""
    span = min(len(piece.centers), max(2, round(3 * width)))
    centers = piece.centers[-span:] if downward else piece.centers[:span][::-1]
    if span < width:
        return float(centers.mean())
    rows = np.arange(span, dtype=np.float64)
    slope, start = np.polyfit(rows, centers, 1)
    slope = float(np.clip(slope, -MAX_SLOPE, MAX_SLOPE))
    return float(np.clip(start + slope * (span - 1 + distance), 0, piece.film_width - 1))


def _gap_above(chain: list[_Piece], piece: _Piece) -> int:
    return chain[0].top - piece.bottom


def _gap_below(chain: list[_Piece], piece: _Piece) -> int:
    return piece.top - chain[-1].bottom


def _width(pieces: list[_Piece]) -> float:
    return float(np.median(np.concatenate([piece.widths for piece in pieces])))


def _fill_holes(mask: np.ndarray, largest: float) -> np.ndarray:
    """Fill what the mask encloses; a rim of one pixel joins all that it does not."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    outside, _ = ndimage.label(np.pad(~mask[box], 1, constant_values=True))
    small = np.bincount(outside.ravel()) <= largest
    small[[0, outside[0, 0]]] = False
    filled = mask.copy()
    filled[box] |= small[outside[1:-1, 1:-1]]
    return filled


def _sides(mask: np.ndarray, width: float) -> tuple[str, ...]:
    """Lateral edges that the mask touches along more than a quarter of its width, so that part of it is cut off."""
    touching = {"left": mask[:, 0].sum(), "right": mask[:, -1].sum()}
    return tuple(side for side, rows in touching.items() if rows > width / 4)
