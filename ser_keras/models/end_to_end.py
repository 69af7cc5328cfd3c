"""Front end and classifier as one model, and apart again."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends.base import frames
from ser_keras.models.layers.sequence import takes_sequences

FRONT_END = "frontend"
CLASSIFIER = "classifier"


@keras.saving.register_keras_serializable("ser_keras")
class WindowedFrontEnd(keras.layers.Layer):
    """A front end on every window of a waveform, for sequence classifiers.

    Args:
        frontend: `FrontEnd`.
        window_samples: samples in a window.
        hop_samples: samples from one window to the next.
        chunks: number of windows.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, window_samples + (chunks - 1) * hop_samples] float32 waveform.

    Output:
        Features [B, chunks, ...], and [B, chunks] bool, all true: which windows are present.
    """

    def __init__(self, frontend, window_samples, hop_samples, chunks, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.frontend = frontend
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        self.chunks = chunks

    @property
    def samples(self):
        """Samples of the waveform."""
        return self.window_samples + (self.chunks - 1) * self.hop_samples

    def call(self, wave):
        batch = ops.shape(wave)[0]
        windows = frames(wave, self.window_samples, self.hop_samples, self.chunks)
        features = self.frontend(ops.reshape(windows, (-1, self.window_samples)))
        features = ops.reshape(features, (batch, self.chunks, *features.shape[1:]))
        return features, ops.ones((batch, self.chunks), dtype="bool")

    def compute_output_spec(self, wave):
        shape = self.frontend.compute_output_shape((None, self.window_samples))[1:]
        features = keras.KerasTensor((wave.shape[0], self.chunks, *shape), dtype=self.frontend.compute_dtype)
        return features, keras.KerasTensor((wave.shape[0], self.chunks), dtype="bool")

    def get_config(self):
        return {
            **super().get_config(),
            "frontend": keras.saving.serialize_keras_object(self.frontend),
            "window_samples": self.window_samples,
            "hop_samples": self.hop_samples,
            "chunks": self.chunks,
        }

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("frontend")), **config)


def end_to_end(frontend, classifier, window_samples, chunks=None, hop_samples=None):
    """One model from waveform to probabilities.

    Its two layers are called `frontend` and `classifier`, whatever they were called before, so that the names of a
    converted file's operations tell them apart: quantising a front end destroys it.

    Args:
        frontend: `FrontEnd`.
        classifier: `keras.Model` from the front end's features to probabilities; its weights are shared, not copied.
        window_samples: samples in a window.
        chunks: for a sequence classifier alone: the number of windows that it hears at once.
        hop_samples: for a sequence classifier alone: samples from one window to the next.

    Returns:
        `keras.Model`: [B, N] float32 to [B, n_classes]; N is `window_samples`, for a sequence classifier
        `window_samples + (chunks - 1) * hop_samples`.

    Raises:
        SerKerasError: the window is too short, the classifier was built for other features, or `chunks` and
            `hop_samples` are missing or not for it.
    """
    sequences = takes_sequences(classifier)
    given = tuple(classifier.inputs[0].shape[1:])[1 if sequences else 0 :]
    shape = tuple(frontend.compute_output_shape((None, window_samples)))[1:]
    if shape != given:
        raise SerKerasError(
            f"the classifier takes features of shape {given}, but the front end gives {shape} "
            f"for a window of {window_samples} samples; build it for these"
        )
    # A front end is a function of its settings alone: a copy of the right name is the same front end.
    frontend = type(frontend).from_config({**frontend.get_config(), "name": FRONT_END})
    n_samples = window_samples
    if sequences:
        if not (chunks and hop_samples and chunks > 0 and hop_samples > 0):
            raise SerKerasError(
                f"{classifier.name} sees a sequence of windows: chunks ({chunks}) and hop_samples ({hop_samples}) must "
                "be at least 1"
            )
        frontend = WindowedFrontEnd(frontend, window_samples, hop_samples, chunks, name=FRONT_END)
        n_samples = frontend.samples
    elif chunks is not None or hop_samples is not None:
        raise SerKerasError(f"{classifier.name} sees one window at a time: leave out chunks and hop_samples")
    classifier.name = CLASSIFIER
    waveform = keras.Input((n_samples,), name="waveform")
    outputs = classifier(frontend(waveform))
    # Outputs beside the first serve training and evaluation; they stay reachable in the classifier.
    return keras.Model(waveform, outputs[0] if isinstance(outputs, list) else outputs, name="end_to_end")


def split(model):
    """The front end and the classifier of an end-to-end model.

    Args:
        model: what `end_to_end` gave, or the same loaded from its `.keras` file.

    Returns:
        (`FrontEnd`, `keras.Model`); they share their weights with `model`. The front end takes one window, whether
        the classifier takes one or a sequence of them.

    Raises:
        SerKerasError: the model wasn't made by `end_to_end`.
    """
    layers = {layer.name: layer for layer in model.layers}
    if FRONT_END not in layers or CLASSIFIER not in layers:
        raise SerKerasError(
            f"the model has no layers '{FRONT_END}' and '{CLASSIFIER}' (it has {', '.join(layers)}): it isn't an "
            "end-to-end model of this library"
        )
    frontend = layers[FRONT_END]
    return getattr(frontend, "frontend", frontend), layers[CLASSIFIER]
