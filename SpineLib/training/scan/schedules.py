# SPDX-License-Identifier: Apache-2.0
"""How the learning rate goes and when it ends. One class and one table line each."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn

from SpineLib.training.scan.config import ScanConfig


class Schedule(Protocol):
    """An optimizer and the course of its rate."""

    optimizer: torch.optim.Optimizer
    is_over: bool

    def step(self) -> None:
        """After every step of the optimizer."""
        ...

    def judge(self, validation_loss: float) -> None:
        """After every validation."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class OneCycle:
    """AdamW; in every cycle the rate rises for a twelfth of the steps and falls along a cosine."""

    is_over = False

    def __init__(self, network: nn.Module, config: ScanConfig) -> None:
        self.config = config
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
        self.taken = 0
        self.course = self._cycle()

    def _cycle(self) -> torch.optim.lr_scheduler.OneCycleLR:
        for group in self.optimizer.param_groups:
            group.pop("initial_lr", None)
        rate, steps = self.config.learning_rate, self.config.steps[self._number()]
        return torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=steps + 1, pct_start=0.08, cycle_momentum=False
        )

    def step(self) -> None:
        self.course.step()
        self.taken += 1
        if self.taken in self._starts():
            self.course = self._cycle()

    def _starts(self) -> list[int]:
        """Steps at which cycles begin, the first left out."""
        return [sum(self.config.steps[:number]) for number in range(1, len(self.config.steps))]

    def _number(self) -> int:
        return sum(self.taken >= start for start in self._starts())

    def judge(self, validation_loss: float) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "course": self.course.state_dict(), "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.taken = state["taken"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.course.load_state_dict(state["course"])


class S4:
    """Adam; the rate times 0.4 on a plateau, the end after five validations without a lower loss (S4).

    A plateau of two validations is our reading; so is taking validations for the paper's epochs.
    """

    PATIENCE = 5

    def __init__(self, network: nn.Module, config: ScanConfig) -> None:
        self.optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self.course = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, factor=0.4, patience=2)
        self.best, self.worse = float("inf"), 0

    @property
    def is_over(self) -> bool:
        return self.worse >= self.PATIENCE

    def step(self) -> None:
        pass

    def judge(self, validation_loss: float) -> None:
        self.course.step(validation_loss)
        self.worse = 0 if validation_loss < self.best else self.worse + 1
        self.best = min(self.best, validation_loss)

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "course": self.course.state_dict(),
            "best": self.best,
            "worse": self.worse,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.course.load_state_dict(state["course"])
        self.best, self.worse = state["best"], state["worse"]


SCHEDULES: dict[str, Callable[[nn.Module, ScanConfig], Schedule]] = {"one_cycle": OneCycle, "s4": S4}
