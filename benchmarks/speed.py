"""Where the engine stands against llama.cpp, for every family of models: compare.py over them, and docs/speed.md of it.

    python benchmarks/speed.py --llama LLAMA/build/bin [--models ember smollm2 qwen-1.5b v2-lite llama-1b] [--rounds 3]
                               [--folder DISK] [--smollm2 FILE.gguf] [--only-write]

ember is written as GGUF here; the others have true shapes and random weights (shapes.py, 1 to 9 GB in --folder), but
SmolLM2, whose file is given.  What was measured is kept in docs/speed.json after each model, so that a run may be cut
and taken up again; --only-write makes the page and the picture of it anew.  Run it where nothing else computes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
KEPT, PAGE, PICTURE = DOCS / "speed.json", DOCS / "speed.md", DOCS / "images" / "speed.svg"
SHAPES = {
    "qwen-1.5b": "deepseek-r1-distill-qwen-1.5b",
    "v2-lite": "deepseek-v2-lite",
    "llama-1b": "llama-3.2-1b",
}
NAMES = {
    "ember": "ember, Q8_0 (MLA + MoE, trained)",
    "smollm2": "SmolLM2-135M, Q4_1 (grouped attention, trained)",
    "qwen-1.5b": "R1-Distill-Qwen-1.5B, Q4_0 (grouped attention)",
    "v2-lite": "DeepSeek-V2-Lite, Q4_0 (MLA + MoE)",
    "llama-1b": "Llama-3.2-1B, Q4_0 (grouped attention)",
}
MEASURES = {
    "prefill@0": "prompt of 512",
    "prefill@4096": "prompt of 512 behind 4,096",
    "decode@0": "answer",
    "decode@1024": "answer behind 1,024",
    "decode@4096": "answer behind 4,096",
    "1": "over HTTP, one stream",
    "8": "over HTTP, eight that share a beginning",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama", type=Path, help="folder with llama-bench and llama-server")
    parser.add_argument("--models", nargs="+", choices=[*NAMES], default=["ember", "qwen-1.5b"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--depths", default="0,1024,4096")
    parser.add_argument("--folder", type=Path, default=Path("build/speed"))
    parser.add_argument("--smollm2", type=Path, default=None, help="SmolLM2-135M-Instruct.Q4_1.gguf (`make real`)")
    parser.add_argument("--only-write", action="store_true")
    options = parser.parse_args()
    if not options.only_write:
        if options.llama is None:
            parser.error("give --llama, a folder with llama-bench and llama-server")
        for name in options.models:
            keep(name, measured(file_of(name, options), options))
    results = kept()
    PAGE.write_text(page(results), encoding="utf-8")
    PICTURE.write_text(picture(results), encoding="utf-8")
    print(json.dumps({"benchmark": "speed", "models": [*results["models"]]}))


def file_of(name: str, options: argparse.Namespace) -> Path:
    options.folder.mkdir(parents=True, exist_ok=True)
    if name == "smollm2":
        if options.smollm2 is None:
            sys.exit("speed: give --smollm2, the file that `make real` fetches")
        given: Path = options.smollm2
        return given
    if name == "ember":
        path = options.folder / "ember.gguf"
        if not path.exists():
            command = [sys.executable, "-m", "huozhong.cli.main", "export", "ember", str(path), "--format", "gguf"]
            command += ["--type", "q8_0"]
            subprocess.run(command, check=True)
        return path
    path = options.folder / f"{SHAPES[name]}-random-Q4_0.gguf"
    if not path.exists():
        command = [sys.executable, str(HERE / "shapes.py"), SHAPES[name], "--out", str(options.folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def measured(model: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "compare.py"), str(model), "--llama", str(options.llama)]
    command += ["--rounds", str(options.rounds), "--depths", options.depths]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# -- what was measured -----------------------------------------------------------------------------


def kept() -> dict[str, Any]:
    if not KEPT.exists():
        return {"models": {}}
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def keep(name: str, result: dict[str, Any]) -> None:
    results = kept()
    rows = {}
    for key, row in [*result.get("engines", {}).items(), *result.get("http", {}).items()]:
        if key in MEASURES:
            told = row.get("tokens_per_s", row)
            rows[key] = {side: round(told[side]["median"], 2) for side in ("ours", "llama")}
            rows[key]["settings"] = row["llama_settings"]
    results["models"][name] = {
        "rows": rows,
        "share_of_the_bus": result.get("bandwidth", {}).get("share"),
        "load_before": result["load_before"],
        "date": str(datetime.date.today()),
        "machine": machine(),
    }
    KEPT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    words = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        words.setdefault(key.strip(), value.strip())
    cores = Path("/proc/cpuinfo").read_text(encoding="utf-8").count("processor\t")
    flags = [flag for flag in ("avx512_vnni", "avx512_bf16", "amx_int8") if flag in words.get("flags", "")]
    return f"{cores} cores of {words.get('model name', 'an unknown processor')}, {', '.join(flags) or 'AVX2'}"


def figures(results: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in NAMES:
        for key in MEASURES:
            row = results["models"].get(name, {}).get("rows", {}).get(key)
            if row is not None:
                yield name, key, row


# -- the page and the picture ------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    lines = [
        "# Speed: where the engine stands",
        "",
        "The same GGUF file in llama.cpp and here, by turns in one run, each of llama.cpp's tests with the best of its",
        "settings (its guessing ahead and its cache for all slots among them). Shapes are the models' own; weights are",
        "random but for ember and SmolLM2. Ratios above 1 are in our favour. One command repeats all of it:",
        "",
        "    python benchmarks/speed.py --llama LLAMA/build/bin --smollm2 FILE.gguf \\",
        "        --models ember smollm2 qwen-1.5b v2-lite llama-1b",
        "",
        "![ratios](images/speed.svg)",
        "",
    ]
    for name, told in sorted(results["models"].items(), key=lambda item: [*NAMES].index(item[0])):
        lines += [
            f"## {NAMES[name]}",
            "",
            f"{told['date']}, {told['machine']}; load before: {told['load_before']:.1f}.",
        ]
        if told["share_of_the_bus"] is not None:
            lines.append(f"An answer read {told['share_of_the_bus']:.0%} of what memory gave beside it.")
        lines += ["", "| tokens/s | here | llama.cpp | ratio |", "|---|---|---|---|"]
        for key, row in told["rows"].items():
            ratio = row["ours"] / row["llama"]
            lines.append(f"| {MEASURES[key]} | {row['ours']:,.1f} | {row['llama']:,.1f} | {ratio:.2f} |")
        lines.append("")
    return "\n".join(lines)


def picture(results: dict[str, Any]) -> str:
    """Bars of ratios; the line at 1 is llama.cpp."""
    shown = list(figures(results))
    step, left, width = 22, 330, 720
    most = max((row["ours"] / row["llama"] for *_, row in shown), default=1.0)
    scale = (width - left - 60) / max(most, 1.0)
    height = step * (len(shown) + len(results["models"])) + 30
    parts, y, last = [], 20, ""
    for name, key, row in shown:
        if name != last:
            parts.append(f'<text x="8" y="{y + 14}" font-weight="bold">{NAMES[name]}</text>')
            y, last = y + step, name
        ratio = row["ours"] / row["llama"]
        colour = "#c2410c" if ratio >= 1 else "#6b7280"
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{MEASURES[key]}</text>')
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{ratio * scale:.1f}" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{left + ratio * scale + 6:.1f}" y="{y + 14}">{ratio:.2f}</text>')
        y += step
    one = left + scale
    parts.append(
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="16" y2="{height - 8}" stroke="#111" stroke-dasharray="3 3"/>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    head += 'font-family="sans-serif" font-size="12">'
    title = "<title>Ratios of speed to llama.cpp; the dashed line is llama.cpp</title>"
    return f'{head}{title}<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'


if __name__ == "__main__":
    main()
