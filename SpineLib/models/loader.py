# SPDX-License-Identifier: Apache-2.0
"""From a bundle on disk to a network ready to run. No code from a bundle is ever run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.core.errors import ModelError
from SpineLib.models import store
from SpineLib.models.bundle import read_metadata
from SpineLib.models.catalogue import sha256_of
from SpineLib.models.weights import read_weights, weights_paths

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bundle:
    """A loaded model.

    network: in evaluation mode, on the CPU, float32; maps images `(B, C, *spatial)` to logits of the same size.
    sha256: checksum of the weights, for the provenance of results.
    """

    id: str
    metadata: dict[str, Any]
    network: "torch.nn.Module"
    sha256: str
    folder: Path


def load(id_or_path: str | Path, fold: bool = True) -> Bundle:
    """Load a model of the catalogue, every file checked against its checksum, or the bundle in a folder as it is.

    fold: join batch normalizations with their convolutions, which is faster; turn it off to train on.
    Raises ModelError where the model is unknown, altered, broken or does not fit its network.
    """
    folder = folder_of(id_or_path)
    metadata = read_metadata(folder)
    network = _build(metadata)
    _fill(network, read_weights(folder), metadata["id"])
    network.eval()
    if fold:
        from SpineLib.networks.folding import fold_norms

        fold_norms(network)
    return Bundle(metadata["id"], metadata, network.requires_grad_(False), sha256_of(*weights_paths(folder)), folder)


def folder_of(id_or_path: str | Path) -> Path:
    """Where a model of the catalogue lies, after every file was checked, or the folder given."""
    path = Path(id_or_path)
    if isinstance(id_or_path, Path) or len(path.parts) > 1:
        if not path.is_dir():
            raise ModelError(f"There is no model folder {path}.", "Give the folder of a bundle or the id of a model.")
        return path
    return store.verify(str(id_or_path)).folder


def _build(metadata: dict[str, Any]) -> "torch.nn.Module":
    """The network that the metadata describes, with whatever weights it starts from."""
    from SpineLib.networks.factory import build_network

    wanted = metadata["network"]
    try:
        return build_network(
            wanted["name"],
            wanted["spatial_dims"],
            wanted["in_channels"],
            wanted["out_channels"],
            **wanted.get("options", {}),
        )
    except (TypeError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        raise ModelError(
            f"The network of the model {metadata['id']} cannot be built: {error}.",
            "The model may need a newer version of the extension.",
        ) from error


def _fill(network: "torch.nn.Module", state: dict[str, "torch.Tensor"], model_id: str) -> None:
    """Copy the weights into the network, each to its own precision. Raises ModelError unless all fit exactly."""
    wanted = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    given = {name: tuple(values.shape) for name, values in state.items()}
    for what, names in (
        ("lack", wanted.keys() - given.keys()),
        ("hold the unknown", given.keys() - wanted.keys()),
        ("have the wrong size for", {name for name in wanted.keys() & given.keys() if wanted[name] != given[name]}),
    ):
        if names:
            listed = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise ModelError(
                f"The weights of the model {model_id} do not fit its network: they {what} {listed}.",
                "Get the model again or ask whoever made it.",
            )
    network.load_state_dict(state)
