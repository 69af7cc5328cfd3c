"""What must hold where only inference is installed: `make inference-only` names that environment's Python."""

import json
import subprocess
import time

import numpy as np
import pytest
import soundfile


@pytest.fixture
def python(request):
    return request.config.getoption("--python")


def run(python, *arguments, **keywords):
    return subprocess.run([python, *arguments], capture_output=True, text=True, timeout=120, **keywords)


@pytest.fixture
def second(tmp_path):
    wave = np.random.default_rng(0).normal(0, 0.1, 16000)
    soundfile.write(tmp_path / "second.wav", wave, 16000)
    return tmp_path / "second.wav"


def test_there_is_no_tensorflow_to_lean_on(python):
    for package in ("tensorflow", "keras", "pydantic", "yaml", "librosa"):
        assert run(python, "-c", f"import {package}").returncode != 0, package


def test_predict_with_the_shipped_model_in_under_two_seconds(python, second, tmp_path):
    times = []
    for _ in range(4):
        started = time.monotonic()
        done = run(python, "-m", "ser_keras", "predict", str(second), "--json", cwd=tmp_path)
        times.append(time.monotonic() - started)
        assert done.returncode == 0, done.stderr
    [result] = json.loads(done.stdout)
    assert sum(result["probabilities"].values()) == pytest.approx(1)
    print(f"predict on one second of audio: {min(times):.2f} s at best, {max(times):.2f} s at worst of {times}")


def test_benchmark_and_what_is_installed(python, tmp_path):
    done = run(python, "-m", "ser_keras", "benchmark", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "real-time factor" in done.stdout
    code = (
        "import importlib.metadata as m, json; tools = {'pip', 'setuptools'}; "
        "print(json.dumps({d.name: sum(f.locate().stat().st_size for f in d.files or () if f.locate().is_file()) "
        "for d in m.distributions() if d.name not in tools}))"
    )
    sizes = json.loads(run(python, "-c", code, cwd=tmp_path).stdout)
    total = sum(sizes.values()) / 2**20
    largest = ", ".join(f"{name} {size / 2**20:.0f}" for name, size in sorted(sizes.items(), key=lambda i: -i[1])[:4])
    print(f"installed for inference alone: {total:.0f} MiB ({largest})")
    small = run(python, "-c", "import ai_edge_litert.compiled_model").returncode != 0  # before version 2
    assert total < (95 if small else 175)


def test_weights_that_are_not_for_commercial_use_are_in_no_wheel(python, tmp_path):
    code = "import ser_keras.runtime.bundle as m; print(sorted(p.name for p in m.PRETRAINED.iterdir() if p.is_dir()))"
    assert "'multi'" not in run(python, "-c", code, cwd=tmp_path).stdout
    done = run(python, "-m", "ser_keras", "predict", "x.wav", "--model", "multi", cwd=tmp_path)
    assert done.returncode == 2 and "CC BY-NC-SA 4.0" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_help_and_the_python_api(python, second, tmp_path):
    assert run(python, "-m", "ser_keras", "--help", cwd=tmp_path).returncode == 0
    code = f"import ser_keras; print(ser_keras.load().predict({str(second)!r}).emotion)"
    assert run(python, "-c", code, cwd=tmp_path).stdout.strip()


def test_training_without_its_packages_is_one_line(python, tmp_path):
    done = run(
        *(python, "-m", "ser_keras", "train", "--recipe", "anand2015.r2", "--corpus", "emodb=x", "--out", "r"),
        cwd=tmp_path,
    )
    assert done.returncode == 2 and "pip install 'ser-keras[train" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
