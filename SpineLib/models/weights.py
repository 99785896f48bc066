# SPDX-License-Identifier: Apache-2.0
"""The weights of a bundle: one file, and where a later training changed a part of them, a small one beside it.

`models/change.safetensors` holds what is to be added to weights of `models/model.safetensors`. A change spans less than
the weights do, so its large layers take some 5 bits instead of 8 with nearly the same error, and a repository that
keeps its history does not store again what stayed the same.
"""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.core.errors import ModelError
from SpineLib.models.packing import LARGEST, State, packed, unpacked

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = ("models/model.safetensors", "models/model.pt")
CHANGE = "models/change.safetensors"
LARGEST_CHANGE, LARGE_LAYER = 10, 8192
"""Of the whole numbers that the change of a layer of so many weights is stored as. Smaller layers lie next to the image
and the answer, where rounding shows most, and keep 8 bits."""


def weights_paths(folder: Path) -> tuple[Path, ...]:
    """The files of a bundle's weights: the weights, safetensors where both kinds are there, and the change if any."""
    change = folder / CHANGE
    for name in WEIGHTS:
        if (folder / name).is_file():
            return (folder / name, change) if change.is_file() else (folder / name,)
    raise ModelError(
        f"The model {folder.name} has no weights: {WEIGHTS[0]} is missing.",
        "Get the model again or ask whoever made it.",
    )


def read_weights(folder: Path) -> State:
    """The tensors of a bundle by name, changed where it has a change. Raises ModelError where they cannot be read."""
    weights, *changes = weights_paths(folder)
    state = _read(weights)
    for path in changes:
        for name, change in _read(path).items():
            if name not in state or state[name].shape != change.shape:
                raise ModelError(f"The weights {path.name} do not fit the model: {name}.", "Get the model again.")
            state[name] = state[name].float() + change.float()
    return state


def weight_files(network: "nn.Module", base: Path | None = None) -> dict[str, bytes | Path]:
    """Path inside a bundle -> content. base: bundle whose weights are kept, with a change that makes the network's."""
    from safetensors.torch import save

    state, about = network.state_dict(), {"format": "pt"}
    if base is None:
        return {WEIGHTS[0]: save(packed(state), metadata=about)}
    kept, *_ = weights_paths(base)
    before = _read(kept)
    change = {name: values.cpu().float() - before[name].float() for name, values in state.items()}
    stored: State = {}
    for name, values in change.items():
        if values.any():
            stored |= packed({name: values}, LARGEST_CHANGE if values.numel() >= LARGE_LAYER else LARGEST)
    return {kept.relative_to(base).as_posix(): kept, CHANGE: save(stored, metadata=about)}


def _read(path: Path) -> State:
    """The tensors of one file, by name. A pickle may hold tensors only; anything else in it is refused unrun."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"The weights {path.name} hold more than numbers and were refused.", "Do not trust this file."
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"The weights {path.name} cannot be read.", "Get the model again.") from error
    if not isinstance(state, dict) or not all(isinstance(values, torch.Tensor) for values in state.values()):
        raise ModelError(f"The weights {path.name} are not a table of tensors.", "Get the model again.")
    try:
        return unpacked(state)
    except ValueError as error:
        raise ModelError(f"The weights {path.name} cannot be read: {error}.", "Get the model again.") from error
