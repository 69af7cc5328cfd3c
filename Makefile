# `make demo` and `make test` each install first; either can come first.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints/reference.txt
PIP := -m pip install --quiet --disable-pip-version-check
# The GPU build of TensorFlow is three times the download: only where there is a GPU.
TRAIN := $(shell nvidia-smi -L 2>/dev/null | grep -q GPU && echo train || echo train-cpu)

.PHONY: install demo test coverage faults thorough systems lint lint-reach inference-only newest slow android apk web web-build wheel bench clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), some minutes"
	$(BIN)/python $(PIP) -c $(CONSTRAINTS) -e '.[$(TRAIN),tfio,augment,tune,export,tflite-runtime,demo,jax,dev]'
	@touch $@

demo: install
	$(BIN)/ser-keras demo

# Two processes, each on one file of tests after the other, the long ones first (tests/conftest.py).
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

test: install
	$(BIN)/python -m pytest $(PARALLEL)

# Line coverage of the same tests, child processes included; nothing depends on it.
coverage: install
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term

# What `make test` leaves to CI: long ways from end to end, the guides of docs/ among them.
thorough: install
	$(BIN)/python -m pytest $(PARALLEL) -m thorough

faults: install
	$(BIN)/python -m pytest -m faults

# Every row of every paper on a part of a real corpus, with the packages of the extra `systems` in an environment of
# its own: their licences aren't permissive.
systems:
	$(PYTHON) -m venv .venv-systems
	.venv-systems/bin/python $(PIP) -c $(CONSTRAINTS) -e '.[$(TRAIN),augment,export,systems,dev]'
	.venv-systems/bin/python -m pytest -n 2 -m "systems" tests/reproduction/test_systems.py
	.venv-systems/bin/python -m pytest tests/features/test_egemaps.py tests/features/test_lld.py

# What takes too long for CI; its last result is in docs/results/slow.md.
slow: install apk
	$(PYTHON) -m venv .venv-mediapipe
	.venv-mediapipe/bin/python $(PIP) mediapipe==1.2.2
	SER_KERAS_MEDIAPIPE=$(CURDIR)/.venv-mediapipe/bin/python $(BIN)/python -m pytest -m slow

# Style, and types over the package as it is installed: a type checker doesn't follow an editable install.
lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/lint
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/lint .
	$(BIN)/python $(PIP) --no-deps --target build/lint/package build/lint/*.whl
	MYPYPATH=build/lint/package $(BIN)/mypy

# Whether the type check of `make lint` reaches every package: errors are planted in a copy, and must be reported.
lint-reach: install
	$(BIN)/python -m pytest -m slow tests/test_lint.py

# What a user who only runs a model installs, from a wheel: no TensorFlow in it.
inference-only: install
	rm -rf .venv-inference build/wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv .venv-inference
	.venv-inference/bin/python $(PIP) -c $(CONSTRAINTS) build/wheel/*.whl
	$(BIN)/python -m pytest tests/inference_only.py --python $(CURDIR)/.venv-inference/bin/python -s

# The second set of pins: TensorFlow 2.21 and numpy 2, without tensorflow-io and tflite-runtime.
newest:
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python $(PIP) -c constraints/newest.txt -e '.[train-cpu,augment,tune,export,demo,dev]'
	.venv-newest/bin/python -m pytest $(PARALLEL) -m "smoke and not faults and not slow"

# Everything of the Android demo that can be checked without Google's registries; the tools come into build/android.
android: install
	$(BIN)/python android_demo/checks/run.py check

# The same up to an APK, signed and verified. It can't run: the runtime's AAR comes from Google's registry alone.
apk: install
	$(BIN)/python android_demo/checks/run.py apk

# The web demo: build, unit tests, end to end in headless Chromium. Needs Node.js 20, npm and Chromium.
web: install web-build
	cd web_demo && npm run --silent unit && PYTHON=$(CURDIR)/$(BIN)/python npm run --silent e2e

# web_demo/dist, for any static HTTPS host and for `ser-keras serve`
web-build:
	@command -v npm >/dev/null || { echo "the web demo needs Node.js 20 and npm: apt-get install nodejs npm"; exit 2; }
	cd web_demo && npm ci --ignore-scripts && npm run --silent build

# A wheel with the built web demo in it, so that `ser-keras serve` needs no checkout; without, it is 3 MB smaller.
wheel: install web-build
	rm -rf ser_keras/web build/lib
	cp -R web_demo/dist ser_keras/web && rm -r ser_keras/web/bundle
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	rm -rf ser_keras/web build/lib

bench: install
	$(BIN)/python benchmarks/frontends.py --threads 1
	$(BIN)/python benchmarks/frontends.py --threads 2
	$(BIN)/python benchmarks/converted_spectra.py
	$(BIN)/python benchmarks/augmentation.py --threads 1
	$(BIN)/python benchmarks/augmentation.py --threads 2
	$(BIN)/python benchmarks/training_step.py

clean:
	rm -rf .venv .venv-inference .venv-mediapipe .venv-newest .venv-systems build *.egg-info
