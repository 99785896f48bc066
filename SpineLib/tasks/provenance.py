# SPDX-License-Identifier: Apache-2.0
"""Where a result came from: enough to make it again, nothing about the patient."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib import __version__
from SpineLib.core.volume import Volume
from SpineLib.io.digest import digest_of
from SpineLib.tasks.looking import Looker
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_model import ScanModel

if TYPE_CHECKING:
    from SpineLib.models.loader import Bundle


def provenance(
    looker: Looker | ScanModel,
    options: SegmentOptions,
    volume: Volume,
    seconds: dict[str, float],
    helpers: Sequence[ScanModel] = (),
) -> dict[str, Any]:
    """Software, model, machine, options, seconds per step and the input's own identifiers.

    helpers: other models that had a part in the result.
    """
    given = None if options.vertebrae is None else Path(options.vertebrae)
    return {
        "software": f"SpineLib {__version__}",
        "model": _model(looker.bundle),
        **({"helpers": [_model(each.bundle) for each in helpers]} if helpers else {}),
        "device": looker.device.name,
        "precision": looker.device.precision,
        "device_note": looker.device.note,
        # The name alone: folders may be named after patients.
        "options": {**asdict(options), "vertebrae": given and given.name},
        "seconds": seconds,
        **({} if given is None else {"vertebrae": {"path": given.name, "sha256": digest_of(given)}}),
        "input": {"view": volume.view, "spacing_known": volume.spacing_known, **volume.source},
    }


def _model(bundle: "Bundle") -> dict[str, str]:
    known = bundle.metadata
    return {"id": bundle.id, "version": known["version"], "sha256": bundle.sha256, "license": known["license"]}
