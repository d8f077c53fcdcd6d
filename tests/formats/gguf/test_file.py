"""GGUF files back and forth, also by the `gguf` package, and every kind of damage by name."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tests.formats.gguf.test_blocks import assert_same_bits, theirs

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.blocks import row_bytes
from huozhong.formats.gguf.file import GgufFile, GgufTensor, NewTensor, parts_of, write_gguf

# -- files -----------------------------------------------------------------------------------------------

METADATA: dict[str, Any] = {
    "general.architecture": "llama", "一个键": "值", "flag": True, "count": 7, "minus": -3, "large": 1 << 40,
    "ratio": 0.5, "words": ["a", "", "火种"], "numbers": np.arange(5, dtype=np.int32),
    "scores": np.array([0.5, -1], np.float32), "flags": np.array([True, False]), "byte": np.uint8(200),
    "double": np.float64(1e300), "none": np.zeros(0, np.uint64),
}  # fmt: skip


def some_tensors() -> list[GgufTensor]:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"F32": (5,), "F16": (3, 7), "Q8_0": (2, 3, 64), "Q4_K": (2, 256)}
    tensors = []
    for type, shape in shapes.items():
        width = row_bytes(type, shape[-1])
        data = random.integers(0, 100, (int(np.prod(shape[:-1])), width), np.uint8)
        tensors.append(GgufTensor(f"{type}.weight", type, shape, data))
    return tensors


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tensors = some_tensors()
    write_gguf(tmp_path / "a.gguf", METADATA, tensors)
    file = GgufFile(tmp_path / "a.gguf")
    assert list(file.metadata) == list(METADATA)
    for key, value in METADATA.items():
        found = file.metadata[key]
        assert np.array_equal(found, value)
        assert isinstance(found, np.ndarray) == isinstance(value, np.ndarray)
    assert list(file.tensors) == [tensor.name for tensor in tensors]
    for tensor in tensors:
        found = file.tensors[tensor.name]
        assert (found.type, found.shape) == (tensor.type, tensor.shape)
        assert np.array_equal(found.data, tensor.data)
        assert found.values().shape == tensor.shape
    assert list(tmp_path.iterdir()) == [tmp_path / "a.gguf"]


def test_the_gguf_package_reads_what_is_written(tmp_path: Path) -> None:
    tensors = some_tensors()
    write_gguf(tmp_path / "a.gguf", METADATA | {"general.alignment": 64}, tensors)
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    for tensor, found in zip(tensors, reader.tensors, strict=True):
        assert found.name == tensor.name
        assert tuple(found.shape[::-1]) == tensor.shape
        assert np.array_equal(found.data.view(np.uint8).ravel(), tensor.data.ravel())
    for key, value in METADATA.items():
        field = reader.get_field(key)
        assert field is not None
        if key != "none":
            assert np.array_equal(field.contents(), value)


def test_what_the_gguf_package_writes_is_read(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "b.gguf", "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "火"])
    writer.add_array("scores", [0.5, 1.5])
    writer.add_rope_freq_base(10000.0)
    weights = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    packed = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q4_1)
    writer.add_tensor("w", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.add_tensor("v", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = GgufFile(tmp_path / "b.gguf")
    assert file.metadata["tokenizer.ggml.tokens"] == ["a", "火"]
    assert file.metadata["scores"].tolist() == [0.5, 1.5]
    assert file.metadata["llama.rope.freq_base"] == 10000.0
    assert np.array_equal(file.tensors["v"].values(), weights)
    assert_same_bits(file.tensors["w"].values(), theirs(packed, "Q4_1"))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    write_gguf(path, {"n": 1}, [])

    def fail() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gguf(path, {"n": 2}, [NewTensor("w", "F32", (1,), fail)])
    assert GgufFile(path).metadata == {"n": 1}
    assert list(tmp_path.iterdir()) == [path]


# -- parts -----------------------------------------------------------------------------------------------


def write_parts(folder: Path, count: int = 3) -> list[Path]:
    tensors = some_tensors()
    paths = []
    for number in range(count):
        split = {
            "split.no": np.uint16(number),
            "split.count": np.uint16(count),
            "split.tensors.count": np.int32(len(tensors)),
        }
        paths.append(folder / f"model-{number + 1:05d}-of-{count:05d}.gguf")
        write_gguf(paths[-1], (METADATA if number == 0 else {}) | split, tensors[number::count])
    return paths


def test_parts_are_one_model_whichever_is_named(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    for path in paths:
        assert parts_of(path) == paths
        file = GgufFile(path)
        assert file.metadata["general.architecture"] == "llama"
        assert set(file.tensors) == {tensor.name for tensor in some_tensors()}


def test_a_missing_part(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    paths[1].unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00003.gguf: this part of the model is missing"):
        GgufFile(paths[0])


def test_a_renamed_part(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    single = paths[0].rename(tmp_path / "model.gguf")
    with pytest.raises(CheckpointError, match="part of a model in 3 files"):
        GgufFile(single)
    paths[1].rename(paths[0])
    paths[0].with_name(paths[1].name).write_bytes(single.read_bytes())
    with pytest.raises(CheckpointError, match="not the part that its name says"):
        GgufFile(paths[0])


def test_a_part_number_beyond_the_count(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no part 4 of 3"):
        GgufFile(tmp_path / "m-00004-of-00003.gguf")


# -- lies ------------------------------------------------------------------------------------------------


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(name: str = "w", shape: tuple[int, ...] = (4,), code: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, code, offset)


def whole(*, version: int = 3, keys: bytes = b"", num_keys: int = 0, entries: bytes = b"", count: int = 0) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, count, num_keys) + keys + entries
    return head + bytes(-len(head) % 32) + bytes(64)


def key(kind: int, value: bytes, name: str = "k") -> bytes:
    return text(name) + struct.pack("<I", kind) + value


HUGE = struct.pack("<Q", 1 << 62)
LIES = {
    "another file": (b"PK\3\4" + bytes(64), "does not begin with GGUF"),
    "too short": (b"GGUF\3\0\0\0", "too short"),
    "version 1": (whole(version=1), "version 1 GGUF"),
    "big-endian": (whole(version=3 << 24), "big-endian"),
    "tensor count": (whole(count=1 << 60), "claims 1152921504606846976 tensors"),
    "key count": (whole(num_keys=(1 << 64) - 1), "metadata keys; the file is truncated or damaged"),
    "key length": (whole(keys=HUGE, num_keys=1), "a key of the metadata is 4611686018427387904 bytes long"),
    "string length": (whole(keys=key(8, HUGE), num_keys=1), "ends inside the value of 'k'"),
    "string array": (whole(keys=key(9, struct.pack("<I", 8) + HUGE), num_keys=1), "strings in the value of 'k'"),
    "number array": (whole(keys=key(9, struct.pack("<I", 12) + HUGE), num_keys=1), "numbers in the value of 'k'"),
    "nested array": (whole(keys=key(9, struct.pack("<IQ", 9, 1)), num_keys=1), "has nested arrays"),
    "element type": (whole(keys=key(9, struct.pack("<IQ", 99, 1)), num_keys=1), "unknown type 99"),
    "value type": (whole(keys=key(13, b"\0" * 8), num_keys=1), "unknown type 13"),
    "not UTF-8": (whole(keys=key(8, struct.pack("<Q", 2) + b"\xff\xfe"), num_keys=1), "not UTF-8"),
    "same key twice": (whole(keys=key(0, b"\1") * 2, num_keys=2), "key 'k' occurs twice"),
    "same tensor twice": (whole(entries=entry() + entry(offset=32), count=2), "'w' occurs twice"),
    "overlap": (whole(entries=entry(shape=(12,)) + entry("v", offset=32), count=2), "'v' lies over tensor 'w'"),
    "offset": (whole(entries=entry(offset=4), count=1), "does not begin at a multiple of 32"),
    "beyond the end": (whole(entries=entry(shape=(1 << 40,)), count=1), "bytes more; the file is truncated"),
    "offset beyond": (whole(entries=entry(offset=(1 << 64) - 32), count=1), "bytes more; the file is truncated"),
    "overflow": (whole(entries=entry(shape=((1 << 63), 2, 2)), count=1), "impossible shape"),
    "no numbers": (whole(entries=entry(shape=(0,)), count=1), "impossible shape"),
    "no dimensions": (whole(entries=entry(shape=()), count=1), "has 0 dimensions"),
    "five dimensions": (whole(entries=entry(shape=(1,) * 5), count=1), "has 5 dimensions"),
    "unread format": (whole(entries=entry(code=40), count=1), "stored as NVFP4; only F32"),
    "unknown format": (whole(entries=entry(code=1234), count=1), "unknown type 1234"),
    "broken block": (whole(entries=entry(shape=(48,), code=2), count=1), "not whole blocks of Q4_0"),
    "alignment": (whole(keys=key(4, struct.pack("<I", 48), "general.alignment"), num_keys=1), "power of two"),
    "alignment text": (whole(keys=key(8, text("32"), "general.alignment"), num_keys=1), "power of two"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_one_sentence(name: str, tmp_path: Path) -> None:
    content, sentence = LIES[name]
    path = tmp_path / "lie.gguf"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=sentence) as caught:
        GgufFile(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(CheckpointError, match="no such file"):
            GgufFile(path)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    write_gguf(path, METADATA, some_tensors())
    content = path.read_bytes()
    for length in range(0, len(content) - 32, 7):  # the last bytes are padding
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            GgufFile(path)
