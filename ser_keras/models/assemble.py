"""Front end and classifier as one model, and apart again."""

import keras

from ser_keras.errors import SerKerasError

FRONT_END = "frontend"
CLASSIFIER = "classifier"


def end_to_end(frontend, classifier, window_samples):
    """One model from waveform to probabilities.

    Its two layers are called `frontend` and `classifier`, whatever they were called before, so that the names of a
    converted file's operations tell them apart: quantising a front end destroys it.

    Args:
        frontend: `FrontEnd`.
        classifier: `keras.Model` from the front end's features to probabilities; its weights are shared, not copied.
        window_samples: samples in a window.

    Returns:
        `keras.Model`: [B, window_samples] float32 to [B, n_classes].

    Raises:
        SerKerasError: the window is too short, or the classifier was built for other features.
    """
    shape = frontend.compute_output_shape((None, window_samples))
    if tuple(shape) != tuple(classifier.input_shape):
        raise SerKerasError(
            f"the classifier takes features of shape {classifier.input_shape[1:]}, but the front end gives {shape[1:]} "
            f"for a window of {window_samples} samples; build it for these"
        )
    # A front end is a function of its settings alone: a copy of the right name is the same front end.
    frontend = type(frontend).from_config({**frontend.get_config(), "name": FRONT_END})
    classifier.name = CLASSIFIER
    waveform = keras.Input((window_samples,), name="waveform")
    return keras.Model(waveform, classifier(frontend(waveform)), name="end_to_end")


def split(model):
    """The front end and the classifier of an end-to-end model.

    Args:
        model: what `end_to_end` gave, or the same loaded from its `.keras` file.

    Returns:
        (`FrontEnd`, `keras.Model`); they share their weights with `model`.

    Raises:
        SerKerasError: the model wasn't made by `end_to_end`.
    """
    layers = {layer.name: layer for layer in model.layers}
    if FRONT_END not in layers or CLASSIFIER not in layers:
        raise SerKerasError(
            f"the model has no layers '{FRONT_END}' and '{CLASSIFIER}' (it has {', '.join(layers)}): it isn't an "
            "end-to-end model of this library"
        )
    return layers[FRONT_END], layers[CLASSIFIER]
