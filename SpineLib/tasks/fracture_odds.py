# SPDX-License-Identifier: Apache-2.0
"""How probable it is that a vertebra is fractured: by what the network marks of it, and by the height it lost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from SpineLib.tasks.scan_model import ScanModel

FOCUS_MM3 = 240.0
"""A vertebra is judged by so much of its bone, what the network marks most: about the end of a broken process."""
LEAST_MARK, SUREST_MARK = -5.0, 10.0
"""Log odds: no vertebra is the less suspicious for less, and no more is believed of the network."""

LOSS_WEIGHT = 9.0
"""Of the lost height. It is given: a network is surer of synthetic fractures, on which the other weights are fitted,
than of real ones, while lost heights are the same. Of vertebrae left out of a fit it told no worse than a fitted one.
"""


@dataclass(frozen=True)
class FractureOdds:
    """Logistic weights: of a vertebra's mark, of its lost height (0..1) and, where that is not known, of the neck; the
    intercept; and the network's probability from which on bone counts as fractured."""

    evidence: float
    loss: float
    unknown: float
    intercept: float
    threshold: float = 0.5

    @classmethod
    def of(cls, model: "ScanModel") -> "FractureOdds":
        """Those that a model brings, else the usual ones. Raises ModelError."""
        return model.numbers("calibration", cls) or USUAL_ODDS

    @property
    def least(self) -> float:
        """The threshold as log odds."""
        return float(np.log(self.threshold / (1 - self.threshold)))

    def probability(self, mark: float, loss: float | None) -> float:
        """That a vertebra is fractured. mark: see `mark_of`; loss: share of the height, None in the neck."""
        lost = self.unknown if loss is None else self.loss * max(loss, 0.0)
        return float(1 / (1 + np.exp(-(self.intercept + self.evidence * mark + lost))))


USUAL_ODDS = FractureOdds(evidence=0.45, loss=LOSS_WEIGHT, unknown=1.2, intercept=-3.3)


def mark_of(log_odds: np.ndarray, voxel_mm3: float) -> float:
    """How strongly a vertebra is marked, log odds, by its voxels' log odds of fractured bone, `(n,)`."""
    count = min(len(log_odds), max(1, round(FOCUS_MM3 / voxel_mm3)))
    highest = np.partition(log_odds, -count)[-count:].mean(dtype=np.float64) if count else LEAST_MARK
    return float(np.clip(highest, LEAST_MARK, SUREST_MARK))
