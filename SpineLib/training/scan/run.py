# SPDX-License-Identifier: Apache-2.0
"""`spine train` for the networks of the CT tasks: from a configuration to a bundle that can be used at once."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.models.bundle import write_bundle
from SpineLib.models.loader import folder_of
from SpineLib.models.weights import Terms
from SpineLib.networks.factory import build_network
from SpineLib.training.curve_picture import draw_curves
from SpineLib.training.scan.cases import TrainingScan, read_case, synthetic_scans
from SpineLib.training.scan.config import REAL_SPINES, ScanConfig, read_scan_config
from SpineLib.training.scan.loop import CURVES, ScanTrainer
from SpineLib.training.scan.low_rank import add_changes, merge_changes
from SpineLib.training.scan.texts import bundle_metadata, model_card

PICTURE, STARTED = "curves.png", "started.json"
VALIDATION_SEED = 1
"""Added to the run's seed for the validation cases, so that no case is in both sets."""


def train(
    config_path: Path,
    data: Path | None,
    output: Path,
    progress: Progress = silent,
    dataset: str | None = None,
    shapes: Path | None = None,
    curves: Path | None = None,
) -> Path:
    """Make the synthetic cases, train, and write the bundle to `output/<id>`; returns its folder.

    data: labeled scans of `dataset`, by default the configuration's, mixed with the synthetic ones. shapes, curves: of
    real spines, for the synthetic ones. A run that was stopped goes on from its last checkpoint when called again with
    the same `output`. Raises InputError for an unusable configuration or data folder, and where `output` holds a run of
    another configuration.
    """
    config = read_scan_config(config_path, shapes=shapes, curves=curves)
    config = replace(config, dataset=dataset or config.dataset)
    output.mkdir(parents=True, exist_ok=True)
    _keep_apart(config, output)
    real = _real_scans(config, data, output, part_of(progress, 0.0, 0.05))
    training, validation = _synthetic_scans(config, output, part_of(progress, 0.05, 0.2))
    best, terms = _learn(config, training, real, validation, output, part_of(progress, 0.2, 1.0))
    draw_curves(output / CURVES, output / PICTURE)
    folder = output / config.id
    _write(folder, config, len(real), best, terms, config_path, output)
    return folder


def _keep_apart(config: ScanConfig, output: Path) -> None:
    """Raise InputError where the folder's cases and checkpoint are of another configuration; how many cases there are
    and what the bundle will say may change."""
    told = json.loads(json.dumps(asdict(config)))
    for name in ("metadata", "validate_every"):
        told.pop(name)
    for name in ("training", "validation"):
        told["synthetic"].pop(name)
    path = output / STARTED
    if not path.is_file():
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        return
    earlier = json.loads(path.read_text(encoding="utf-8"))
    other = sorted(name for name in told.keys() | earlier.keys() if told.get(name) != earlier.get(name))
    if other:
        raise InputError(
            f"The folder {output} holds a run of another configuration ({', '.join(other)}).", "Give another folder."
        )


def _real_scans(config: ScanConfig, data: Path | None, output: Path, progress: Progress) -> list[TrainingScan]:
    if data is None:
        return []
    if not config.dataset:
        raise InputError("Nothing says which data set that is.", "Add --dataset NAME, or leave out --data.")
    from SpineLib.training.scan.labeled import prepared_scans

    return [read_case(folder) for folder in prepared_scans(config, data, output / "real_cases", progress)]


def _synthetic_scans(
    config: ScanConfig, output: Path, progress: Progress
) -> tuple[list[TrainingScan], list[TrainingScan]]:
    wanted = config.synthetic
    seed = config.seed + VALIDATION_SEED
    kept = synthetic_scans(wanted, wanted.validation, seed, output / "validation_cases", part_of(progress, 0, 0.1))
    made = synthetic_scans(wanted, wanted.training, config.seed, output / "training_cases", part_of(progress, 0.1, 1))
    return [read_case(folder) for folder in made], [read_case(folder) for folder in kept]


def _learn(
    config: ScanConfig,
    training: list[TrainingScan],
    real: list[TrainingScan],
    validation: list[TrainingScan],
    output: Path,
    progress: Progress,
) -> tuple[torch.nn.Module, Terms]:
    from SpineLib.training.scan.targets import TARGETS

    torch.manual_seed(config.seed)
    channels = TARGETS[config.target].channels
    network = build_network(config.network["name"], 3, 1, channels, **config.network.get("options", {}))
    start = _begin_with(network, config.start) if config.start else {}
    _keep_untrained(network, start, config.trained)
    add_changes(network, config.low_rank)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    best = ScanTrainer(config, network, training, real, validation, output, device).run(progress).to("cpu")
    terms = merge_changes(best)
    _go_back(best, start, config.start_share)
    return best, terms


def _keep_untrained(network: torch.nn.Module, start: dict[str, torch.Tensor], trained: tuple[str, ...]) -> None:
    """Train only the weights that have one of `trained` in their names, if it names any. Raises InputError where the
    others would not be known."""
    if not trained:
        return
    for name, values in network.named_parameters():
        values.requires_grad_(any(part in name for part in trained))
        if not values.requires_grad and name not in start:
            raise InputError(f"The start model has no weights {name}.", 'Name them under "trained".')


@torch.no_grad()
def _go_back(network: torch.nn.Module, start: dict[str, torch.Tensor], share: float) -> None:
    """Move the weights toward those that training began with, by a share of the way.

    What the beginning knew of other images is kept so (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
    2022).
    """
    own = network.state_dict()
    for name, values in start.items():
        if values.is_floating_point():
            own[name].lerp_(values.to(own[name].dtype), share)


def _begin_with(network: torch.nn.Module, model: str) -> dict[str, torch.Tensor]:
    """Take over, and return, the weights of a model that have the same names and sizes here: all but the last layer, as
    a rule."""
    from SpineLib.models.loader import load

    known = load(model, fold=False).network.state_dict()
    own = network.state_dict()
    same = {name: values for name, values in known.items() if name in own and own[name].shape == values.shape}
    network.load_state_dict(same, strict=False)
    return same


def _write(
    folder: Path, config: ScanConfig, real: int, network: torch.nn.Module, terms: Terms, config_path: Path, output: Path
) -> None:
    notes = [json.loads(line) for line in (output / CURVES).read_text(encoding="utf-8").splitlines()]
    metadata: dict[str, Any] = bundle_metadata(config, real, notes[-1])
    options = metadata["training_data"]["synthetic"]["options"]
    given = {"data": config.dataset if real else None, **{name: options.get(name) for name in REAL_SPINES}}
    told = "".join(f" --{name} {value}" for name, value in given.items() if value)
    files: dict[str, str | bytes | Path] = {
        "LICENSE": f"{metadata['license']}\n{metadata.get('license_note', '')}".strip() + "\n",
        "docs/README.md": model_card(metadata),
        "training/config.json": config_path,
        "training/command.txt": f"spine train config.json{told} -o OUTPUT\n",
        "training/environment.json": json.dumps({"torch": torch.__version__}, indent=2) + "\n",
        f"training/{CURVES}": output / CURVES,
        f"training/{PICTURE}": output / PICTURE,
    }
    base = folder_of(config.start) if config.trained else None
    write_bundle(folder, metadata, network, files, base, terms)
