# make serve    install if needed, then serve the built-in model and the chat page   (ARGS="--host 0.0.0.0")
# make test     everything CI checks: ruff, the types, the tests, against the installed package
# make real     fetch the real models, vocabularies and templates that tests/real reads (170 MB, once)
# make clients  fetch the clients of other people that tests/clients runs (140 MB, once; needs node and npm)
# make agents   fetch aider and opencode, for the same tests (1 GB of disk, once)
# make check    ruff and the types only
# make bench    the benchmarks that need nothing else; each ends in one JSON line   (BENCH="kernels serve")
# make train    install what training needs beside it, with torch for the CPU; GPU=1 for torch with CUDA
# make clean    remove what these made
#
# Needs python3 >= 3.11 with venv and a package index; cmake and ninja come from that index, and where the machine has no
# C++17 compiler `make serve` takes ziglang's from there too (100 MB).

PYTHON ?= python3
MODEL ?= ember
ARGS ?=
BENCH ?= kernels generate serve memory
# Files of tests that run at once.  Most tests wait for a server, a browser or one core; more of them want more memory
# (2 GB each).
TESTERS ?= 2

# A plain index serves torch with CUDA (5.6 GB with what it needs); the CPU build (200 MB) has an index of its own, which
# `make train` takes.  The tests run with either:  make test TORCH_INDEX="$(CPU_INDEX)"
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
CPU_INDEX := --index-url https://download.pytorch.org/whl/cpu
GPU ?=

SERVE := .venv
TEST := build/test-venv
NATIVE := pyproject.toml CMakeLists.txt $(wildcard src/huozhong/engine/kernels/*.cpp src/huozhong/engine/kernels/*.h \
          src/huozhong/engine/kernels/*.inl)
COMPILER := $(shell for c in "$${CXX:-c++}" g++ clang++; do command -v "$$c" && exit; done)
PIP := -m pip --disable-pip-version-check --no-input install --quiet

.PHONY: serve train test real clients agents check bench clean tools
.DELETE_ON_ERROR:

serve: $(SERVE)/huozhong.stamp
	@exec $(SERVE)/bin/huozhong serve $(MODEL) $(ARGS)

# Editable: an edited Python file or page works at the next start; only what is compiled needs installing again.
$(SERVE)/huozhong.stamp: $(NATIVE) | tools
	@test -x $(SERVE)/bin/python || $(PYTHON) -m venv $(SERVE)
	@echo "安装中，第一次要一两分钟…… / Installing; the first time takes a minute or two ..."
	@$(if $(COMPILER),,$(ZIG)) $(SERVE)/bin/python $(PIP) --editable .
	@touch $@

# The compiler of last resort.  Its own processor is as plain as any other's: the kernels say what they use of a newer one.
ZIG = $(SERVE)/bin/python $(PIP) ziglang && mkdir -p $(SERVE)/zig && \
	program=$$($(SERVE)/bin/python -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent / "zig")') && \
	for tool in cc c++ ar ranlib; do case $$tool in c*) plain=-mcpu=baseline ;; *) plain= ;; esac; \
	printf '\#!/bin/sh\nexec "%s" %s %s "$$@"\n' "$$program" $$tool $$plain > $(SERVE)/zig/$$tool && \
	chmod +x $(SERVE)/zig/$$tool || exit 1; done && zig="$(CURDIR)/$(SERVE)/zig" && \
	env CC="$$zig/cc" CXX="$$zig/c++" CMAKE_ARGS="-DCMAKE_AR=$$zig/ar -DCMAKE_RANLIB=$$zig/ranlib"

# torch first and alone: what is there already is not fetched again with the rest.
train: $(SERVE)/huozhong.stamp
	@$(SERVE)/bin/python $(PIP) $(if $(GPU),$(TORCH_INDEX),$(or $(TORCH_INDEX),$(CPU_INDEX))) "$(TORCH)"
	@$(SERVE)/bin/python $(PIP) --editable ".[train,recipes]"
	@echo "可以训练了：$(SERVE)/bin/huozhong train --help / Ready to train: $(SERVE)/bin/huozhong train --help"

test: check
	$(TEST)/bin/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

real: $(TEST)/tools.stamp
	@$(TEST)/bin/python tests/real/fetch.py

clients: $(TEST)/tools.stamp
	@$(TEST)/bin/python tests/clients/fetch.py

agents: $(TEST)/tools.stamp
	@$(TEST)/bin/python tests/clients/fetch.py agents

check: $(TEST)/huozhong.stamp
	$(TEST)/bin/ruff format --check --quiet .
	$(TEST)/bin/ruff check .
	$(TEST)/bin/mypy

# Installed as users get it, so that a file missing from the wheel is found; again after any change of a source.
$(TEST)/huozhong.stamp: $(TEST)/tools.stamp $(NATIVE) $(shell find src -type f -not -name '*.pyc')
	@$(TEST)/bin/python $(PIP) --no-deps --force-reinstall .
	@touch $@

$(TEST)/tools.stamp: pyproject.toml | tools
	@test -x $(TEST)/bin/python || $(PYTHON) -m venv $(TEST)
	@$(TEST)/bin/python $(PIP) $(TORCH_INDEX) "$(TORCH)"
	@$(TEST)/bin/python $(PIP) ".[train,recipes,test]"
	@touch $@

bench: $(SERVE)/huozhong.stamp
	@for name in $(BENCH); do $(SERVE)/bin/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf build $(SERVE)/huozhong.stamp .pytest_cache .ruff_cache .mypy_cache .hypothesis

tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
	"需要 Python 3.11 或更新，请安装，或指定：make PYTHON=python3.12 / Python 3.11 or newer is needed: install it, or name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
	"缺少 Python 的 venv（Debian、Ubuntu：apt install python3-venv）/ Python's venv is missing (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
