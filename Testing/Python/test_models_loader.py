# SPDX-License-Identifier: Apache-2.0
"""From a bundle to a network: the same answers as when it was written, and a clear word where it does not fit."""

import json
import os
import pickle
import zlib
from pathlib import Path

import pytest
import torch
from models_fixtures import NETWORK, make_bundle, small_network
from safetensors.torch import load_file, save_file
from torch import nn

from SpineLib.core.errors import ModelError
from SpineLib.models import loader, store
from SpineLib.models.packing import LARGEST, SCALE, packed, unpacked
from SpineLib.models.weights import LARGEST_CHANGE, read_weights, weight_files
from SpineLib.networks.factory import build_network
from SpineLib.networks.folding import fold_norms

IMAGE = torch.rand(1, 1, 96, 70, generator=torch.Generator().manual_seed(3))


@pytest.fixture(autouse=True)
def _own_shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "shelf"))


@pytest.fixture
def bundle(tmp_path) -> Path:
    return make_bundle(tmp_path / "source" / "tiny-ap")


def weights_of(bundle: Path) -> Path:
    return bundle / "models" / "model.safetensors"


def as_pickle(bundle: Path, content: object) -> None:
    weights_of(bundle).unlink()
    torch.save(content, bundle / "models" / "model.pt")


def test_a_model_of_the_catalogue_is_loaded_by_id(bundle):
    entry = store.import_bundle(bundle)
    loaded = loader.load("tiny-ap")
    assert loaded.id == "tiny-ap"
    assert loaded.metadata["threshold"] == 0.5
    assert loaded.sha256 == entry.files["models/model.safetensors"]
    assert not loaded.network.training
    assert {values.dtype for values in loaded.network.parameters()} == {torch.float32}


@pytest.mark.parametrize("fold", [True, False])
def test_a_loaded_network_answers_as_the_written_one(bundle, fold):
    written = small_network()
    written.load_state_dict(unpacked(packed(written.state_dict())))
    with torch.inference_mode():
        difference = (loader.load(bundle, fold).network(IMAGE) - written(IMAGE)).abs().max()
        whole = (loader.load(bundle, fold).network(IMAGE) - small_network()(IMAGE)).abs().max()
    assert difference < 1e-4
    assert whole < 0.05


def changed(bundle: Path, change: dict[str, torch.Tensor]) -> Path:
    """The bundle with a change beside its weights."""
    save_file(change, bundle / "models" / "change.safetensors")
    return bundle


def test_a_change_is_added_to_the_weights(bundle):
    before = loader.load(bundle, fold=False)
    state = before.network.state_dict()
    name = max(state, key=lambda each: state[each].numel())
    after = loader.load(changed(bundle, packed({name: torch.ones_like(state[name])})), fold=False)
    for other, values in after.network.state_dict().items():
        assert torch.allclose(values, state[other] + (other == name), atol=1e-2), other
    assert after.sha256 != before.sha256


def test_a_change_of_large_layers_is_coarse_and_of_small_ones_fine(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Conv2d(8, 128, 3))
    (tmp_path / "models").mkdir()
    save_file(packed(network.state_dict()), tmp_path / "models" / "model.safetensors")
    before = read_weights(tmp_path)
    for values in network.parameters():
        values.data += torch.randn(values.shape, generator=torch.Generator().manual_seed(2))
    change = tmp_path / "models" / "change.safetensors"
    change.write_bytes(weight_files(network, tmp_path)["models/change.safetensors"])
    largest = {name: int(values.abs().max()) for name, values in load_file(change).items() if values.ndim > 3}
    assert largest == {"0.weight": LARGEST, "1.weight": LARGEST_CHANGE}
    for name, values in read_weights(tmp_path).items():
        after = network.state_dict()[name]
        assert (values - after).norm() < 0.1 * (after - before[name]).norm(), name


def test_terms_are_stored_in_little_room_and_summed(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv3d(32, 64, 3), torch.nn.Conv3d(64, 32, 3))
    (tmp_path / "models").mkdir()
    save_file(packed(network.state_dict()), tmp_path / "models" / "model.safetensors")
    before = read_weights(tmp_path)
    network.load_state_dict(before)
    random = torch.Generator().manual_seed(2)
    factors = [torch.randn(4, size, generator=random) for size in (64, 32, 27)]
    added = torch.einsum("ro,ri,rp->oip", *factors).view(64, 32, 3, 3, 3)
    network[0].weight.data += added
    change = tmp_path / "models" / "change.safetensors"
    change.write_bytes(weight_files(network, tmp_path, {"0.weight": factors})["models/change.safetensors"])
    assert change.stat().st_size < before["0.weight"].numel() / 20
    after = read_weights(tmp_path)
    assert (after["0.weight"] - network[0].weight).norm() < 0.25 * added.norm()
    assert all(torch.equal(values, before[name]) for name, values in after.items() if name != "0.weight")


def test_a_second_change_keeps_the_first(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv3d(4, 8, 3), torch.nn.Conv3d(8, 8, 3), torch.nn.Conv3d(8, 4, 3))
    (tmp_path / "models").mkdir()
    save_file(packed(network.state_dict()), tmp_path / "models" / "model.safetensors")
    network.load_state_dict(read_weights(tmp_path))
    change = tmp_path / "models" / "change.safetensors"

    def add(layers: dict[int, tuple[int, int]], whole: int) -> None:
        terms = {}
        for number, (outputs, inputs) in layers.items():
            terms[f"{number}.weight"] = [torch.ones(1, size) for size in (outputs, inputs, 27)]
            network[number].weight.data += 1
        network[whole].weight.data += 1
        change.write_bytes(weight_files(network, tmp_path, terms)["models/change.safetensors"])

    add({0: (8, 4), 1: (8, 8)}, whole=2)
    whole = {name: values.clone() for name, values in load_file(change).items()}
    assert len(whole["0.weight.outputs"]) == 1
    add({0: (8, 4), 2: (4, 8)}, whole=1)
    stored = load_file(change)
    assert len(stored["0.weight.outputs"]) == 2
    assert "1.weight.places" not in stored, "what is now whole holds the terms"
    assert torch.equal(stored["2.weight"], whole["2.weight"]), "what was whole stays, with terms beside it"
    assert len(stored["2.weight.outputs"]) == 1
    for name, values in read_weights(tmp_path).items():
        torch.testing.assert_close(values.float(), network.state_dict()[name], atol=0.02, rtol=0)


@pytest.mark.parametrize("places", [{}, {"network.0.weight.places": torch.ones(1, 9)}, "wide"])
def test_terms_that_do_not_fit_are_refused(bundle, places):
    name = next(name for name, values in read_weights(bundle).items() if values.ndim == 4)
    outputs, inputs = read_weights(bundle)[name].shape[:2]
    factors = {name + ".outputs": torch.ones(2, outputs), name + ".inputs": torch.ones(2, inputs)}
    last = {name + ".places": torch.ones(2, 10)} if places == "wide" else places
    with pytest.raises(ModelError, match="do not fit"):
        loader.load(changed(bundle, {**factors, **last}))


@pytest.mark.parametrize("change", [{"no_such_layer": torch.ones(3)}, {"": torch.ones(1)}])
def test_a_change_that_does_not_fit_is_refused(bundle, change):
    state = load_file(weights_of(bundle))
    name = next(name for name, values in state.items() if values.dtype == torch.float16)
    wrong = {each or name: values for each, values in change.items()}
    with pytest.raises(ModelError, match=r"change\.safetensors do not fit"):
        loader.load(changed(bundle, wrong))


def test_a_change_slipped_into_a_model_of_the_catalogue_is_refused(bundle):
    entry = store.import_bundle(bundle)
    changed(entry.folder, {"any": torch.ones(3)})
    with pytest.raises(ModelError, match=r"change\.safetensors was added"):
        loader.load("tiny-ap")


def test_packed_weights_are_near_and_small() -> None:
    generator = torch.Generator().manual_seed(1)
    weights = 0.1 * torch.randn(64, 32, 3, 3, 3, generator=generator) * torch.logspace(-3, 1, 64).view(-1, 1, 1, 1, 1)
    weights[5] = 0.0
    state = {"layer.weight": weights, "layer.bias": torch.randn(64, generator=generator)}
    stored = packed(state)
    near = unpacked(stored)["layer.weight"]
    largest = weights.flatten(1).abs().amax(1).view(-1, 1, 1, 1, 1)
    assert ((near - weights).abs() <= largest / 250).all() and not near[5].any()
    assert abs(((near - weights) / largest.clamp_min(1e-9)).mean()) < 1e-4
    assert torch.equal(unpacked(packed({"layer.weight": near}))["layer.weight"], near)
    in_file, in_half = (
        sum(len(zlib.compress(each.numpy().tobytes())) for each in values)
        for values in (stored.values(), [each.half() for each in state.values()])
    )
    assert in_file < 0.6 * in_half


def test_weights_are_small_unless_they_would_overflow(tmp_path):
    network = small_network()
    large = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    large.running_var.fill_(1e6)
    state = load_file(weights_of(make_bundle(tmp_path / "tiny-ap", network)))
    layers = {values.dtype for name, values in state.items() if name.endswith("weight") and values.ndim > 1}
    assert layers == {torch.int8, torch.float16} or layers == {torch.int8}
    kept = [name for name, values in state.items() if values.dtype == torch.float32 and not name.endswith(SCALE)]
    assert len(kept) == 1 and kept[0].endswith("running_var") and state[kept[0]].max() == 1e6


def test_weights_in_half_precision_are_read_as_they_are(bundle):
    state = {name: values.half() for name, values in unpacked(load_file(weights_of(bundle))).items()}
    save_file(state, weights_of(bundle))
    found = loader.load(bundle, fold=False).network.state_dict()
    assert all(torch.equal(values.float(), found[name].float()) for name, values in state.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda state, name: state.pop(name),
        lambda state, name: state.update({name + SCALE: torch.ones(3)}),
        lambda state, name: state.update({name: state[name].float()}),
    ],
)
def test_scales_that_fit_no_weight_are_told(bundle, change):
    state = load_file(weights_of(bundle))
    change(state, next(name.removesuffix(SCALE) for name in state if name.endswith(SCALE)))
    save_file(state, weights_of(bundle))
    with pytest.raises(ModelError, match="cannot be read"):
        loader.load(bundle)


def test_an_altered_model_is_not_loaded(bundle):
    entry = store.import_bundle(bundle)
    path = weights_of(entry.folder)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"models/model\.safetensors .*altered"):
        loader.load("tiny-ap")


def test_an_unknown_id_lists_the_known_ones(bundle):
    store.import_bundle(bundle)
    with pytest.raises(ModelError) as caught:
        loader.load("none-such")
    assert "tiny-ap" in caught.value.hint


def test_a_folder_that_is_not_there_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        loader.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("network.1.final_conv.bias"), "lack network.1.final_conv.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "hold the unknown extra"),
        (lambda state: state.update({"network.1.final_conv.bias": torch.zeros(9)}), "wrong size for network.1.final"),
    ],
)
def test_weights_that_do_not_fit_are_named(bundle, change, said):
    state = load_file(weights_of(bundle))
    change(state)
    save_file(state, weights_of(bundle))
    with pytest.raises(ModelError, match=said):
        loader.load(bundle)


@pytest.mark.parametrize("content", [b"", b"no tensors at all", None])
def test_broken_weights_are_a_model_error(bundle, content):
    path = weights_of(bundle)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(ModelError, match="cannot be read"):
        loader.load(bundle)


def test_weights_in_torch_format_load_when_they_are_tensors_only(bundle):
    state = load_file(weights_of(bundle))
    expected = loader.load(bundle).network(IMAGE)
    as_pickle(bundle, state)
    assert torch.equal(loader.load(bundle).network(IMAGE), expected)


class Trap:
    """Unpickled by an ordinary loader, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(bundle, tmp_path, zipped):
    trap = tmp_path / "sprung"
    as_pickle(bundle, {"weight": Trap(trap)})
    if not zipped:
        (bundle / "models" / "model.pt").write_bytes(pickle.dumps({"weight": Trap(trap)}))
    with pytest.raises(ModelError, match="refused"):
        loader.load(bundle)
    assert not trap.exists()


def test_a_pickled_list_is_not_taken_for_weights(bundle):
    as_pickle(bundle, [1, 2])
    with pytest.raises(ModelError, match="not a table of tensors"):
        loader.load(bundle)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
        ("[]", "not a JSON object"),
        ('{"id": "x"}', 'lacks "title"'),
    ],
)
def test_broken_metadata_is_a_model_error(bundle, text, said):
    (bundle / "configs" / "metadata.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=said):
        loader.load(bundle)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", "../up", "not a model id"),
        ("network", {}, "does not name a network"),
        ("network", {**NETWORK, "in_channels": "1"}, "in_channels"),
        ("network", {**NETWORK, "name": "transformer"}, 'no network called "transformer"'),
        ("network", {**NETWORK, "options": {"colour": 1}}, "cannot be built"),
        ("network", {**NETWORK, "options": []}, "options"),
        ("input", None, "input"),
    ],
)
def test_metadata_that_no_network_fits_is_a_model_error(bundle, field, value, said):
    path = bundle / "configs" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError, match=said):
        loader.load(bundle)


@pytest.mark.parametrize(("name", "options"), [("unet", {"width": "light"}), ("light_unet", NETWORK["options"])])
def test_folding_removes_every_batch_norm_and_keeps_the_answer(name, options):
    network = build_network(name, 2, 1, 1, **options)
    network.train()(torch.rand(2, 1, 64, 64) * 3)
    network.eval()
    with torch.inference_mode():
        expected = network(IMAGE)
        assert fold_norms(network) > 0
        assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert (network(IMAGE) - expected).abs().max() < 1e-4


def test_folding_leaves_what_it_cannot_join():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    expected = network(IMAGE)
    assert fold_norms(network) == 0
    assert torch.equal(network(IMAGE), expected)
