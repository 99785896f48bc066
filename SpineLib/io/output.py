# SPDX-License-Identifier: Apache-2.0
"""How every file of ours comes into being: written beside its place under a temporary name, then renamed."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from SpineLib.core.errors import ResourceError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def safe_output(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; put it in the place of `path` when the block ends well.

    The temporary name ends as `path` does, for writers that choose the format by the name. The folder is made where it
    is missing. When the block fails, the temporary file is removed and what stood at `path` stays as it was. Any
    OSError inside becomes a ResourceError that says what was wrong with the disk or the folder.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(6)}{''.join(path.suffixes[-2:])}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _flush(path: Path) -> None:
    # Some file systems report a full disk only when the data are forced out; after the rename it would be too late.
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _output_error(path: Path, error: OSError) -> ResourceError:
    if error.errno in FULL:
        return ResourceError(
            f"The disk is full or its quota is used up, so {path.name} was not written.",
            f"Make room in {path.parent} or choose another output folder.",
        )
    if error.errno in FORBIDDEN:
        return ResourceError(
            f"{path.name} cannot be written because the folder {path.parent} or the file is write-protected.",
            "Choose another output folder or change its permissions.",
        )
    if path.is_dir():
        return ResourceError(f"{path} is a folder, so no file can be written there.", "Give a file name.")
    reason = error.strerror or str(error)
    return ResourceError(f"{path.name} cannot be written to {path.parent}: {reason}.", "Choose another output folder.")
