"""docs/mobile-developer.md, its C++ and JavaScript as they stand, and MediaPipe, against the shipped bundle."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED

ROOT = Path(__file__).parents[2]
BUNDLE = PRETRAINED / DEFAULT_MODEL


def block(language):
    text = (ROOT / "docs" / "mobile-developer.md").read_text(encoding="utf-8")
    [code] = [part.partition("```")[0] for part in text.split(f"```{language}\n")[1:]]
    return code


def reference(bundle=BUNDLE):
    content = json.loads((bundle / "reference.json").read_text())
    return {file: list(rows.values()) for file, rows in content["probabilities"].items()}, content["tolerance"]


def test_cpp_gives_the_reference_probabilities(tmp_path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    library = Path(importlib.util.find_spec("ai_edge_litert").origin).parent / "libLiteRt.so"
    if compiler is None or not library.is_file():
        pytest.skip("needs a C++ compiler and the libLiteRt.so of ai-edge-litert 2.3")
    (tmp_path / "emotions.cpp").write_text(block("cpp"))
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "emotions.cpp", str(library)]
    command += [f"-Wl,-rpath,{library.parent}", "-o", "emotions"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    expected, tolerance = reference()
    for file, probabilities in expected.items():
        done = subprocess.run(
            [tmp_path / "emotions", BUNDLE / file, BUNDLE / "reference.wav"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert [float(x) for x in done.stdout.split()] == pytest.approx(probabilities, abs=tolerance)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    done = subprocess.run([tmp_path / "emotions", broken, BUNDLE / "reference.wav"], capture_output=True, text=True)
    assert done.returncode == 1 and "status" in done.stderr


# What LiteRT.js expects of a browser, for Node: script tags, fetch of files.
NODE = """
import fs from "node:fs";
import path from "node:path";
import vm from "node:vm";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
const [bundle, wasm] = process.argv.slice(2);
const local = (url) => (String(url).startsWith("file:") ? fileURLToPath(url) : url);
globalThis.self = globalThis;
globalThis.require = createRequire(import.meta.url);
globalThis.__dirname = wasm;
globalThis.importScripts = (url) => vm.runInThisContext(fs.readFileSync(local(url), "utf8"), { filename: local(url) });
globalThis.fetch = async (url) => {
  const bytes = fs.readFileSync(local(url));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return { json: async () => JSON.parse(bytes), arrayBuffer: async () => buffer };
};
const { load } = await import("./emotions.mjs");
const probabilities = await load(bundle, pathToFileURL(wasm).href + "/");
const wav = fs.readFileSync(path.join(bundle, "reference.wav"));
const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.length));
console.log("RESULT " + JSON.stringify(await probabilities(Float32Array.from(samples, (x) => x / 32768))));
process.exit(0);
"""


def test_javascript_gives_the_reference_probabilities(tmp_path):
    folders = [os.environ.get("SER_KERAS_NODE_MODULES"), ROOT / "web_demo" / "node_modules"]
    found = next((Path(f) for f in folders if f and (Path(f) / "@litertjs" / "core").is_dir()), None)
    if found is None or shutil.which("node") is None:
        pytest.skip("needs node, and @litertjs/core in web_demo/node_modules (cd web_demo && npm ci)")
    (tmp_path / "node_modules").symlink_to(found.resolve())
    (tmp_path / "emotions.mjs").write_text(block("javascript"))
    (tmp_path / "run.mjs").write_text(NODE)
    wasm = found.resolve() / "@litertjs" / "core" / "wasm"
    done = subprocess.run(
        ["node", "run.mjs", str(BUNDLE), str(wasm)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")] or [done.stderr[-500:]]
    found = json.loads(line.removeprefix("RESULT "))
    info = json.loads((BUNDLE / "bundle.json").read_text())
    expected, tolerance = reference()
    assert list(found) == info["classes"]
    assert list(found.values()) == pytest.approx(expected[info["default"]], abs=tolerance)


def test_the_page_names_every_key_and_file_of_the_bundle():
    text = (ROOT / "docs" / "mobile-developer.md").read_text(encoding="utf-8")
    info = json.loads((BUNDLE / "bundle.json").read_text())
    vectors = json.loads((BUNDLE / "vectors.json").read_text())
    names = [*info, *info["files"], *info["latency"]["model.tflite"], *vectors, *vectors["stream"]["cases"][0]]
    names += [*vectors["stream"]["cases"][0]["windows"][0], *vectors["gate"]["cases"][0], *vectors["windows"][0]]
    missing = {n for n in names if f"`{n}`" not in text} - {"about", "threads", "machine"}
    assert not missing


MEDIAPIPE = """
import json, sys
import numpy as np
from mediapipe.tasks import python
from mediapipe.tasks.python import audio
from mediapipe.tasks.python.components import containers
wave = np.load(sys.argv[1])
found = {}
for path in sys.argv[2:]:
    options = audio.AudioClassifierOptions(base_options=python.BaseOptions(model_asset_path=path))
    with audio.AudioClassifier.create_from_options(options) as classifier:
        [result] = classifier.classify(containers.AudioData.create_from_array(wave, 16000))
        found[path] = {c.category_name: c.score for c in result.classifications[0].categories}
print("RESULT " + json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("bundle", sorted(p.parent for p in PRETRAINED.glob("*/bundle.json")), ids=lambda p: p.name)
def test_mediapipe_loads_every_file_with_its_labels(bundle, tmp_path):
    """MediaPipe wants a numpy of its own: `SER_KERAS_MEDIAPIPE` names the Python of an environment that has it."""
    python = os.environ.get("SER_KERAS_MEDIAPIPE") or sys.executable
    if subprocess.run([python, "-c", "import mediapipe"], capture_output=True).returncode:
        pytest.skip(
            "needs an environment with the package mediapipe, named by SER_KERAS_MEDIAPIPE (`make slow` has one)"
        )
    wave, _ = soundfile.read(bundle / "reference.wav", dtype="float32")
    np.save(tmp_path / "wave.npy", wave)
    expected, tolerance = reference(bundle)
    paths = [str(bundle / file) for file in expected]
    done = subprocess.run([python, "-c", MEDIAPIPE, str(tmp_path / "wave.npy"), *paths], capture_output=True, text=True)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")] or [done.stderr[-500:]]
    found = json.loads(line.removeprefix("RESULT "))
    classes = json.loads((bundle / "bundle.json").read_text())["classes"]
    for path in paths:
        assert set(found[path]) == set(classes)
        # full int8 is rounded by each runtime in its own way
        apart = 0.1 if "_int8" in path else max(tolerance, 2e-2 if "_dynamic" in path else 0)
        assert [found[path][c] for c in classes] == pytest.approx(expected[Path(path).name], abs=apart)
