# SPDX-License-Identifier: Apache-2.0
"""The entry for the Extensions Index and the extension's metadata, against the index' rules (entry schema v1.0.2)."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from source_files import REPOSITORY

ENTRY_FILE = REPOSITORY / "Resources" / "ExtensionsIndex" / "SpineSegmentation.json"
ENTRY = json.loads(ENTRY_FILE.read_text(encoding="utf-8"))
CMAKE = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
NAME = "SpineSegmentation"
REQUIRED = {"$schema", "category", "scm_url"}
TYPES = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "dicom_support_rule": str,
    "enabled": bool,
    "tier": int,
}


def metadata(name: str) -> str:
    """The value of set(EXTENSION_<name> "...") as the index' own checker reads it: in double quotes, on one line."""
    match = re.search(rf'set\s*\(EXTENSION_{name}\s*"([^"]+)"\)', CMAKE)
    assert match, f"EXTENSION_{name} is not set"
    return match[1]


def test_the_entry_has_the_keys_and_types_of_the_schema() -> None:
    assert ENTRY.keys() >= REQUIRED
    assert ENTRY.keys() <= TYPES.keys()
    for key, value in ENTRY.items():
        assert type(value) is TYPES[key], key
    assert all(isinstance(name, str) for name in ENTRY["build_dependencies"])
    assert 1 <= ENTRY["tier"] <= 5


def test_the_entry_names_the_newest_schema() -> None:
    assert ENTRY["$schema"].split("#")[0].endswith("/Schemas/slicer-extension-catalog-entry-schema-v1.0.2.json")


def test_the_entry_is_named_after_the_extension_and_ends_lines_as_unix_does() -> None:
    assert ENTRY_FILE.stem == NAME
    raw = ENTRY_FILE.read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"}\n")


def test_category_and_dependencies_agree_with_cmake() -> None:
    assert ENTRY["category"] == metadata("CATEGORY") == "Segmentation"
    assert ENTRY["build_dependencies"] == metadata("DEPENDS").split() == ["PyTorch"]


def test_the_repository_is_named_slicer_plus_the_extension() -> None:
    assert not NAME.startswith("Slicer")
    address = urlsplit(ENTRY["scm_url"])
    assert address.scheme in ("https", "git")
    assert Path(address.path).stem == f"Slicer{NAME}"
    assert ENTRY["scm_url"].removesuffix(".git") == metadata("HOMEPAGE")


def test_the_first_project_is_the_extension() -> None:
    assert re.search(r"project\s*\(\s*([^\s)]+)", CMAKE)[1] == NAME
    assert "cmake_minimum_required(VERSION 3.16.3...3.28)" in CMAKE
    assert "EXTENSION_NAME" not in CMAKE


def test_the_description_is_one_or_two_sentences() -> None:
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", metadata("DESCRIPTION")) if part]
    assert 1 <= len(sentences) <= 2


@pytest.mark.parametrize("name", ["ICONURL", "SCREENSHOTURLS"])
def test_pictures_are_raw_addresses_of_files_in_the_repository(name: str) -> None:
    for address in metadata(name).split():
        parts = urlsplit(address)
        assert parts.scheme == "https"
        assert parts.netloc == "raw.githubusercontent.com"
        owner, repository, branch, *inside = parts.path.strip("/").split("/")
        assert f"https://github.com/{owner}/{repository}" == metadata("HOMEPAGE")
        assert branch == ENTRY["scm_revision"]
        assert REPOSITORY.joinpath(*inside).is_file(), "/".join(inside)


def test_the_icon_is_a_png_of_128_by_128_pixels() -> None:
    with Image.open(REPOSITORY / NAME / "Resources" / "Icons" / f"{NAME}.png") as icon:
        assert icon.format == "PNG"
        assert icon.size == (128, 128)


def test_license_and_readme_lie_in_the_root() -> None:
    assert (REPOSITORY / "LICENSE").is_file()
    assert (REPOSITORY / "README.md").is_file()
    assert '"${CMAKE_CURRENT_SOURCE_DIR}/LICENSE"' in CMAKE
    assert '"${CMAKE_CURRENT_SOURCE_DIR}/README.md"' in CMAKE
