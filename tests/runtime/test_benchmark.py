"""`ser-keras benchmark`: what it measures, and what it says where it can't."""

import json
import subprocess
import sys

import pytest

from ser_keras.cli import texts
from ser_keras.cli.main import main
from ser_keras.common import child_process
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime import benchmark, profiler
from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED

BUNDLE = PRETRAINED / DEFAULT_MODEL
CONTENT = (BUNDLE / "model.tflite").read_bytes()


@pytest.mark.smoke
def test_what_is_measured(capsys):
    assert main(["benchmark", "--threads", "1", "--against", str(BUNDLE / "model_float32.tflite"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [m["name"] for m in found["models"]] == [
        f"{DEFAULT_MODEL}/{name}" for name in ("model.tflite", "model_float32.tflite")
    ]
    for model in found["models"]:
        figures = model["threads"]["1"]
        assert 0 < figures["median_ms"] <= figures["p95_ms"] and figures["cpu_ms"] > 0 and figures["load_ms"] > 0
        assert figures["first_ms"] > 0 and figures["runs"] > 5
        assert figures["real_time_factor"] == pytest.approx(figures["median_ms"] / 1000 / model["hop_s"])
        assert figures["memory_mb"] is None or 1 < figures["memory_mb"] < 200
        if model["operations"] is not None:
            names = [name for name, _, _ in model["operations"]]
            assert "CUMSUM" in names and any("Fully Connected" in name for name in names)  # beside and in the delegate
            ordered = [ms for _, ms, _ in model["operations"]]
            assert ordered == sorted(ordered, reverse=True) and 0.05 * figures["cpu_ms"] < sum(ordered)
        model["threads"] = {1: figures}
    lines = "\n".join(texts.benchmark({**found, "load": 1000.0}))
    size = f"{len(CONTENT) / 1000:.0f} KB"
    for part in (f"{DEFAULT_MODEL}/model.tflite", size, "real-time factor", "time by operation", "machine is busy"):
        assert part in lines
    found["models"][0] |= {"operations": None, "operations_missing": "no profiler here"}
    assert "not known: no profiler here" in "\n".join(texts.benchmark(found))


def test_a_file_that_would_bring_the_process_down_is_one_line(tmp_path):
    cut = bytearray(CONTENT)
    cut[len(cut) // 3 : len(cut) // 3 + 4000] = b"\xff" * 4000
    (tmp_path / "cut.tflite").write_bytes(cut[: len(cut) // 2])
    with pytest.raises(SerKerasError):
        benchmark.benchmark([tmp_path / "cut.tflite"])


def test_bad_input_is_one_line(capsys, tmp_path):
    (tmp_path / "bad.tflite").write_bytes(b"\0\0\0\0TFL3 nothing else")
    for arguments in (["--model", "nowhere"], ["--against", str(tmp_path / "bad.tflite")], ["--runtime", "litrt"]):
        assert main(["benchmark", *arguments]) == 2
        said = capsys.readouterr().err.strip()
        assert said and "\n" not in said
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "--threads", "0"])
    assert end.value.code == 2 and "1 to 256" in capsys.readouterr().err


def test_a_file_that_brings_the_process_down_is_one_line(monkeypatch):
    monkeypatch.setattr(benchmark, "CHILD", "import os; os.abort()")
    with pytest.raises(SerKerasError, match="brings litert down .SIGABRT."):
        benchmark.measure(CONTENT, "model.tflite", 8000)


def test_a_child_that_does_not_answer_is_ended():
    silent = child_process.Child("import sys; sys.stdin.read()")
    with pytest.raises(child_process.Died, match="no answer in 0 s"):
        silent.answer(0.2)
    assert silent.poll() is not None


def test_without_the_library_the_profiler_says_so(monkeypatch):
    monkeypatch.setattr(profiler.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SerKerasError, match="ai-edge-litert>=2.3"):
        profiler.operations(CONTENT, [0.0] * 32000)


def test_the_profilers_table_is_summed():
    text = """
===== Run Order =====
              [node type]    [start]    [first]   [avg ms]        [%]     [cdf%]   [mem KB] [times called]   [Name]
     Delegate/Add (ND)      0.000      0.009      0.500     0.094%     0.094%      0.000             20   [Delegate]:0
                RFFT2D      0.100      0.850      3.000    55.687%    55.687%      0.000             10   [Builtin]:14
     Delegate/Add (ND)      0.000      0.009      0.250     0.094%     0.094%      0.000             10   [Delegate]:0

===== Top by Computation Time =====
                RFFT2D      0.100      0.850      3.000    55.687%    55.687%      0.000             10   [Builtin]:14
"""
    assert profiler.parse(text, runs=10) == [("RFFT2D", 3.0, 1.0), ("Delegate/Add (ND)", 1.25, 3.0)]
    with pytest.raises(SerKerasError, match="says nothing"):
        profiler.parse("", 10)


def test_needs_no_training_packages():
    code = (
        "import sys; from ser_keras.runtime import benchmark, profiler; "
        "print([m for m in ('tensorflow', 'keras', 'yaml', 'pydantic') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
