"""Pictures and films in; detectors of the user's own; one sentence for whatever cannot be read."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from huozhong.errors import SkillError
from huozhong.senses.keypoints import Seen, apart, from_rows
from huozhong.senses.look import film, read_picture, resized, write_ppm


def made(height: int = 40, width: int = 60) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 4 % 256, y * 6 % 256, (x + y) * 2 % 256], -1).astype(np.uint8)


def test_a_ppm_comes_back_as_it_was() -> None:
    np.testing.assert_array_equal(read_picture(write_ppm(made())), made())
    with_comment = b"P6\n# by a camera\n60 40\n255\n" + made().tobytes()
    np.testing.assert_array_equal(read_picture(with_comment), made())


def test_png_and_jpeg_through_av() -> None:
    from PIL import Image

    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(made()).save(png, "PNG")
    Image.fromarray(made()).save(jpeg, "JPEG", quality=95)
    np.testing.assert_array_equal(read_picture(png.getvalue()), made())
    assert np.abs(read_picture(jpeg.getvalue()).astype(int) - made()).mean() < 12
    with pytest.raises(SkillError):
        read_picture(png.getvalue()[:60])


@pytest.mark.parametrize("data", [b"", b"hello", b"P6\n2", b"P6\n99999 99999\n255\n", b"#EXTM3U\nfile:///etc/passwd"])
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(SkillError) as refused:
        read_picture(data)
    assert refused.value.chinese


def test_a_film_gives_a_picture_every_so_often(tmp_path: Path) -> None:
    import av

    file = tmp_path / "pen.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for place in range(40):
            picture = np.full((48, 64, 3), place * 6, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    found = list(film(file, 1.0))
    assert [round(time) for time, _ in found] == [0, 1, 2, 3]
    assert [int(picture.mean() / 6 + 0.5) for _, picture in found] == [0, 10, 20, 30]
    assert len(list(film(file, 0))) == 40
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(SkillError, match=r"no\.mp4"):
        list(film(tmp_path / "no.mp4"))


def test_without_av_there_is_one_sentence() -> None:
    program = """
import sys
sys.modules["av"] = sys.modules["onnxruntime"] = None
from pathlib import Path
from huozhong.errors import SkillError
from huozhong.senses.look import OnnxDetector, read_picture
for act in (lambda: read_picture(b"\\x89PNG" + b"x" * 40), lambda: OnnxDetector(Path("x.onnx"))):
    try:
        act()
    except SkillError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("huozhong[senses]") == 2, done.stderr


def test_rows_of_boxes_with_keypoints() -> None:
    row = [50, 40, 60, 20, 0.9, 80, 40, 1, 20, 40, 1]
    close = [51, 41, 60, 20, 0.6, 81, 41, 1, 21, 41, 1]
    other = [50, 90, 60, 20, 0.8, 20, 90, 0.7, 80, 90, 1]
    weak = [10, 10, 5, 5, 0.1, 1, 1, 1, 2, 2, 1]
    found = from_rows(np.array([row, close, other, weak], np.float32))
    assert [(one.snout, one.tail) for one in found] == [((80, 40), (20, 40)), ((20, 90), (80, 90))]
    assert found[1].clear[0] == pytest.approx(0.7)
    turned = Seen((20, 40), (80, 40), 0.5)
    assert apart([found[0], turned]) == [found[0]]


def test_a_smaller_picture_has_the_same_mean() -> None:
    small = resized(made(), 13, 17)
    assert small.shape == (13, 17, 3)
    assert small.mean() == pytest.approx(made().mean(), rel=0.02)
