# SPDX-License-Identifier: Apache-2.0
"""The training loop on scans: steps, weight average, validation curve, checkpoints that a stopped run goes on from."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress
from SpineLib.inference.device import select
from SpineLib.inference.scan_input import network_values
from SpineLib.training.average import WeightAverage
from SpineLib.training.prefetch import one_ahead
from SpineLib.training.scan.cases import TrainingScan
from SpineLib.training.scan.config import ScanConfig
from SpineLib.training.scan.distractors import with_distractors
from SpineLib.training.scan.intensity import altered
from SpineLib.training.scan.patches import LABELS, Patch, central_patch, draw_patch
from SpineLib.training.scan.schedules import SCHEDULES
from SpineLib.training.scan.targets import TARGETS
from SpineLib.training.scan.thin_maps import ThinMapsExact

CHECKPOINT, CURVES = "checkpoint.pt", "curves.jsonl"
VALIDATED_AT_ONCE = 4
LONGEST_GRADIENT = 5.0


class ScanTrainer:
    """Trains one network by a config. `synthetic` and `real` scans are mixed as the config says."""

    def __init__(
        self,
        config: ScanConfig,
        network: nn.Module,
        synthetic: list[TrainingScan],
        real: list[TrainingScan],
        validation: list[TrainingScan],
        folder: Path,
        device: torch.device,
    ) -> None:
        self.config, self.folder, self.device = config, folder, device
        # Short numbers where they are faster; fp16 would need its gradients scaled.
        self.is_short = device.type == "cuda" or select("cpu").dtype == torch.bfloat16
        self.network = network.to(device)
        self.synthetic, self.real = synthetic, real
        self.validation = [central_patch(scan, config.patch) for scan in validation]
        self.target = TARGETS[config.target]
        self.average = WeightAverage(self.network, config.average_decay)
        self.schedule = SCHEDULES[config.schedule](self.network, config)
        self.step = 0

    def run(self, progress: Progress) -> nn.Module:
        """All steps; returns the averaged network."""
        self._resume()
        losses: list[float] = []
        start = time.monotonic()
        for patches in one_ahead(self._batches()):
            losses.append(self._learn(*patches))
            self.step += 1
            if self.step % self.config.validate_every == 0 or self.step == self.config.all_steps:
                usable = [loss for loss in losses if np.isfinite(loss)]
                scores = self._validate() if usable else {}
                if "validation_loss" not in scores:
                    raise InputError(
                        "The training went astray: its losses are no numbers.",
                        "Lower the learning rate and give another folder.",
                    )
                loss = float(np.mean(usable))
                self.schedule.judge(scores["validation_loss"])
                self._note(step=self.step, loss=loss, seconds=time.monotonic() - start, **scores)
                self._save()
                told = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
                progress(self.step / self.config.all_steps, f"step {self.step}: loss {loss:.4f}, {told}")
                losses, start = [], time.monotonic()
            if self.schedule.is_over:
                break
        return self.average.network

    def _batches(self) -> Iterator[tuple[torch.Tensor, tuple[torch.Tensor, ...]]]:
        """Images `(B, 1, I, J, K)` and truths. Every step has its own random numbers, so a resumed run is the same."""
        for step in range(self.step, self.config.all_steps):
            rng = np.random.default_rng((self.config.seed, step))
            size = self._size(rng)
            pairs = [self._encoded(self._draw(size, rng), rng) for _ in range(self.config.batch_size)]
            images, truths = zip(*pairs, strict=True)
            yield torch.stack(images), tuple(torch.stack(each) for each in zip(*truths, strict=True))

    def _draw(self, size: tuple[int, ...], rng: np.random.Generator) -> Patch:
        scans = self.real if self.real and rng.random() < self.config.real_share else self.synthetic
        scan = scans[int(rng.integers(len(scans)))]
        shows = (
            LABELS if self.config.anywhere_share and rng.random() < self.config.anywhere_share else self.target.shows
        )
        amid = self.config.amid_share > 0 and rng.random() < self.config.amid_share
        return draw_patch(scan, size, rng, shows, amid)

    def _size(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Scans show the whole trunk or a few centimeters of it; a network that sees them whole must know both."""
        if self.config.smallest_patch is None or rng.random() < 0.4:
            return self.config.patch
        pairs = zip(self.config.smallest_patch, self.config.patch, strict=True)
        return tuple(int(rng.integers(low, high + 1)) for low, high in pairs)

    def _encoded(self, patch: Patch, rng: np.random.Generator) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        voxels = torch.from_numpy(patch.voxels.astype(np.float32))
        if rng.random() < self.config.distractor_share:
            voxels = with_distractors(patch, voxels, self.config.spacing_mm, rng)
        voxels = altered(voxels, rng, self.config.plain_share)
        image = torch.from_numpy(network_values(voxels.numpy()))[None]
        return image, self.target.encode(patch, self.config.spacing_mm)

    def _learn(self, image: torch.Tensor, truth: tuple[torch.Tensor, ...]) -> float:
        self.network.train()
        answer = self._answer(self.network, image)
        loss = self.target.loss(answer, *(each.to(self.device) for each in truth))
        self.schedule.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        length = nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
        if not length.isfinite():
            self.schedule.optimizer.zero_grad(set_to_none=True)
        self.schedule.optimizer.step()
        self.schedule.step()
        self.average.update(self.network)
        return loss.item() if length.isfinite() else float("nan")

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        """Mean scores of the averaged network over the middles of the validation scans."""
        found: dict[str, list[float]] = {}
        for start in range(0, len(self.validation), VALIDATED_AT_ONCE):
            patches = self.validation[start : start + VALIDATED_AT_ONCE]
            images = np.stack([network_values(patch.voxels) for patch in patches])[:, None]
            answers = self._answer(self.average.network, torch.from_numpy(images)).cpu()
            for patch, answer in zip(patches, answers.split(1), strict=True):
                truth = [each[None] for each in self.target.encode(patch, self.config.spacing_mm)]
                found.setdefault("validation_loss", []).append(float(self.target.loss(answer, *truth)))
                for name, value in self.target.scores(answer, *truth).items():
                    found.setdefault(name, []).append(value)
        known = {name: np.array(values)[np.isfinite(values)] for name, values in found.items()}
        return {name: float(values.mean()) for name, values in known.items() if len(values)}

    def _answer(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        with ThinMapsExact(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_short):
            return network(images.to(self.device)).float()

    def _note(self, **entry: Any) -> None:
        with (self.folder / CURVES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry) + "\n")

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }
        partial = self.folder / (CHECKPOINT + ".part")
        torch.save(state, partial)
        partial.replace(self.folder / CHECKPOINT)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.schedule.load_state_dict(state["schedule"])
        self.step = state["step"]
