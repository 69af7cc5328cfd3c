"""Front end and classifier as one model, and apart again."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import LogMel, SpectrogramPair
from ser_keras.models import MODELS
from ser_keras.models.end_to_end import end_to_end, split
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.papers.anand2015 import anand2015_cnn
from tests.models.made_features import PAIR, array
from tests.tflite_graph import operations


@pytest.mark.smoke
def test_end_to_end_is_front_end_then_classifier_and_splits_again(tmp_path):
    waves = np.random.default_rng(0).uniform(-1, 1, (3, 8800)).astype(np.float32)
    frontend = SpectrogramPair(name="anything")
    classifier = anand2015_cnn(PAIR, 3)
    classifier.name = "something"
    model = end_to_end(frontend, classifier, 8800)
    assert [layer.name for layer in model.layers] == ["waveform", "frontend", "classifier"]
    expected = array(classifier(frontend(waves)))
    np.testing.assert_allclose(array(model(waves)), expected, atol=1e-6)
    assert split(model)[1] is classifier
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again(waves)), expected, atol=1e-6)
    frontend, classifier = split(again)
    np.testing.assert_allclose(array(classifier(frontend(waves))), expected, atol=1e-6)


def test_end_to_end_refuses_a_classifier_of_other_features():
    with pytest.raises(
        SerKerasError, match=r"takes features of shape \(64, 64, 2\), but the front end gives \(53, 64, 1\)"
    ):
        end_to_end(LogMel(), anand2015_cnn(PAIR, 3), 8800)
    with pytest.raises(SerKerasError, match="'frontend' and 'classifier'"):
        split(anand2015_cnn(PAIR, 3))


@pytest.mark.smoke
@pytest.mark.parametrize(("frontend", "name"), [(SpectrogramPair, "anand2015_cnn"), (LogMel, "log_mel_cnn")])
def test_waveform_to_probabilities_in_litert(frontend, name):
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    keras.utils.set_random_seed(0)
    layer = frontend()
    waves = np.random.default_rng(0).normal(0, 0.1, (5, 8800)).astype(np.float32)
    classifier = MODELS[name](layer.compute_output_shape((None, 8800))[1:], 5)
    adapt_model(classifier, lambda: [array(layer(waves))])
    model = end_to_end(layer, classifier, 8800)
    content = to_tflite(model)
    interpreter = interpreter_module.Interpreter(model_content=content, num_threads=1)
    run = interpreter.get_signature_runner()
    result = np.concatenate([run(audio=wave[None])["probabilities"] for wave in waves])
    np.testing.assert_allclose(result, array(model(waves)), atol=1e-5)
    names = [name for _, name in operations(content)]
    # Quantisation leaves the front end alone by these names.
    assert all("frontend" in n or "classifier" in n for n in names if "PartitionedCall" not in n)
    assert any("frontend" in n for n in names) and any("classifier" in n for n in names)
