# SPDX-License-Identifier: Apache-2.0
"""Keeping models: check that none was altered, take in new ones, remove them."""

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from SpineLib.core.errors import InputError, ModelError, ResourceError
from SpineLib.models import catalogue
from SpineLib.models.bundle import LICENSE, METADATA, read_metadata, replaced_folder
from SpineLib.models.catalogue import Entry, bundle_folder
from SpineLib.models.weights import weights_paths

LARGEST_BUNDLE = 4 << 30
"""Bytes a bundle may take when unpacked; guards the disk against archives made to fill it. Our choice."""


def verify(model_id: str) -> Entry:
    """Compare every file of a model with its checksum. Raises ModelError naming the file that is missing or altered."""
    entry = catalogue.find(model_id)
    remedy = "Install the extension again." if entry.shipped else f'Remove "{model_id}" and import it again.'
    for name, expected in entry.files.items():
        try:
            found = catalogue.sha256_of(entry.folder / name)
        except FileNotFoundError as error:
            raise ModelError(f"The file {name} of the model {model_id} is missing.", remedy) from error
        except OSError as error:
            raise ModelError(f"The file {name} of the model {model_id} cannot be read.", remedy) from error
        if found != expected:
            raise ModelError(f"The file {name} of the model {model_id} was altered.", remedy)
    for path in weights_paths(entry.folder):
        name = path.relative_to(entry.folder).as_posix()
        if name not in entry.files:
            raise ModelError(f"The file {name} was added to the model {model_id}.", remedy)
    return entry


def import_bundle(source: str | Path) -> Entry:
    """Copy a bundle (a folder or a zip file) into the user's models and list it there.

    Raises InputError where there is no such file, ModelError where it is no usable bundle or its id is taken,
    ResourceError where it cannot be written. Nothing is left behind on failure, and nothing in it is run.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(f"There is no file or folder {source}.", "Give a model bundle: a folder or a zip file.")
    with tempfile.TemporaryDirectory(prefix="spine-import-") as unpacked:
        root = _root_of(source if source.is_dir() else _extract(source, Path(unpacked)))
        model_id = _check(root)
        shelf = catalogue.user_shelf()
        with replaced_folder(bundle_folder(shelf, model_id)) as new:
            _copy(root, new)
        return _list(bundle_folder(shelf, model_id))


def remove(model_id: str) -> None:
    """Delete a model that the user imported. Raises ModelError for a shipped or unknown one."""
    entry = catalogue.find(model_id)
    if entry.shipped:
        raise ModelError(f"The model {model_id} is part of the product.", "Only imported models can be removed.")
    catalogue.write(entry.shelf, [other for other in catalogue.read(entry.shelf) if other.id != model_id])
    try:
        shutil.rmtree(entry.folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ResourceError(
            f"The folder {entry.folder} could not be deleted: {error.strerror}.", "Delete it by hand."
        ) from error


def _check(root: Path) -> str:
    """The id of a bundle that has all it needs."""
    metadata = read_metadata(root)
    weights_paths(root)
    if not (root / LICENSE).is_file():
        raise ModelError(f"The model {metadata['id']} has no {LICENSE} file.", "Ask whoever made it under which terms.")
    if any(entry.id == metadata["id"] for entry in catalogue.entries()):
        raise ModelError(f"There is already a model called {metadata['id']}.", "Remove that one first.")
    return metadata["id"]


def _list(folder: Path) -> Entry:
    """Add a bundle to its shelf's catalogue; where that fails, the bundle goes again."""
    entry = catalogue.entry_for(folder)
    try:
        catalogue.write(entry.shelf, [*catalogue.read(entry.shelf), entry])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return entry


def _root_of(folder: Path) -> Path:
    """The bundle itself: the folder, or the only folder in it, as zip programs like to wrap."""
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
    if not (folder / METADATA).is_file() and len(inside) == 1 and inside[0].is_dir():
        return inside[0]
    return folder


def _copy(root: Path, target: Path) -> None:
    """Copy the bundle's files; links are refused because they may point anywhere."""
    for path in root.rglob("*"):
        if path.is_symlink():
            raise ModelError(f"The model holds a link, {path.relative_to(root)}.", "Give the files themselves.")
    names = catalogue.bundle_files(root)
    if sum((root / name).stat().st_size for name in names) > LARGEST_BUNDLE:
        raise _too_large(root)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target / name)


def _extract(archive: Path, folder: Path) -> Path:
    """Unpack a zip file whose every member stays inside `folder`."""
    try:
        with zipfile.ZipFile(archive) as content:
            members = content.infolist()
            if sum(member.file_size for member in members) > LARGEST_BUNDLE:
                raise _too_large(archive)
            for member in members:
                _check_member(member)
            content.extractall(folder)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{archive.name} is not a zip file that can be read: {error}.", "Get the model again."
        ) from error
    except OSError as error:
        raise ResourceError(
            f"{archive.name} could not be unpacked: {error.strerror or error}.", "Check permissions and free space."
        ) from error
    return folder


def _check_member(member: zipfile.ZipInfo) -> None:
    """Refuse names that lead out of the folder, on this platform or another, and links."""
    name = member.orig_filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    leads_out = posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts
    if leads_out or stat.S_ISLNK(member.external_attr >> 16):
        raise ModelError(f'The archive holds "{name}", which leads out of its folder.', "Do not trust this file.")


def _too_large(source: Path) -> ModelError:
    return ModelError(f"{source.name} holds more than {LARGEST_BUNDLE >> 30} GB.", "Give a model bundle.")
