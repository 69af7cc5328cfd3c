"""Saved `.keras` files go on loading: Keras finds layers by their registered names, wherever their modules are."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

import ser_keras.models  # noqa: F401 - registers the layers
from ser_keras.features.frontends import Statistics
from ser_keras.models.classifier import load_keras
from ser_keras.models.end_to_end import split

SHIPPED = sorted(Path(ser_keras.__file__).parent.glob("pretrained/*/model.keras"))
# Names in files that users have: a layer that is renamed keeps its registered name.
REGISTERED = {
    "AttentionWeights",
    "AttentiveStatistics",
    "Disentangling",
    "FrameStandardization",
    "KnownMean",
    "LocalResponseNormalization",
    "LogMel",
    "LogSpectrogram",
    "MFCC",
    "MeanAndVariance",
    "NormalisedSigmoid",
    "Pca",
    "PerChunk",
    "ReplaceAnomalies",
    "SemiCnn",
    "SparseKernels",
    "SpectrogramImage",
    "SpectrogramPair",
    "Standardization",
    "Statistics",
    "UnrollingLSTM",
    "WeightedStatistics",
    "WindowedFrontEnd",
}


def test_layers_keep_their_registered_names():
    names = {name.removeprefix("ser_keras>") for name in keras.saving.get_custom_objects()}
    assert names >= REGISTERED


@pytest.mark.smoke
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_models_load_and_give_their_reference(path):
    model = load_keras(path)
    front_end, classifier = split(model)
    assert isinstance(front_end, Statistics) and classifier.name == "classifier"
    wave, _ = soundfile.read(path.parent / "reference.wav", dtype="float32")
    reference = json.loads((path.parent / "reference.json").read_text(encoding="utf-8"))
    expected = list(reference["probabilities"]["model_float32.tflite"].values())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(wave[None]))[0], expected, atol=1e-4)


def test_module_paths_in_a_file_do_not_matter(tmp_path):
    inputs = keras.Input((8, 3))
    model = keras.Model(inputs, ser_keras.models.layers.attentive_statistics.AttentiveStatistics(4)(inputs))
    model.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            if name == "config.json":
                assert b"ser_keras.models.layers.attentive_statistics" in data
                data = data.replace(b"ser_keras.models.layers.attentive_statistics", b"ser_keras.models.log_mel_cnn")
            old.writestr(name, data)
    x = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    again = keras.models.load_model(tmp_path / "old.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(x)), keras.ops.convert_to_numpy(model(x)))
