"""The pen's detector as an ONNX file (opset 17), written byte by byte: a model of twelve convolutions needs no library.

ONNX files are protocol buffers.  A field is its number and kind as one integer, then the value; integers are written
seven bits at a time, the lowest first, and everything else is a length and so many bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.network import CHANNELS, LAYERS

F32 = NDArray[np.float32]
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_AN_INT, _A_TEXT, _INTS = 2, 3, 7  # AttributeProto.AttributeType
_IR, _OPSET = 8, 17


def write_onnx(weights: dict[str, F32]) -> bytes:
    """A model with one input `picture` [1, 3, height, width] (multiples of 8; mean 0, spread 1 over the picture) and
    one output `maps` [1, 5, height / 2, width / 2]: middles, snouts and tails as 0 to 1, then the vector from a middle
    to its snout, in 16 cells."""
    nodes: list[bytes] = []
    tensors = [_tensor(name, value) for name, value in sorted(weights.items())]
    tensors.append(_tensor("twice", np.array([1, 1, 2, 2], np.float32)))
    tensors += [_integers("zero", [0]), _integers("three", [3]), _integers("end", [CHANNELS]), _integers("axis", [1])]

    def node(kind: str, inputs: Iterable[str], output: str, attributes: bytes = b"") -> str:
        body = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(3, output) + _text(4, kind)
        nodes.append(_bytes(1, body + attributes))
        return output

    def run(name: str, x: str) -> str:
        layer = next(one for one in LAYERS if one.name == name)
        reach = layer.apart * (layer.kernel // 2)
        attributes = _ints("kernel_shape", [layer.kernel] * 2) + _ints("strides", [layer.stride] * 2)
        attributes += _ints("dilations", [layer.apart] * 2) + _ints("pads", [reach] * 4)
        out = node("Conv", (x, f"{name}_weight", f"{name}_bias"), f"{name}_sum", attributes)
        return out if name == "maps" or name.startswith("up") else node("Relu", (out,), f"{name}_out")

    def join(up: str, beside: str, x: str) -> str:
        larger = node("Resize", (run(up, x), "", "twice"), f"{up}_twice", _attribute_text("mode", "nearest")
                      + _attribute_text("coordinate_transformation_mode", "asymmetric")
                      + _attribute_text("nearest_mode", "floor"))  # fmt: skip
        return node("Add", (larger, beside), f"{up}_joined")

    edges = run("edges", run("look", "picture"))
    parts = run("parts", run("down1", edges))
    deep = run("wide2", run("wide1", run("down2", parts)))
    parts = run("join1", join("up1", parts, deep))
    raw = run("maps", run("join2", join("up2", edges, parts)))
    heat = node("Slice", (raw, "zero", "three", "axis"), "heat_sum")
    ahead = node("Slice", (raw, "three", "end", "axis"), "ahead")
    node("Concat", (node("Sigmoid", (heat,), "heat"), ahead), "maps", _integer("axis", 1))
    graph = b"".join(nodes) + _text(2, "pen") + b"".join(_bytes(5, one) for one in tensors)
    graph += _bytes(11, _value("picture", [1, 3, "height", "width"]))
    graph += _bytes(12, _value("maps", [1, CHANNELS, "rows", "columns"]))
    return _number(1, _IR) + _text(2, "huozhong") + _bytes(7, graph) + _bytes(8, _number(2, _OPSET))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _tensor(name: str, value: F32) -> bytes:
    sizes = b"".join(_number(1, size) for size in value.shape)
    return sizes + _number(2, _FLOAT) + _text(8, name) + _bytes(9, value.astype("<f4").tobytes())


def _integers(name: str, value: list[int]) -> bytes:
    raw = np.array(value, "<i8").tobytes()
    return _number(1, len(value)) + _number(2, _INT64) + _text(8, name) + _bytes(9, raw)


def _integer(name: str, value: int) -> bytes:
    return _bytes(5, _text(1, name) + _number(3, value) + _number(20, _AN_INT))


def _attribute_text(name: str, value: str) -> bytes:
    return _bytes(5, _text(1, name) + _text(4, value) + _number(20, _A_TEXT))


def _ints(name: str, values: list[int]) -> bytes:
    body = b"".join(_number(8, value) for value in values)
    return _bytes(5, _text(1, name) + body + _number(20, _INTS))


def _value(name: str, sizes: list[int | str]) -> bytes:
    dimensions = b"".join(_bytes(1, _number(1, size) if isinstance(size, int) else _text(2, size)) for size in sizes)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, dimensions)))
