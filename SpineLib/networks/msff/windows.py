# SPDX-License-Identifier: Apache-2.0
"""Cut maps into windows of cells and put them together again, on grids of any size."""

import torch
from monai.networks.nets.swin_unetr import window_partition, window_reverse
from torch.nn import functional


def cut(x: torch.Tensor, window: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`(B, C, *grid)` -> tokens `(B * windows, window**dims, C)`, and which of them are real, `(B * windows, tokens)`.

    A grid that is no multiple of the window is padded at its end; None instead of the mask where it is one.
    """
    missing = [-length % window for length in x.shape[2:]]
    sides = (window,) * len(missing)
    if not any(missing):
        return window_partition(x.movedim(1, -1), sides), None
    pads = [pad for extra in reversed(missing) for pad in (0, extra)]
    real = functional.pad(torch.ones_like(x[:, :1], dtype=torch.bool), pads)
    tokens = window_partition(functional.pad(x, pads).movedim(1, -1), sides)
    return tokens, window_partition(real.movedim(1, -1), sides).squeeze(-1)


def join(tokens: torch.Tensor, window: int, like: torch.Tensor) -> torch.Tensor:
    """Undo `cut`: tokens `(B * windows, window**dims, C)` -> `(B, C, *grid)` on the grid of `like`."""
    grid = like.shape[2:]
    padded = [length + -length % window for length in grid]
    x = window_reverse(tokens, (window,) * len(grid), (like.shape[0], *padded)).movedim(-1, 1)
    return x[(..., *(slice(length) for length in grid))]
