# SPDX-License-Identifier: Apache-2.0
"""The weights of a bundle: one file, and where a later training changed a part of them, a small one beside it.

`models/change.safetensors` holds what is to be added to weights of `models/model.safetensors`. A change spans less than
the weights do, so its large layers take some 5 bits instead of 8 with nearly the same error, and a repository that
keeps its history does not store again what stayed the same. What is added to a convolution may also be stored as terms,
products of an output's, an input's and a place's weight, which are summed here, with the rest where a layer has both.
"""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.core.errors import ModelError
from SpineLib.models.packing import LARGEST, State, packed, unpacked

if TYPE_CHECKING:
    import torch
    from torch import nn

WEIGHTS = ("models/model.safetensors", "models/model.pt")
CHANGE = "models/change.safetensors"
LARGEST_CHANGE, LARGE_LAYER = 10, 8192
"""Of the whole numbers that the change of a layer of so many weights is stored as. Smaller layers lie next to the image
and the answer, where rounding shows most, and keep 8 bits."""
FACTORS, LARGEST_FACTOR = (".outputs", ".inputs", ".places"), 6
"""What follows a weight's name in the names of its terms' factors `(terms, ...)`, and their largest whole number."""
Terms = dict[str, list["torch.Tensor"]]
"""A weight's name -> the three factors of its terms."""


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
        for name, change in _summed(_read(path), state, path.name).items():
            state[name] = state[name].float() + change.float()
    return state


def weight_files(network: "nn.Module", base: Path | None = None, terms: Terms | None = None) -> dict[str, bytes | Path]:
    """Path inside a bundle -> content. base: bundle whose weights are kept, with a change that makes the network's.
    terms: of some weights, what is stored of their change since `base` in place of all of it."""
    import torch
    from safetensors.torch import save

    state, about = network.state_dict(), {"format": "pt"}
    if base is None:
        return {WEIGHTS[0]: save(packed(state), metadata=about)}
    kept, *changes = weights_paths(base)
    before, began, earlier = _read(kept), read_weights(base), _read(changes[0]) if changes else {}
    stored: State = {}
    for name, values in state.items():
        values = values.cpu().float()
        old = [earlier[name + end] for end in FACTORS if name + end in earlier]
        new = (terms or {}).get(name, [])
        change = values - before[name].float()
        if new or (old and torch.equal(values, began[name].float())):
            both = [torch.cat(parts) for parts in zip(*filter(None, (old, new)), strict=True)]
            named = {name + end: factor for end, factor in zip(FACTORS, both, strict=True) if len(factor)}
            stored |= packed(named, LARGEST_FACTOR)
            change = earlier.get(name, torch.zeros(1)).float()
        if change.any():
            stored |= packed({name: change}, LARGEST_CHANGE if change.numel() >= LARGE_LAYER else LARGEST)
    return {kept.relative_to(base).as_posix(): kept, CHANGE: save(stored, metadata=about)}


def _summed(stored: State, state: State, file: str) -> State:
    """A stored change with its terms summed. Raises ModelError where it does not fit the weights of `state`."""
    import torch

    def fits(name: str, end: str, axis: int) -> bool:
        factor, first = stored.get(name + end), stored.get(name + FACTORS[0])
        if factor is None or first is None or factor.ndim != 2 or len(factor) != len(first) or state[name].ndim < 3:
            return False
        return factor.shape[1] == state[name].flatten(2).shape[axis]

    change = {name: values for name, values in stored.items() if not name.endswith(FACTORS)}
    wrong = [name for name, values in change.items() if name not in state or state[name].shape != values.shape]
    summed = {name.rpartition(".")[0] for name in stored.keys() - change.keys()}
    wrong += [
        name for name in summed if name not in state or not all(fits(name, end, i) for i, end in enumerate(FACTORS))
    ]
    if wrong:
        raise ModelError(f"The weights {file} do not fit the model: {min(wrong)}.", "Get the model again.")
    for name in summed:
        factors = (stored[name + end].float() for end in FACTORS)
        terms = torch.einsum("ro,ri,rp->oip", *factors).view_as(state[name])
        change[name] = terms + change[name].float() if name in change else terms
    return change


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
