# SPDX-License-Identifier: Apache-2.0
"""Training on scans: patches and their truth, losses, schedules, and a whole small run to a usable bundle."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_fixtures import small_scan, tiny_config

from SpineLib.core.errors import InputError
from SpineLib.models.loader import load
from SpineLib.networks.ct_channels import LEVELS, OFFSET_UNIT_MM, PARTS, REGIONS, VERTEBRA_CHANNELS
from SpineLib.training.scan.cases import UNKNOWN_LABEL, shrunk
from SpineLib.training.scan.config import is_scan_config, read_scan_config
from SpineLib.training.scan.distractors import with_distractors
from SpineLib.training.scan.intensity import altered
from SpineLib.training.scan.patches import central_patch, mirrored
from SpineLib.training.scan.run import train
from SpineLib.training.scan.schedules import S4, OneCycle
from SpineLib.training.scan.targets import ANY_PART, TARGETS

CONFIGS = Path(__file__).parents[2] / "SpineLib" / "training" / "configs"
SCAN_CONFIGS = [path for path in sorted(CONFIGS.glob("*.json")) if is_scan_config(path)]


def test_there_are_configurations_and_all_are_usable() -> None:
    assert {path.stem for path in SCAN_CONFIGS} >= {"ct_localizer", "ct_spine", "ct_fracture"}
    for path in SCAN_CONFIGS:
        config = read_scan_config(path)
        assert config.id == path.stem


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"target": "nonsense"}, "no target"),
        ({"schedule": "x"}, "no schedule"),
        ({"patches": 3}, "unexpected keyword"),
        ({"low_rank": {"down_1": 0}}, "from 1 on"),
        ({"low_rank": {"down_1": 1}, "start_share": 0.5}, 'no "start_share"'),
    ],
)
def test_a_broken_configuration_is_told(tmp_path: Path, change: dict, told: str) -> None:
    content = {**json.loads((CONFIGS / "ct_spine.json").read_text()), **change}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=told):
        read_scan_config(path)


def test_shrinking_keeps_voxel_centers_where_they_are() -> None:
    ramp = np.add.outer(np.add.outer(3 * np.arange(20), -2 * np.arange(16)), 5 * np.arange(12)).astype(np.int16)
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    small, coarse = shrunk(ramp, affine, 2)
    np.testing.assert_array_equal(small[1:-1, 1:-1, 1:-1], ramp[::2, ::2, ::2][1:-1, 1:-1, 1:-1])
    np.testing.assert_array_equal(coarse @ [3, 2, 1, 1], affine @ [6, 4, 2, 1])


def test_the_way_to_the_center_leads_there_also_in_a_mirror() -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    for each in (patch, mirrored(patch)):
        parts, ways, vertebra, _, others, _ = TARGETS["parts"].encode(each, 2.0)
        for label in (20, 21):
            where = np.argwhere(each.labels == label)
            for way, goal in ((ways, label), (others, 41 - label)):
                reached = where + way.numpy()[(slice(None), *where.T)].T * OFFSET_UNIT_MM / 2.0
                np.testing.assert_allclose(reached, np.tile(each.centers[goal], (len(where), 1)), atol=1e-4)
        assert set(np.unique(parts[vertebra])) == {1 << 1, 1 << 2}
        assert (parts.numpy()[each.labels == 102] == 1 << 3).all()


def test_a_vote_toward_the_neighbor_costs_more_than_one_beside() -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    truth, costs = TARGETS["parts"].encode(patch, 1.0), []
    for axis in (0, 2):
        votes = answer_for("parts", truth)
        votes[:, len(PARTS) + axis] -= 0.9 * torch.from_numpy(patch.labels == 20)
        costs.append(float(TARGETS["parts"].loss(votes, *(each[None] for each in truth))))
    assert costs[1] > costs[0] + 0.1


def test_the_end_of_a_process_costs_more_where_it_is_broken() -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    end = (patch.labels == 20) & (patch.parts == 2) & (np.arange(24)[:, None] > 17)
    costs, seen = [], []
    for fractured in (np.zeros_like(end), end):
        truth = [each[None] for each in TARGETS["parts"].encode(replace(patch, fractured=fractured), 2.0)]
        right = answer_for("parts", [each[0] for each in truth])
        missed = right.clone()
        missed[:, 0] += 1000.0 * torch.from_numpy(end)
        costs.append(float(TARGETS["parts"].loss(missed, *truth) - TARGETS["parts"].loss(right, *truth)))
        seen.append(TARGETS["parts"].scores(missed, *truth)["broken_seen"])
    assert costs[1] > 5 * costs[0] > 0
    assert np.isnan(seen[0]) and seen[1] < 1


def test_a_small_fracture_costs_as_much_beside_a_large_one_in_the_batch() -> None:
    large, small = torch.ones(2, 16, 16, 16, dtype=torch.long)
    large[:8], small[6:10, 6:10, 6:10] = 8, 8
    fractures = TARGETS["fractures"]

    def cost_of_missing(other: torch.Tensor) -> float:
        """The small one, beside another patch that is answered rightly."""
        truth, missed = torch.stack([other, small]), torch.stack([other, torch.ones_like(small)])
        right, wrong = (torch.cat([answer_for("fractures", (each,)) for each in both]) for both in (truth, missed))
        return float(fractures.loss(wrong, truth) - fractures.loss(right, truth))

    nothing = torch.ones_like(small)
    assert cost_of_missing(large) > 0.45 * cost_of_missing(nothing)


def test_bone_of_unknown_part_may_be_healthy_body_or_arch_but_not_fractured() -> None:
    patch = central_patch(small_scan(parts_known=False), (20, 24, 32))
    (classes,) = TARGETS["fractures"].encode(patch, 1.25)
    fractured = torch.from_numpy(patch.fractured > 0)
    bone = torch.from_numpy(np.isin(patch.labels, [20, 21])) & ~fractured
    assert set(classes[bone].tolist()) == {0b0110} and set(classes[fractured].tolist()) == {0b1000}
    assert set(classes[~bone & ~fractured].tolist()) == {0b0001}
    as_body, as_arch, as_broken = (torch.zeros(1, 4, 20, 24, 32) for _ in range(3))
    for place, answer in enumerate((as_body, as_arch, as_broken), 1):
        answer[:, 0], answer[:, 3] = 20.0 * (classes == 1), 20.0 * (classes == 8)
        answer[:, place] += 20.0 * bone
    body, arch, broken = (
        float(TARGETS["fractures"].loss(each, classes[None])) for each in (as_body, as_arch, as_broken)
    )
    assert body == pytest.approx(arch, abs=1e-3) and broken > body + 1


def answer_for(target: str, truth: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The perfect answer to a truth without batch axis, with one."""
    if target == "levels":
        spine = torch.where(truth[0] > 0, 9.0, -9.0)
        levels = torch.nn.functional.one_hot(truth[0], len(LEVELS) + 1).movedim(-1, 0)[1:] * 20.0
        return torch.cat([spine[None], levels])[None]
    if target == "fractures":
        return (((truth[0] >> torch.arange(4).view(-1, 1, 1, 1)) & 1) * 20.0)[None]
    one_hot = ((truth[0] >> torch.arange(5).view(-1, 1, 1, 1)) & 1) * 20.0
    regions = torch.nn.functional.one_hot(truth[3], len(REGIONS)).movedim(-1, 0) * 20.0
    return torch.cat([one_hot, truth[1].nan_to_num(), regions])[None]


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_right_answer_scores_one_and_costs_least(target: str) -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    truth = TARGETS[target].encode(patch, 2.0)
    batched = tuple(each[None] for each in truth)
    right = answer_for(target, truth)
    wrong = right.roll(4, -1)
    scores = {name: value for name, value in TARGETS[target].scores(right, *batched).items() if np.isfinite(value)}
    assert scores and all(value == pytest.approx(1) for value in scores.values())
    assert TARGETS[target].loss(right, *batched) + 0.1 < TARGETS[target].loss(wrong, *batched)
    worse = TARGETS[target].scores(wrong, *batched)
    assert min(worse[name] for name in scores) < 0.8


def test_levels_are_numbered_and_regions_are_those_of_their_names() -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    (levels,) = TARGETS["levels"].encode(patch, 5.0)
    assert {LEVELS[number - 1] for number in levels.unique().tolist() if number} == {"L1", "L2"}
    _, _, vertebra, regions, _, _ = TARGETS["parts"].encode(patch, 1.5)
    assert set(regions[vertebra].tolist()) == {REGIONS.index("L")}


def test_unknown_parts_are_learned_as_a_vertebra_of_either_part() -> None:
    patch = central_patch(small_scan(parts_known=False), (20, 24, 32))
    parts, *others = (each[None] for each in TARGETS["parts"].encode(patch, 2.0))
    unknown = parts == (1 << 1) + (1 << 2)
    assert unknown.any()

    def loss(body: float, posterior: float, nothing: float) -> float:
        answer = torch.zeros(1, VERTEBRA_CHANNELS, 20, 24, 32)
        for channel, value in enumerate((nothing, body, posterior)):
            answer[:, channel] = torch.where(unknown, value, 0.0)
        return float(TARGETS["parts"].loss(answer, parts, *others))

    assert loss(9, 0, 0) == pytest.approx(loss(0, 9, 0), abs=1e-4)
    assert loss(9, 0, 0) + 0.1 < loss(0, 0, 9)
    # Centers of whole vertebrae are not those of bodies: no way to them is learned.
    ways = others[0]
    assert ways.isnan().all()
    answer = torch.zeros(1, VERTEBRA_CHANNELS, 20, 24, 32)
    elsewhere = answer.clone()
    elsewhere[:, len(PARTS) : len(PARTS) + 3] = 5.0
    costs = [float(TARGETS["parts"].loss(each, parts, *others)) for each in (answer, elsewhere)]
    assert np.isfinite(costs[0]) and costs[0] == costs[1]


def test_what_a_data_set_leaves_unlabeled_is_not_learned_as_nothing() -> None:
    scan = small_scan(unlabeled=(102, 26))
    scan.truth[0][scan.truth[0] == 102] = 0
    scan.truth[0][:, :, 28:] = UNKNOWN_LABEL
    patch = central_patch(scan, (20, 24, 32))
    parts, *others = (each[None] for each in TARGETS["parts"].encode(patch, 2.0))
    assert (parts[..., 28:] == ANY_PART).all()

    def loss(part: int, where: torch.Tensor) -> float:
        answer = torch.zeros(1, VERTEBRA_CHANNELS, 20, 24, 32)
        answer[:, 0] = 9.0
        for known in (1, 2):
            answer[:, known] = torch.where(parts == 1 << known, 18.0, 0.0)
        answer[:, part] += torch.where(where, 18.0, 0.0)
        return float(TARGETS["parts"].loss(answer, parts, *others))

    beside = (parts & 1) > 0
    assert loss(3, beside & (parts != ANY_PART)) == pytest.approx(loss(0, beside), abs=1e-3)
    assert loss(1, beside & (parts != ANY_PART)) > loss(0, beside) + 0.1
    assert loss(1, parts == ANY_PART) == pytest.approx(loss(0, beside), abs=1e-3)
    (levels,) = TARGETS["levels"].encode(patch, 5.0)
    assert (levels[..., 28:] == -1).all()
    spine = torch.where(levels > 0, 9.0, -9.0).repeat(1 + len(LEVELS), 1, 1, 1)[None]
    elsewhere = torch.where(levels == -1, 9.0, spine)
    assert TARGETS["levels"].loss(elsewhere, levels[None]) == TARGETS["levels"].loss(spine, levels[None])


def test_below_the_last_lumbar_vertebra_nobody_says_that_there_is_no_sacrum() -> None:
    scan = small_scan(unlabeled=(26,))
    scan.truth[0][scan.truth[0] == 26] = 0
    patch = central_patch(scan, (20, 24, 32))
    plain = TARGETS["levels"].encode(replace(patch, unlabeled=()), 5.0)[0]
    (levels,) = TARGETS["levels"].encode(patch, 5.0)
    assert levels.equal(plain), "without the lowest lumbar vertebra nothing is known of the sacrum"
    lumbar = replace(
        patch, labels=np.where(patch.labels == patch.labels[patch.labels > 0].min(), 24, 0).astype(np.uint8)
    )
    (levels,) = TARGETS["levels"].encode(lumbar, 5.0)
    height = np.flatnonzero((lumbar.labels == 24).any(axis=(0, 1)))
    assert (levels[..., : int(height.mean())] != 0).all() and (levels[..., height[-1] + 1 :] == 0).all()


def test_altered_values_keep_shape_and_place() -> None:
    voxels = torch.full((24, 24, 24), -1000.0)
    voxels[8:16, 8:16, 8:16] = 400.0
    for seed in range(30):
        found = altered(voxels.clone(), np.random.default_rng(seed), 0.0)
        assert found.shape == voxels.shape and found.isfinite().all()
        bright = torch.nonzero(found > found.median() + 700).float().mean(0)
        assert (bright - 11.5).abs().max() < 1.6


def test_lumps_lie_beside_the_spine_and_are_bright() -> None:
    patch = replace(central_patch(small_scan(), (20, 24, 32)), voxels=np.zeros((20, 24, 32), np.int16))
    changed = 0
    for seed in range(20):
        found = with_distractors(patch, torch.zeros(20, 24, 32), 2.0, np.random.default_rng(seed)).numpy()
        assert not found[patch.labels > 0].any()
        changed += int((found > 100).sum() > 20)
    assert changed >= 18


def test_the_rate_begins_anew_in_every_cycle_also_after_a_stop() -> None:
    config = replace(read_scan_config(CONFIGS / "ct_spine.json"), steps=(10, 10))

    def rates(schedule: OneCycle, count: int) -> list[float]:
        found = []
        for _ in range(count):
            found.append(schedule.optimizer.param_groups[0]["lr"])
            schedule.optimizer.step()
            schedule.step()
        return found

    whole = rates(OneCycle(torch.nn.Linear(2, 2), config), 20)
    assert whole[:10] == pytest.approx(whole[10:])
    assert max(whole) > 10 * whole[9]
    first, second = (OneCycle(torch.nn.Linear(2, 2), config) for _ in range(2))
    start = rates(first, 10)
    second.load_state_dict(first.state_dict())
    assert start + rates(second, 10) == pytest.approx(whole)


def test_s4_lowers_the_rate_on_a_plateau_and_ends_after_five() -> None:
    config = replace(read_scan_config(CONFIGS / "ct_fracture.json"), learning_rate=1e-3)
    schedule = S4(torch.nn.Linear(2, 2), config)
    rates = []
    for loss in (1.0, 0.8, 0.9, 0.9, 0.9, 0.9):
        schedule.judge(loss)
        rates.append(schedule.optimizer.param_groups[0]["lr"])
    assert rates[:4] == [1e-3] * 4
    assert rates[4] == pytest.approx(4e-4)
    assert not schedule.is_over
    schedule.judge(0.9)
    assert schedule.is_over


def test_a_run_makes_a_bundle_and_a_stopped_one_goes_on(tmp_path: Path) -> None:
    """Stopped after its second checkpoint and called again, it ends where an uninterrupted run ends."""

    def stop(share: float, message: str) -> None:
        if message.startswith("step 4"):
            raise KeyboardInterrupt

    config = tiny_config(tmp_path, 6)
    with pytest.raises(KeyboardInterrupt):
        train(config, None, tmp_path / "stopped", stop)
    bundles = [load(train(config, None, tmp_path / name)) for name in ("stopped", "whole")]
    first, second = (bundle.network.state_dict() for bundle in bundles)
    assert all(torch.allclose(first[name], second[name], atol=1e-3) for name in first)
    metadata = bundles[0].metadata
    assert metadata["input"] == {"spacing_mm": 3.0, "patch": [32, 32, 32]}
    assert bundles[0].network(torch.zeros(1, 1, 32, 32, 32)).shape == (1, VERTEBRA_CHANNELS, 32, 32, 32)
    lines = (tmp_path / "stopped" / "curves.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]
    assert (tmp_path / "stopped" / "tiny" / "training" / "curves.png").is_file()


def test_a_folder_with_a_run_of_another_configuration_is_left_alone(tmp_path: Path) -> None:
    train(tiny_config(tmp_path, 2), None, tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    for steps, changes, told in ((2, {"spacing_mm": 2.0}, "spacing_mm"), (2, {"seed": 5}, "seed"), (4, {}, "steps")):
        with pytest.raises(InputError, match=f"another configuration .{told}"):
            train(tiny_config(tmp_path, steps, **changes), None, tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before


def test_a_run_may_begin_with_the_weights_of_another_task(tmp_path: Path) -> None:
    """Without a step of any size, all layers but the last are those that it began with."""
    first = train(tiny_config(tmp_path, 2), None, tmp_path / "first")
    changes = {"target": "fractures", "start": str(first), "learning_rate": 1e-9}
    second = train(tiny_config(tmp_path, 1, **changes), None, tmp_path / "second")
    before, after = (load(bundle, fold=False).network.state_dict() for bundle in (first, second))
    shared = [name for name in before if before[name].shape == after[name].shape]
    assert len(shared) >= len(before) - 2
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in shared)


def test_a_run_may_go_back_toward_the_weights_that_it_began_with(tmp_path: Path) -> None:
    first = load(train(tiny_config(tmp_path, 2), None, tmp_path / "first"), fold=False).network.state_dict()
    ends = []
    for share in (0.0, 0.5):
        changes = {"start": str(tmp_path / "first" / "tiny"), "learning_rate": 0.01, "start_share": share}
        bundle = train(tiny_config(tmp_path, 3, **changes), None, tmp_path / f"share {share}")
        ends.append(load(bundle, fold=False).network.state_dict())
    name = max(first, key=lambda each: first[each].numel())
    far, half = (float((end[name] - first[name]).norm()) for end in ends)
    assert far > 0.01 and half == pytest.approx(far / 2, rel=0.1)


def test_a_run_that_trains_a_part_keeps_the_rest_and_adds_a_small_file(tmp_path: Path) -> None:
    first = train(tiny_config(tmp_path, 2), None, tmp_path / "first")
    changes = {"start": str(first), "learning_rate": 0.01, "trained": ["upcat_1", "final_conv"]}
    second = train(tiny_config(tmp_path, 3, **changes), None, tmp_path / "second")
    kept, added = "models/model.safetensors", "models/change.safetensors"
    assert (second / kept).read_bytes() == (first / kept).read_bytes()
    assert 0 < (second / added).stat().st_size < (first / kept).stat().st_size / 2
    before, after = (load(bundle, fold=False).network.state_dict() for bundle in (first, second))
    differ = {name for name in before if not torch.equal(before[name], after[name])}
    assert differ and all("upcat_1" in name or "final_conv" in name for name in differ)
    meant = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)["average"]
    for name in differ:
        away, rounded = (float((values[name] - meant[name]).norm()) for values in (before, after))
        assert rounded < 0.15 * away, f"{name} is stored as it was trained"


def test_a_run_may_change_layers_by_a_low_rank(tmp_path: Path) -> None:
    first = train(tiny_config(tmp_path, 2), None, tmp_path / "first")
    changes = {"start": str(first), "trained": ["final_conv"], "low_rank": {"down_1": 2, "upcat_": 1}}
    second = train(tiny_config(tmp_path, 8, **changes), None, tmp_path / "second")
    before, after = (load(bundle, fold=False).network.state_dict() for bundle in (first, second))
    changed = {name: after[name] - values for name, values in before.items() if not torch.equal(values, after[name])}
    assert all(any(part in name for part in ("down_1", "upcat_", "final_conv")) for name in changed)
    stored = load_file(second / "models" / "change.safetensors")
    ends = {name.rpartition(".")[2] for name in stored if "final_conv" not in name and not name.endswith(".scale")}
    assert ends == {"outputs", "inputs", "places"} and any(name.endswith("final_conv.weight") for name in stored)
    for name, values in changed.items():
        if "final_conv" not in name:
            singular = torch.linalg.svdvals(values.flatten(1))
            assert singular[2 if "down_1" in name else 1] < 1e-3 * singular[0], name


@pytest.mark.parametrize("part", ["no_such_layer", "final_conv"])
def test_a_low_rank_needs_a_layer_that_is_not_trained_already(tmp_path: Path, part: str) -> None:
    first = train(tiny_config(tmp_path, 1), None, tmp_path / "first")
    changes = {"start": str(first), "trained": ["final_conv"], "low_rank": {part: 1}}
    with pytest.raises(InputError, match=part):
        train(tiny_config(tmp_path, 1, **changes), None, tmp_path / "second")


def test_a_run_that_trains_a_part_needs_a_start_that_knows_the_rest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="start"):
        train(tiny_config(tmp_path, 2, trained=["upcat_1"]), None, tmp_path / "none")
    other = train(tiny_config(tmp_path, 1, target="fractures"), None, tmp_path / "first")
    changes = {"start": str(other), "trained": ["upcat_1"]}
    with pytest.raises(InputError, match="final_conv"):
        train(tiny_config(tmp_path, 2, **changes), None, tmp_path / "other")
