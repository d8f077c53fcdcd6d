"""The net in NumPy, in torch and in onnxruntime say the same; a detector that was taught finds the pigs of its pen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.apps.pen.made import PEN, detector, film, known_pigs

from huozhong.apps.pen.labelled import Frames
from huozhong.apps.pen.network import PenDetector, load, maps, parameters, prepared
from huozhong.apps.pen.onnx_file import write_onnx
from huozhong.apps.pen.train import Net, targets, train
from huozhong.apps.pen.worth import worth
from huozhong.errors import SkillError
from huozhong.senses.keypoints import from_maps
from huozhong.senses.look import OnnxDetector, write_ppm


def random_net() -> Net:
    torch.manual_seed(3)
    net = Net()
    for norm in net.norms.values():
        assert isinstance(norm, torch.nn.BatchNorm2d)
        norm.running_mean = torch.randn(norm.num_features) * 0.2
        norm.running_var = torch.rand(norm.num_features) + 0.5
    return net.eval()


def test_numpy_says_what_torch_says() -> None:
    net, x = random_net(), torch.randn(1, 3, 48, 64)
    with torch.no_grad():
        said = net(x)[0].numpy()
    said[:3] = 1 / (1 + np.exp(-said[:3]))
    np.testing.assert_allclose(maps(net.weights(), x[0].numpy()), said, atol=2e-4)
    assert 150_000 < parameters() < 250_000
    assert parameters() == sum(value.size for value in net.weights().values())


def test_the_onnx_file_says_the_same_in_onnxruntime(tmp_path: Path) -> None:
    file = tmp_path / "pen.onnx"
    file.write_bytes(write_onnx(load(detector())))
    _, picture, _ = next(film(PEN, 6, 30.0, 30.0, herd=known_pigs(6, 8)))
    own, theirs = (
        PenDetector.read(
            detector(),
        ).find(picture),
        OnnxDetector(file, least=0.2).find(picture),
    )
    assert len(own) == len(theirs) >= 4
    for one, other in zip(own, theirs, strict=True):
        np.testing.assert_allclose(one.snout, other.snout, atol=0.1)
        np.testing.assert_allclose(one.tail, other.tail, atol=0.1)


def test_maps_of_labels_give_the_labels_back() -> None:
    pigs = torch.tensor([[[40.0, 30.0], [90.0, 40.0]], [[60.0, 90.0], [62.0, 44.0]], [[120.0, 20.0], [150.0, 60.0]]])
    made, where = targets(pigs, 60, 90)
    assert where.sum() > 0
    found = from_maps(made.numpy(), 2.0)
    assert len(found) == 3
    for snout, tail in pigs.numpy():
        near = min(found, key=lambda one: np.hypot(one.snout[0] - snout[0], one.snout[1] - snout[1]))
        np.testing.assert_allclose(near.snout, snout, atol=0.6)
        np.testing.assert_allclose(near.tail, tail, atol=0.6)


def test_the_detector_finds_the_pigs_of_its_pen() -> None:
    frames = []
    for _, picture, truths in film(PEN, 8, 60.0, 20.0, herd=known_pigs(8, 21)):
        frames.append((picture, [(*one.snout, *one.tail) for one in truths if one.visible > 0.5]))
    found = worth(
        PenDetector.read(
            detector(),
        ),
        frames,
    )
    assert found.found >= 0.85 * found.pigs
    assert found.off < 0.08


def test_a_picture_of_any_shape_keeps_its_pixels() -> None:
    for size in ((180, 320), (360, 640), (333, 217)):
        x, ratio = prepared(np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8))
        assert x.shape[1] % 8 == x.shape[2] % 8 == 0
        assert ratio == max(size) / 320


def test_files_that_are_no_detector(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    for content in (b"", b"nothing", Path(detector()).read_bytes()[:3000]):
        file.write_bytes(content)
        with pytest.raises(SkillError, match="detector"):
            load(file)
    np.savez(file, look_weight=np.zeros(3))
    with pytest.raises(SkillError, match="train it again"):
        load(file)


def test_a_few_steps_of_training_stopped_and_taken_up(tmp_path: Path) -> None:
    frames = Frames(tmp_path)
    for place, (_, picture, truths) in enumerate(film(PEN, 4, 80.0, 20.0, herd=known_pigs(4, 2))):
        frames.add(f"f{place}", write_ppm(picture))
        frames.label(f"f{place}", [[*np.clip(one.snout, 0, 179), *np.clip(one.tail, 0, 179)] for one in truths])
    torch.set_num_threads(1)
    assert train(tmp_path, steps=6, minutes=0.0) is None  # stopped after its first step
    assert not (tmp_path / "detector.npz").exists()
    assert train(tmp_path, steps=6) is not None
    assert PenDetector.read(tmp_path / "detector.npz") is not None
    assert (tmp_path / "detector.onnx").stat().st_size > 500_000
