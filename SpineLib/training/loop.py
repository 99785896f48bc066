# SPDX-License-Identifier: Apache-2.0
"""The training loop: stages, weight average, validation curve, checkpoints that a stopped run goes on from."""

import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress
from SpineLib.datasets.film_case import FilmCase
from SpineLib.training.augment import AUGMENTATIONS
from SpineLib.training.augment.training_film import TrainingFilm
from SpineLib.training.average import WeightAverage
from SpineLib.training.config import Stage, TrainingConfig
from SpineLib.training.judge import Judge
from SpineLib.training.losses import LOSSES
from SpineLib.training.prefetch import one_ahead

CHECKPOINT = "checkpoint.pt"
CURVES = "curves.jsonl"
VALIDATE_EVERY = 5


class Trainer:
    """Trains one network on films by a config. `films` are the real ones, `synthetic` those from the phantom."""

    def __init__(
        self,
        config: TrainingConfig,
        network: nn.Module,
        films: list[TrainingFilm],
        synthetic: list[TrainingFilm],
        validation: list[FilmCase],
        folder: Path,
        device: torch.device,
    ) -> None:
        if not films:
            raise InputError("The training split has no films.", "Give a data set with more patients.")
        self.config, self.folder, self.device = config, folder, device
        self.network = network.to(device, memory_format=torch.channels_last)
        self.average = WeightAverage(self.network, config.average_decay)
        self.films, self.synthetic = films, synthetic
        self.validation = Judge([(case.pixels(), case.mask()) for case in validation], config.input, device)
        self.loss = LOSSES[config.loss]

    def run(self, progress: Progress) -> nn.Module:
        """All stages; returns the averaged network."""
        stage_number, epoch = self._resume()
        planned = sum(stage.epochs for stage in self.config.stages)
        while stage_number < len(self.config.stages):
            stage = self.config.stages[stage_number]
            if stage.doubt:
                self._doubt(stage.doubt)
            optimizer, schedule = self._optimizer(stage)
            with warnings.catch_warnings():
                # Going on from a checkpoint moves the schedule without the optimizer; torch takes that for a mistake.
                warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
                for _ in range(epoch * self._steps(stage)):
                    schedule.step()
            while epoch < stage.epochs:
                start = time.monotonic()
                loss = self._epoch(stage, stage_number, epoch, optimizer, schedule)
                epoch += 1
                scores = self._validate() if epoch % VALIDATE_EVERY == 0 or epoch == stage.epochs else {}
                self._note(stage=stage_number, epoch=epoch, loss=loss, seconds=time.monotonic() - start, **scores)
                self._save(stage_number, epoch)
                done = sum(earlier.epochs for earlier in self.config.stages[:stage_number]) + epoch
                told = f", validation Dice {scores['dice']:.4f}" if scores else ""
                progress(done / planned, f"stage {stage_number + 1}, epoch {epoch}: loss {loss:.4f}{told}")
            stage_number, epoch = stage_number + 1, 0
            self._save(stage_number, epoch)
        return self.average.network

    def _steps(self, stage: Stage) -> int:
        return -(-len(self.films) // stage.batch_size)

    def _optimizer(self, stage: Stage) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.config.optimizer]
        optimizer = kind(self.network.parameters(), lr=stage.learning_rate)
        steps = self._steps(stage) * stage.epochs
        if self.config.schedule == "constant":
            return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, stage.learning_rate, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
        )
        return optimizer, schedule

    def _epoch(self, stage: Stage, number: int, epoch: int, optimizer, schedule) -> float:
        rng = np.random.default_rng((self.config.seed, number, epoch))
        torch.manual_seed(int(rng.integers(2**31)))
        self.network.train()
        losses = []
        for batch in one_ahead(self._batches(stage, rng)):
            losses.append(self._step(*batch, optimizer))
            schedule.step()
        return float(np.mean(losses))

    def _batches(self, stage: Stage, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        """Pictures and targets `(B, 1, H, W)` and weights `(B,)` of one pass over the films."""
        order = rng.permutation(len(self.films))
        for start in range(0, len(order), stage.batch_size):
            chosen = [self.films[index] for index in order[start : start + stage.batch_size]]
            chosen = [self._maybe_synthetic(film, stage, rng) for film in chosen]
            draw = AUGMENTATIONS[stage.augmentation or self.config.augmentation]
            pictures, targets = zip(*(draw(film, stage.canvas, rng) for film in chosen), strict=True)
            weights = torch.tensor([film.weight for film in chosen])
            yield torch.stack(pictures)[:, None], torch.stack(targets)[:, None], weights

    def _maybe_synthetic(self, film: TrainingFilm, stage: Stage, rng: np.random.Generator) -> TrainingFilm:
        if self.synthetic and rng.random() < stage.synthetic_share:
            return self.synthetic[int(rng.integers(len(self.synthetic)))]
        return film

    def _step(self, picture: torch.Tensor, target: torch.Tensor, weights: torch.Tensor, optimizer) -> float:
        picture = picture.to(self.device, memory_format=torch.channels_last)
        target, weights = target.to(self.device), weights.to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.network(picture)
        loss = (self.loss(logits.float(), target) * weights).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        optimizer.step()
        self.average.update(self.network)
        return loss.item()

    def _validate(self) -> dict[str, float]:
        dices, accuracies = self.validation.scores(self.average.network)
        return {"dice": float(dices.mean()), "pixel_accuracy": float(accuracies.mean())} if len(dices) else {}

    def _doubt(self, rule: dict[str, float]) -> None:
        """Let training films weigh less whose label the averaged network disagrees with."""
        films = [tuple(part.numpy() for part in film.levels[0]) for film in self.films]
        pairs = [(picture, mask > 127) for picture, mask in films]
        dices, _ = Judge(pairs, self.config.input, self.device).scores(self.average.network)
        doubted = dices < rule["below_dice"]
        self.films = [
            replace(film, weight=rule["weight"] if doubt else 1.0)
            for film, doubt in zip(self.films, doubted, strict=True)
        ]
        self._note(doubted=int(doubted.sum()), films=len(doubted), training_dice=float(dices.mean()))

    def _note(self, **entry: float) -> None:
        with (self.folder / CURVES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry) + "\n")

    def _save(self, stage: int, epoch: int) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "steps": self.average.steps,
            "stage": stage,
            "epoch": epoch,
        }
        partial = self.folder / (CHECKPOINT + ".part")
        torch.save(state, partial)
        partial.replace(self.folder / CHECKPOINT)

    def _resume(self) -> tuple[int, int]:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return 0, 0
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = state["steps"]
        return state["stage"], state["epoch"]
