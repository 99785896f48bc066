# SPDX-License-Identifier: Apache-2.0
"""Files of arrays, `.npz`: one sentence for whatever is wrong with one."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SpineLib.core.errors import InputError


@contextmanager
def reading(path: Path, kind: str, remedy: str) -> Iterator[None]:
    """What fails within, because the file is missing, broken or another, is an InputError. kind: "file of shapes"."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"There is no {kind} {path}.", remedy) from error
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no {kind}.", remedy) from error
