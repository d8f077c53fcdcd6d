"""`huozhong pull`, `import`, `list`, `show`, `remove`, `export` as users meet them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.conftest import tiny_config
from tests.engine.compressed_models import KINDS, v4_config
from tests.engine.oracles import make_model
from tests.engine.sparse_models import add_indexers
from tests.formats.gguf import test_compressed as compressed_gguf
from tests.hub.conftest import MODEL, StandIn, hub, tiny_gguf

from huozhong.cli.main import main
from huozhong.engine import machine
from huozhong.engine.bandwidth import read_bandwidth
from huozhong.engine.weights import streaming
from huozhong.formats.checkpoint import expected_tensors, write_checkpoint
from huozhong.formats.installed import find, models_folder
from huozhong.formats.resolve import BUILT_IN
from huozhong.formats.source import open_model
from huozhong.text.tokenizer import Tokenizer

__all__ = ["hub", "tiny_gguf"]  # fixtures


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")


class Command:
    """The command in this process: what it printed, and its exit status."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.errors = ""

    def __call__(self, *arguments: str, status: int = 0) -> str:
        self._monkeypatch.setattr(sys, "argv", ["huozhong", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said, self.errors = self._capsys.readouterr()
        assert (end.value.code or 0) == status, self.errors
        return said


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_pull_list_show_remove(hub: StandIn, command: Command, tmp_path: Path) -> None:
    assert "The model tiny is ready." in command("pull", f"hf:{MODEL}")
    assert "huozhong chat tiny" in command("pull", f"hf:{MODEL}", "--from", "hf")
    listed = command("list")
    assert re.search(r"ember +\d+ MB +safetensors +built in", listed)
    assert re.search(rf"tiny +\d+ kB +safetensors +hf:{MODEL}", listed)
    shown = command("show", "tiny")
    assert re.search(r"architecture +deepseek_v3, MLA, MoE", shown)
    assert "2 of 4 experts" in shown
    assert "Removed tiny" in command("remove", "tiny")
    assert "tiny" not in command("list")
    command("remove", "tiny", status=2)
    assert "There is no stored model 'tiny'" in command.errors
    command("pull", f"hf:{MODEL}", "--from", "moon", status=2)
    assert "--from is 'moon'" in command.errors


def test_errors_of_the_hub_come_in_the_users_language(
    hub: StandIn, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.refusals[MODEL] = (401, {"X-Error-Code": "GatedRepo"})
    command("pull", f"hf:{MODEL}", status=2)
    assert command.errors.count("\n") == 1
    assert "accept its licence" in command.errors
    monkeypatch.setenv("HUOZHONG_LANG", "zh_CN")
    command("pull", f"hf:{MODEL}", status=2)
    assert "接受许可协议" in command.errors
    assert "HF_TOKEN" in command.errors


def test_import_a_file_and_show_what_it_takes(tiny_gguf: Path, command: Command) -> None:
    command("import", str(tiny_gguf), "--name", "t:1", "--link")
    shown = command("show", "t:1")
    assert re.search(r"none \(default\) .*fits, with 256 tokens of context", shown)
    assert "(Q8_0" in shown
    assert re.search(r"memory bandwidth \(measured\) +[\d.]+ GB/s", shown)
    listed = command("list")
    assert re.search(r"t:1 +\d+ kB +GGUF", listed)
    command("import", str(tiny_gguf), "--name", "t:2")
    copied = find("t:2") / tiny_gguf.name  # type: ignore[operator]
    copied.chmod(0o644)
    copied.write_bytes(copied.read_bytes()[:-64])
    assert re.search(r"t:2 +\d+ kB +files have changed or are damaged", command("list"))
    command("show", "t:2", status=2)
    assert "truncated" in command.errors
    copied.unlink()
    assert "files are missing" in command("list")
    (find("t:1") / tiny_gguf.name).unlink()  # type: ignore[operator]
    assert find("t:1") is not None
    (models_folder() / "t@1" / tiny_gguf.name).symlink_to("/nowhere")
    assert "linked files are gone" in command("list")


def test_a_sparse_model_is_ready(command: Command, tmp_path: Path) -> None:
    """DeepSeek-V3.2's kind: `import` checks words and weights, `show` says what it takes."""
    folder = add_indexers(BUILT_IN / "ember", tmp_path / "v32", top_k=64)
    assert "The model v32 is ready." in command("import", str(folder))
    assert "deepseek_v32, MLA, sparse (64 keys)" in command("show", "v32")


def test_show_of_a_model_that_does_not_fit(
    tiny_folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 100 * 10**6)
    shown = command("show", str(tiny_folder))
    assert shown.count("does not fit") == 3
    assert "huozhong pull" not in shown, "nothing fits, so nothing is advised"
    monkeypatch.setattr(machine, "available_memory", lambda: None)
    assert "unknown" in command("show", str(tiny_folder))
    monkeypatch.setattr(machine, "available_memory", lambda: 28 * 10**9)
    assert "huozhong pull glm-4.7-flash:30b  (18.3 GB: code, agents, reasoning)" in command("show", str(tiny_folder))


def test_the_machine() -> None:
    free = machine.available_memory()
    assert free is not None
    assert 10**8 < free < 10**14
    assert 10**8 < read_bandwidth(2**22) < 10**13


@pytest.mark.parametrize("name", ["serve", "chat", "show", "export"])
def test_a_model_that_can_be_pulled_is_told_so(name: str, command: Command, tmp_path: Path) -> None:
    more = [str(tmp_path / "x"), "--format", "hf"] if name == "export" else ["--port", "0"] if name == "serve" else []
    command(name, "deepseek-r1:14b", *more, status=2)
    assert "first run: huozhong pull deepseek-r1:14b" in command.errors


def test_export_to_gguf_and_back(tiny_folder: Path, command: Command, tmp_path: Path) -> None:
    gguf, folder = tmp_path / "out.gguf", tmp_path / "out"
    assert f"Wrote {gguf}" in command("export", str(tiny_folder), str(gguf), "--format", "gguf", "--type", "f32")
    command("export", str(gguf), str(folder), "--format", "hf", "--type", "f32")
    one, other = open_model(tiny_folder), open_model(folder)
    assert all((one.tensor(name) == other.tensor(name)).all() for name in one.names())
    command("export", str(gguf), str(folder), "--format", "hf", status=2)
    assert "exists already" in command.errors
    for options, told in [
        (("--format", "onnx"), "must be hf or gguf"),
        (("--format", "hf", "--type", "q4_0"), "bf16, f32"),
        (("--format", "gguf", "--type", "q2_k"), "q4_0, q8_0"),
    ]:
        command("export", "ember", str(tmp_path / "new"), *options, status=2)
        assert told in command.errors


def test_export_says_what_becomes_of_prediction_modules(tokenizer: Tokenizer, command: Command, tmp_path: Path) -> None:
    config = tiny_config(tokenizer.vocab_size, num_nextn_predict_layers=1)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in expected_tensors(config).items()}
    write_checkpoint(tmp_path / "mtp", config, zeros, extra_files=tokenizer.files())
    gguf = ["export", str(tmp_path / "mtp"), str(tmp_path / "a.gguf"), "--format", "gguf"]
    assert "holds 1 prediction module" in command(*gguf)
    assert open_model(tmp_path / "a.gguf").architecture.num_nextn_predict_layers == 1
    (tmp_path / "a.gguf").unlink()
    assert "prediction modules are not in the file" in command(*gguf, "--no-mtp")
    assert open_model(tmp_path / "a.gguf").architecture.num_nextn_predict_layers == 0


@pytest.mark.slow
def test_ctrl_c_leaves_what_came_for_the_next_run(hub: StandIn, tmp_path: Path) -> None:
    hub.delay = 0.2
    size = len(hub.repositories[MODEL]["model.safetensors"])
    line = [sys.executable, "-m", "huozhong.cli.main", "pull", f"hf:{MODEL}"]
    # A shell may have started us with Ctrl-C ignored; the command has to hear it.
    pull = subprocess.Popen(
        line,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 300
    while hub.sent["model.safetensors"] < size // 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    hub.delay = 2.0  # the rest takes far longer than a signal on a busy machine
    pull.send_signal(signal.SIGINT)
    said, errors = pull.communicate(timeout=120)
    assert (pull.returncode, said, errors) == (130, "", "")
    assert find("tiny") is None
    (part,) = (models_folder() / ".tiny.partial").glob("model.safetensors.*.part")
    came = part.stat().st_size
    assert 0 < came < size
    hub.delay, hub.sent = 0.0, type(hub.sent)()
    done = subprocess.run(line, text=True, capture_output=True, timeout=300, env=dict(os.environ), check=True)
    assert "The model tiny is ready." in done.stdout
    assert hub.sent["model.safetensors"] == size - came
    open_model(find("tiny"))  # type: ignore[arg-type]


def test_show_of_a_mixture_larger_than_memory_says_what_the_disk_gives(
    tokenizer: Tokenizer, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(
        tokenizer.vocab_size, hidden_size=512, moe_intermediate_size=512, n_routed_experts=64, first_k_dense_replace=1
    )
    from huozhong.model.transformer import Transformer
    from huozhong.train.model_folder import save_transformer

    save_transformer(Transformer(config), tmp_path / "mixture", extra_files=tokenizer.files(), dtype="float32")
    shown = command("show", str(tmp_path / "mixture"))
    assert "stay on the disk" not in shown
    monkeypatch.setattr(streaming, "MARGIN", 0)
    monkeypatch.setattr(machine, "available_memory", lambda: 25 * 10**6)  # the experts alone are 53 MB
    shown = " ".join(command("show", str(tmp_path / "mixture")).split())
    assert re.search(r"q8 \(default\).*experts stay on the disk \(.*/s measured\)", shown)


def test_show_of_a_compressed_model_and_loading_it_tell_of_modules_that_are_not_used(
    tokenizer: Tokenizer, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeepSeek-V4 with a prediction module of its own, as a folder and as a GGUF file, and without one."""
    rates = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}
    config = v4_config(
        kinds=KINDS, compress_rates=rates, compress_rope_theta=16e4, vocab_size=tokenizer.vocab_size, sliding_window=16
    )
    folder = tmp_path / "v4"
    make_model(config).save_pretrained(folder)
    for name, data in tokenizer.files().items():
        (folder / name).write_bytes(data)
    shown = command("show", str(folder))
    assert re.search(r"architecture +deepseek_v4, CSA/HCA, window 16, sparse \(6 keys\), MoE", shown)
    assert "3 x 48, 3 of 8 experts" in shown
    assert re.search(r"model's words +ready|ready", shown)
    assert "prediction module" not in shown
    run = ["run", str(folder), "hi", "-o", "max_tokens=2", "--no-save"]
    command(*run)
    assert "prediction module" not in command.errors

    weights = load_file(folder / "model.safetensors")
    with_module = weights | {"mtp.0.attn_norm.weight": torch.zeros(48), "mtp.0.norm.weight": torch.zeros(48)}
    save_file(with_module, folder / "model.safetensors")
    told = "1 prediction module in the files is not used: answers are the same, only without its guesses."
    assert re.search(rf"not used +{told}", command("show", str(folder)))
    command(*run)
    assert command.errors.count(f"v4: {told}") == 1
    monkeypatch.setenv("HUOZHONG_LANG", "zh")
    assert "文件里的 1 个多词元预测模块没有用上" in command("show", str(folder))
    monkeypatch.setenv("HUOZHONG_LANG", "en")

    behind = weights | {"model.layers.3.attn_norm.weight": torch.zeros(48)}  # where llama.cpp has its modules
    for stored, modules in ((weights, 0), (behind, 1)):
        save_file(stored, folder / "model.safetensors")
        keys = {"block_count": 3 + modules, "attention.compress_ratios": [0, 4, 128] + [0] * modules}
        compressed_gguf.write(
            folder, tmp_path / "v4.gguf", config, **keys | ({"nextn_predict_layers": modules} if modules else {})
        )
        shown = command("show", str(tmp_path / "v4.gguf"))
        assert re.search(r"architecture +deepseek_v4, CSA/HCA, window 16, sparse \(6 keys\), MoE", shown)
        assert (told in shown) == bool(modules)
