# SPDX-License-Identifier: Apache-2.0
"""Names of results: that of the image without its extension, made different where two images share it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

DOUBLE_EXTENSIONS = (".nii.gz", ".seg.nrrd")
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff"),
    *(".dcm", ".dicom"),
    *(".nii", ".nrrd", ".nhdr", ".mha", ".mhd"),
)
"""Extensions that are cut off; dots in other names ("1.2.840.1", a DICOM file's usual name) belong to the name."""


def stem(path: Path) -> str:
    """The name of a file, or of the folder of a scan, without the extension of an image format."""
    name = _name(path)
    for extension in (*DOUBLE_EXTENSIONS, *EXTENSIONS):
        if name.lower().endswith(extension) and len(name) > len(extension):
            return name[: -len(extension)]
    return name


def _name(path: Path) -> str:
    """The name, also of a folder given as `.` or `..`."""
    return path.resolve().name if path.name in ("", "..") else path.name


def output_names(paths: Sequence[Path]) -> list[str]:
    """One name for each image, all different, also where the disk does not tell capital letters from small ones.

    `a.png` and `a.jpg` become `a_png` and `a_jpg`, two files `a.png` of different folders `a_png` and `a_png_2`.
    """
    shared = Counter(stem(path).casefold() for path in paths)
    names: list[str] = []
    taken: set[str] = set()
    for path in paths:
        name = stem(path) if shared[stem(path).casefold()] == 1 else _name(path).replace(".", "_")
        unique, number = name, 2
        while unique.casefold() in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique.casefold())
        names.append(unique)
    return names
