# SPDX-License-Identifier: Apache-2.0
"""Which models there are: one list shipped with the product, one of the user's own imports. Needs no torch.

Each list is a `catalogue.json` beside a folder `bundles/`, together called a shelf.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from SpineLib.core.errors import ModelError
from SpineLib.models.bundle import read_metadata

SHIPPED = Path(__file__).parent
FOLDER_VARIABLE = "SPINE_MODELS"


@dataclass(frozen=True)
class Entry:
    """One model. `files`: path inside the bundle -> sha256; `expected_seconds`: {"cpu": s, "cuda": s} for one image."""

    id: str
    title: str
    task: str
    modality: str
    view: str | None
    dimensions: int
    version: str
    license: str
    license_note: str
    size_bytes: int
    expected_seconds: dict[str, float]
    files: dict[str, str]
    shelf: Path = field(compare=False)

    @property
    def folder(self) -> Path:
        """Where the bundle lies."""
        return bundle_folder(self.shelf, self.id)

    @property
    def shipped(self) -> bool:
        """Whether the model came with the product (and cannot be removed)."""
        return self.shelf == SHIPPED

    def as_json(self) -> dict[str, Any]:
        """The line of `catalogue.json`."""
        return {name: value for name, value in asdict(self).items() if name != "shelf"}


def user_shelf() -> Path:
    """The user's own models: the folder named by the environment variable SPINE_MODELS, else the platform's."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE]).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "SpineSegmentation" / "models"


def bundle_folder(shelf: Path, model_id: str) -> Path:
    """Where a shelf keeps a bundle."""
    return shelf / "bundles" / model_id


def entries(task: str | None = None) -> list[Entry]:
    """All models, shipped ones first; with `task`, those for it."""
    found = read(SHIPPED) + read(user_shelf())
    return [entry for entry in found if task in (None, entry.task)]


def find(model_id: str) -> Entry:
    """The model of that id. Raises ModelError, naming those there are, for an unknown one."""
    known = entries()
    for entry in known:
        if entry.id == model_id:
            return entry
    names = ", ".join(entry.id for entry in known) or "none"
    raise ModelError(f'There is no model called "{model_id}".', f"Known models: {names}.")


def read(shelf: Path) -> list[Entry]:
    """The models of one shelf; none where it has no catalogue."""
    path = shelf / "catalogue.json"
    names = {field.name for field in fields(Entry)} - {"shelf"}
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
        return [Entry(**{name: line[name] for name in names}, shelf=shelf) for line in lines]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"The list of models {path} cannot be read.", "Delete the file and import the models again."
        ) from error


def write(shelf: Path, content: list[Entry]) -> None:
    """Replace the catalogue of a shelf, sorted by id, in one step."""
    from SpineLib.io import safe_output

    lines = [entry.as_json() for entry in sorted(content, key=lambda entry: entry.id)]
    with safe_output(shelf / "catalogue.json") as path:
        path.write_text(json.dumps(lines, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def refresh(shelf: Path = SHIPPED) -> list[Entry]:
    """Write the catalogue of a shelf anew from the bundles that lie there."""
    found = [entry_for(folder) for folder in sorted((shelf / "bundles").glob("[!.]*")) if folder.is_dir()]
    write(shelf, found)
    return found


def entry_for(folder: Path) -> Entry:
    """The catalogue's line for a bundle, with the checksum of every file in it."""
    metadata = read_metadata(folder)
    files = bundle_files(folder)
    return Entry(
        id=metadata["id"],
        title=metadata["title"],
        task=metadata["task"],
        modality=metadata["modality"],
        view=metadata.get("view"),
        dimensions=metadata["network"]["spatial_dims"],
        version=metadata["version"],
        license=metadata["license"],
        license_note=str(metadata.get("license_note", "")),
        size_bytes=sum((folder / name).stat().st_size for name in files),
        expected_seconds=dict(metadata.get("expected_seconds", {})),
        files={name: sha256_of(folder / name) for name in files},
        shelf=folder.parent.parent,
    )


def bundle_files(folder: Path) -> list[str]:
    """Paths of the files in a bundle, relative and with forward slashes; hidden ones left out."""
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in relative if not any(part.startswith(".") for part in path.parts))


def sha256_of(*paths: Path) -> str:
    """Checksum of a file, or of several one behind the other, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
