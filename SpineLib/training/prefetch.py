# SPDX-License-Identifier: Apache-2.0
"""Batches that are prepared while the network learns."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def one_ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Prepare the next batch in a thread while the network learns from this one."""
    with ThreadPoolExecutor(1) as helper:
        coming = helper.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = helper.submit(next, batches, None)
            yield batch
