# SPDX-License-Identifier: Apache-2.0
"""What a bundle is: a folder in MONAI Bundle layout, described by its metadata and written in one step.

It holds `configs/metadata.json`, the weights in `models/`, `LICENSE`, `docs/README.md` and `training/`, the record of
how it was made.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.core.errors import ModelError, ResourceError
from SpineLib.models.weights import Terms, weight_files

if TYPE_CHECKING:
    import torch

METADATA = "configs/metadata.json"
LICENSE = "LICENSE"
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
REQUIRED_TEXTS = ("id", "title", "version", "task", "modality", "license")
REQUIRED_COUNTS = ("spatial_dims", "in_channels", "out_channels")


def read_metadata(folder: Path) -> dict[str, Any]:
    """The bundle's metadata. Raises ModelError where it is missing, broken or incomplete."""
    path = folder / METADATA
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder.name} is not a model: {METADATA} is missing.", "Give a model bundle.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{METADATA} of the model {folder.name} cannot be read: {error}.", _GET_AGAIN) from error
    check_metadata(metadata)
    return metadata


def check_metadata(metadata: Any) -> None:
    """Raise ModelError where a field that the product relies on is missing or of the wrong kind."""
    if not isinstance(metadata, dict):
        raise ModelError(f"{METADATA} is not a JSON object.", _GET_AGAIN)
    for field in REQUIRED_TEXTS:
        if not isinstance(metadata.get(field), str) or not metadata[field].strip():
            raise ModelError(f'{METADATA} lacks "{field}".', _GET_AGAIN)
    if not ID_PATTERN.fullmatch(metadata["id"]):
        raise ModelError(
            f'{METADATA}: "{metadata["id"]}" is not a model id.',
            "An id has at most 64 lower-case letters, digits, dots, hyphens and underscores.",
        )
    network = metadata.get("network")
    if not isinstance(network, dict) or not isinstance(network.get("name"), str):
        raise ModelError(f"{METADATA} does not name a network.", _GET_AGAIN)
    for field in REQUIRED_COUNTS:
        if type(network.get(field)) is not int or network[field] < 1:
            raise ModelError(f'{METADATA}: "network.{field}" must be a whole number above 0.', _GET_AGAIN)
    for field, value in (("network.options", network.get("options", {})), ("input", metadata.get("input"))):
        if not isinstance(value, dict):
            raise ModelError(f'{METADATA}: "{field}" must be a JSON object.', _GET_AGAIN)


def write_bundle(
    folder: Path,
    metadata: Mapping[str, Any],
    network: "torch.nn.Module",
    extra_files: Mapping[str, str | bytes | Path],
    base: Path | None = None,
    terms: Terms | None = None,
) -> None:
    """Write a bundle in one step, in place of one that is there.

    network: as trained, not folded. Its weights are kept in 8 bits where that does, see `packing`.
    extra_files: path inside the bundle -> text, bytes, or the file to copy. `LICENSE` must be among them.
    base: folder of a bundle; its weights are kept, and beside them what was added to them. terms: see
        `weights.weight_files`.
    """
    check_metadata(dict(metadata))
    if LICENSE not in extra_files:
        raise ModelError("A model needs the text of its license.", f'Give "{LICENSE}" among the files.')
    text = json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replaced_folder(Path(folder)) as new:
        for name, content in {METADATA: text, **extra_files, **weight_files(network, base, terms)}.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replaced_folder(final: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `final` when all went well, and vanishes when not."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        # Next to its place, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=final.parent) as waiting:
            new, old = Path(waiting) / final.name, Path(waiting) / "replaced"
            new.mkdir()
            yield new
            if final.exists():
                final.rename(old)
            try:
                new.rename(final)
            except OSError:
                if old.exists():
                    old.rename(final)
                raise
    except OSError as error:
        raise ResourceError(
            f"The model could not be written to {final}: {error.strerror or error}.",
            "Check the permissions of the folder and the free space.",
        ) from error


_GET_AGAIN = "Get the model again or ask whoever made it."
