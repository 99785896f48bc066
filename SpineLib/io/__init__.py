# SPDX-License-Identifier: Apache-2.0
"""Images in, results out: readers and writers of files."""

from SpineLib.io.digest import digest_of
from SpineLib.io.film_writer import write_film
from SpineLib.io.output import safe_output
from SpineLib.io.reading import read
from SpineLib.io.result_json import read_result, write_json
from SpineLib.io.scan_writer import write_scan
from SpineLib.io.segmentation import write_segmentation

__all__ = [
    "digest_of",
    "read",
    "read_result",
    "safe_output",
    "write_film",
    "write_json",
    "write_scan",
    "write_segmentation",
]
