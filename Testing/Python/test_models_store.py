# SPDX-License-Identifier: Apache-2.0
"""The catalogue and the store of models: listing, checking, taking in, removing."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from models_fixtures import make_bundle, metadata, small_network

from SpineLib.core.errors import InputError, ModelError, ResourceError
from SpineLib.models import catalogue, store
from SpineLib.models.bundle import write_bundle


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "shelf"
    monkeypatch.setenv("SPINE_MODELS", str(folder))
    return folder


@pytest.fixture
def bundle(tmp_path) -> Path:
    return make_bundle(tmp_path / "source" / "tiny-ap")


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as content:
        for path in folder.rglob("*"):
            content.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_imported_folder_is_listed_and_verified(bundle):
    entry = store.import_bundle(bundle)
    assert entry.id == "tiny-ap"
    assert not entry.shipped
    assert entry.size_bytes == sum(len(data) for data in content_of(bundle).values())
    assert content_of(entry.folder) == content_of(bundle)
    assert store.verify("tiny-ap") == entry == catalogue.find("tiny-ap")
    assert entry in catalogue.entries(task="ap")
    assert entry not in catalogue.entries(task="ct")


@pytest.mark.parametrize("prefix", ["", "tiny-ap/"])
def test_a_zip_file_is_imported_with_and_without_a_folder_around_it(bundle, tmp_path, prefix):
    entry = store.import_bundle(zipped(bundle, tmp_path / "model.zip", prefix))
    assert content_of(entry.folder) == content_of(bundle)


def test_an_altered_file_is_named(bundle):
    entry = store.import_bundle(bundle)
    (entry.folder / "docs" / "README.md").write_text("changed")
    with pytest.raises(ModelError, match=r"docs/README\.md .*altered"):
        store.verify("tiny-ap")


def test_a_missing_file_is_named(bundle):
    entry = store.import_bundle(bundle)
    (entry.folder / "models" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"models/model\.safetensors .*missing"):
        store.verify("tiny-ap")


def test_weights_slipped_in_beside_the_listed_ones_are_noticed(bundle):
    (bundle / "models" / "model.safetensors").rename(bundle / "models" / "model.pt")
    entry = store.import_bundle(bundle)
    (entry.folder / "models" / "model.safetensors").write_bytes(b"others")
    with pytest.raises(ModelError, match="was added"):
        store.verify("tiny-ap")


def test_an_unknown_model_is_answered_with_the_known_ones(bundle):
    store.import_bundle(bundle)
    with pytest.raises(ModelError, match='no model called "other"') as caught:
        catalogue.find("other")
    assert "tiny-ap" in caught.value.hint


def test_a_removed_model_is_gone_from_list_and_disk(bundle, shelf):
    entry = store.import_bundle(bundle)
    store.remove("tiny-ap")
    assert not entry.folder.exists()
    assert catalogue.read(shelf) == []
    with pytest.raises(ModelError):
        store.remove("tiny-ap")


def test_an_id_that_is_taken_is_refused_and_the_first_model_stays(bundle, tmp_path):
    entry = store.import_bundle(bundle)
    before = content_of(entry.folder)
    other = make_bundle(tmp_path / "other", small_network(seed=1), id="tiny-ap")
    with pytest.raises(ModelError, match="already a model called tiny-ap"):
        store.import_bundle(other)
    assert content_of(entry.folder) == before


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/evil.txt", "models/../../evil.txt", "..\\evil.txt", "C:\\evil.txt", "C:evil.txt"]
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(bundle, tmp_path, shelf, name):
    archive = zipped(bundle, tmp_path / "model.zip")
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr(zipfile.ZipInfo(name), "evil")
    with pytest.raises(ModelError, match="leads out of its folder"):
        store.import_bundle(archive)
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/evil.txt").exists()
    assert not shelf.exists()


def test_links_in_a_folder_are_refused(bundle, tmp_path, shelf):
    (tmp_path / "secret").write_text("secret")
    (bundle / "docs" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="link"):
        store.import_bundle(bundle)
    assert content_of(shelf) == {}


@pytest.mark.parametrize(
    ("missing", "said"), [("LICENSE", "LICENSE"), ("configs/metadata.json", "metadata"), ("models", "weights")]
)
def test_a_bundle_that_lacks_a_part_is_refused_and_leaves_nothing(bundle, shelf, missing, said):
    target = bundle / missing
    target.rename(bundle.parent / "taken-away")
    with pytest.raises(ModelError, match=said):
        store.import_bundle(bundle)
    assert not shelf.exists()


def test_a_truncated_zip_file_is_refused(bundle, tmp_path, shelf):
    archive = zipped(bundle, tmp_path / "model.zip")
    archive.write_bytes(archive.read_bytes()[:-400])
    with pytest.raises(ModelError, match=r"model\.zip is not a zip file"):
        store.import_bundle(archive)
    assert not shelf.exists()


def test_a_source_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no file or folder"):
        store.import_bundle(tmp_path / "nothing.zip")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_an_unwritable_shelf_is_a_resource_error(bundle, shelf):
    shelf.mkdir(mode=0o500)
    with pytest.raises(ResourceError, match="could not be written"):
        store.import_bundle(bundle)


def test_a_shelf_that_cannot_be_a_folder_is_a_resource_error(bundle, shelf):
    shelf.write_text("a file stands where the folder should be")
    with pytest.raises((ResourceError, ModelError)):
        store.import_bundle(bundle)
    assert shelf.read_text().startswith("a file")


def test_a_broken_user_catalogue_is_named(shelf):
    shelf.mkdir()
    (shelf / "catalogue.json").write_text("[{")
    with pytest.raises(ModelError, match=r"catalogue\.json cannot be read"):
        catalogue.entries()


def test_a_catalogue_is_written_anew_from_the_bundles(shelf):
    for name in ("b-model", "a-model"):
        make_bundle(shelf / "bundles" / name)
    (shelf / "bundles" / ".unfinished-x").mkdir()
    found = catalogue.refresh(shelf)
    assert [entry.id for entry in found] == ["a-model", "b-model"]
    assert catalogue.read(shelf) == found
    assert found[0].folder == shelf / "bundles" / "a-model"
    lines = json.loads((shelf / "catalogue.json").read_text())
    assert "shelf" not in lines[0]
    assert set(lines[0]["files"]) == {
        "LICENSE",
        "configs/metadata.json",
        "docs/README.md",
        "models/model.safetensors",
        "training/log.csv",
    }


def test_the_shipped_catalogue_agrees_with_the_shipped_bundles():
    listed = catalogue.read(catalogue.SHIPPED)
    folders = [folder for folder in (catalogue.SHIPPED / "bundles").glob("[!.]*") if folder.is_dir()]
    assert [entry.id for entry in listed] == sorted(folder.name for folder in folders)
    for entry in listed:
        assert store.verify(entry.id) == catalogue.entry_for(entry.folder)
        assert entry.size_bytes <= 8e6
        with pytest.raises(ModelError, match="part of the product"):
            store.remove(entry.id)


def test_a_failed_write_keeps_the_bundle_that_was_there(bundle):
    before = content_of(bundle)
    files = {"LICENSE": "text", "training/log.csv": bundle / "not-there.csv"}
    with pytest.raises(ResourceError, match="could not be written"):
        write_bundle(bundle, metadata(), small_network(seed=1), files)
    assert content_of(bundle.parent) == {f"tiny-ap/{name}": data for name, data in before.items()}


def test_a_bundle_without_license_is_not_written(tmp_path):
    with pytest.raises(ModelError, match="license"):
        write_bundle(tmp_path / "tiny-ap", metadata(), small_network(), {})
    assert not list(tmp_path.iterdir())


def test_looking_at_the_catalogue_loads_no_torch():
    code = "import sys; from SpineLib.models import catalogue; catalogue.entries(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
