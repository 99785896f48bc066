# SPDX-License-Identifier: Apache-2.0
"""`python -m SpineLib.models`: write the catalogue of the shipped models anew after a bundle was added or changed."""

from SpineLib.models.catalogue import refresh

if __name__ == "__main__":
    for entry in refresh():
        print(f"{entry.id} {entry.version}: {len(entry.files)} files, {entry.size_bytes / 1e6:.2f} MB")
