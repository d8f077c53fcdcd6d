"""A Hugging Face model folder as files: found, read and replaced as a whole.

config.json  generation_config.json  model.safetensors  (or shards with model.safetensors.index.json)
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from huozhong.errors import CheckpointError
from huozhong.files import find_whole, whole_folder
from huozhong.formats.hf.safetensors import Entry, read_safetensors
from huozhong.model.tensors import Shape

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack", ".npz", ".tflite")
GENERATION = "generation_config.json"


# -- reading ---------------------------------------------------------------------------------------------


def find_folder(folder: str | Path) -> Path:
    """The folder, or, where a crash interrupted its replacement, what it was before.  Raises CheckpointError."""
    folder = Path(folder)
    found = find_whole(folder)
    if found is None or (found != folder and not (found / CONFIG).is_file()):
        raise CheckpointError(f"{folder}: there is no such model folder.")
    return found


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.  Raises CheckpointError."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"{path}: this file is missing; is it a Hugging Face model folder?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not valid JSON ({error}).") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: must hold a JSON object, not {type(value).__name__}.")
    return value


def _no_weights(folder: Path) -> CheckpointError:
    """What a folder without weights that can be read has instead, and what to do."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    what = f"{folder}: there is neither {WEIGHTS} nor {INDEX}"
    chinese = f"{folder}：没有 {WEIGHTS}，也没有 {INDEX}"
    if parts := [name for name in names if name.endswith(".safetensors")]:
        end = f"only {parts[0]}; copy the whole folder again, {INDEX} included."
        return CheckpointError(f"{what}, {end}").in_chinese(
            f"{chinese}，只有 {parts[0]}；请把整个文件夹连同 {INDEX} 重新复制一遍。"
        )
    if other := next((name for name in names if name.endswith(_OTHER_WEIGHTS)), None):
        end = f"and {other} is not read here; take this model as safetensors or GGUF."
        return CheckpointError(f"{what}, {end}").in_chinese(
            f"{chinese}，而 {other} 这种文件这里不读；请改用这个模型的 safetensors 或 GGUF 版本。"
        )
    return CheckpointError(f"{what}; copy the weights there from where the model came from.").in_chinese(
        f"{chinese}；请从模型的来处把权重文件复制过来。"
    )


def read_entries(folder: Path) -> dict[str, Entry]:
    """Where every tensor of a folder lies, by name; nothing is read but the headers.  Raises CheckpointError."""
    if (folder / WEIGHTS).exists():
        return read_safetensors(folder / WEIGHTS)
    if not (folder / INDEX).exists():
        raise _no_weights(folder)
    placed = read_json(folder / INDEX).get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(file, str) for file in placed.values()):
        raise CheckpointError(f"{folder / INDEX}: weight_map must map tensor names to file names.")
    entries = {}
    for file in sorted(set(placed.values())):
        if file in ("", ".", "..") or "/" in file or "\\" in file:
            raise CheckpointError(f"{folder / INDEX}: {file!r} is not a plain file name.")
        shard = read_safetensors(folder / file)
        for name, place in placed.items():
            if place == file:
                if name not in shard:
                    raise CheckpointError(f"{folder / file}: tensor {name!r} of {INDEX} is missing.")
                entries[name] = shard[name]
    return entries


def needed_entry(folder: Path, entries: Mapping[str, Entry], name: str, shape: Shape) -> Entry:
    """The entry of a tensor that config.json needs.  Raises CheckpointError when it is missing or of another shape."""
    entry = entries.get(name)
    if entry is None:
        raise CheckpointError(f"{folder}: tensor {name!r} is missing; config.json needs it.")
    if entry.shape != shape:
        raise CheckpointError(
            f"{entry.path}: tensor {name!r} has shape {list(entry.shape)}; config.json needs {list(shape)}."
        )
    return entry


def refuse_unknown(entries: Mapping[str, Entry], known: Container[str], num_layers: int) -> None:
    """CheckpointError for a tensor that nothing explains: it means another architecture, and would be left out."""
    for name, entry in entries.items():
        duplicate = name == "lm_head.weight" or name.endswith(".rotary_emb.inv_freq")
        if name in known or duplicate or not math.prod(entry.shape):
            continue
        layer = name.removeprefix("model.layers.").split(".")[0]
        if layer.isdecimal() and int(layer) >= num_layers:
            continue  # prediction modules that config.json does not ask for, or their duplicates
        raise CheckpointError(f"{entry.path}: tensor {name!r} has no place in the model of config.json.")


# -- writing ---------------------------------------------------------------------------------------------


def replace_model_folder(folder: Path, files: Mapping[str, Iterable[bytes]]) -> None:
    """Write, or atomically replace, a model folder that holds exactly `files`: by plain name, in pieces.

    Raises CheckpointError when the disk refuses, or when `folder` holds something other than a model.
    """
    folder = folder.absolute()
    _refuse_foreign(folder)
    try:
        with whole_folder(folder) as partial:
            for name, pieces in files.items():
                with open(partial / name, "wb") as file:
                    file.writelines(pieces)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written ({error.strerror}).") from error


def _refuse_foreign(folder: Path) -> None:
    """Replacing deletes what was there, so it had better be a model."""
    if not folder.exists():
        return
    content = list(folder.iterdir()) if folder.is_dir() else [folder]
    is_model = (folder / CONFIG).exists() and not any(item.is_dir() for item in content)
    if content and not is_model:
        raise CheckpointError(f"{folder}: holds something other than a model; choose a new or empty folder.")
