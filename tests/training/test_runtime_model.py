"""A run's Keras model, run as the demos run a bundle."""

import numpy as np

from ser_keras.models.classifier import load_keras
from ser_keras.training.runtime_model import keras_model
from tests.trained_runs import quick


def test_it_gives_what_keras_gives_with_the_recipe_s_gate_and_hop(trained):
    run = trained.run(quick("export.smoothing_s=0.7", "export.speech_gate_dbfs=-50"))
    model = keras_model(run.final, run.experiment, "final")
    assert model.classes == ("anger", "neutral", "sadness")
    assert (model.settings.smoothing_s, model.settings.speech_gate_dbfs) == (0.7, -50.0)
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(model.window_samples + model.settings.hop_samples)).astype(np.float32)
    moments = list(model.hear([sound[:5000], sound[5000:]]))
    windows = np.stack([sound[: model.window_samples], sound[-model.window_samples :]])
    expected = load_keras(run.final / "model.keras").predict(windows, verbose=0)
    np.testing.assert_allclose([list(m.probabilities.values()) for m in moments], expected, atol=1e-5)
