"""Front end and classifier as one model, and apart again."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends.base import FrontEnd, frames
from ser_keras.models.layers.sequence import takes_sequences

FRONT_END = "frontend"
CLASSIFIER = "classifier"


@keras.saving.register_keras_serializable("ser_keras")
class WindowedFrontEnd(keras.layers.Layer):
    """A front end on every window of a waveform, for sequence classifiers.

    Args:
        frontend: front end.
        window_samples: samples in a window.
        hop_samples: samples from one window to the next.
        chunks: number of windows.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, window_samples + (chunks - 1) * hop_samples] float32 waveform.

    Output:
        Features [B, chunks, ...], and [B, chunks] bool, all true: which windows are present.
    """

    def __init__(
        self, frontend: FrontEnd, window_samples: int, hop_samples: int, *, chunks: int, **kwargs: object
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.frontend = frontend
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        self.chunks = chunks

    @property
    def samples(self) -> int:
        """Samples of the waveform."""
        return self.window_samples + (self.chunks - 1) * self.hop_samples

    def call(self, wave: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        batch = ops.shape(wave)[0]
        windows = frames(wave, self.window_samples, self.hop_samples, count=self.chunks)
        features = self.frontend(ops.reshape(windows, (-1, self.window_samples)))
        features = ops.reshape(features, (batch, self.chunks, *features.shape[1:]))
        return features, ops.ones((batch, self.chunks), dtype="bool")

    def compute_output_spec(self, wave: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        shape = self.frontend.compute_output_shape((None, self.window_samples))[1:]
        features = keras.KerasTensor((wave.shape[0], self.chunks, *shape), dtype=self.frontend.compute_dtype)
        return features, keras.KerasTensor((wave.shape[0], self.chunks), dtype="bool")

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "frontend": keras.saving.serialize_keras_object(self.frontend),
            "window_samples": self.window_samples,
            "hop_samples": self.hop_samples,
            "chunks": self.chunks,
        }

    @classmethod
    def from_config(cls, config: dict[str, object]) -> "WindowedFrontEnd":
        return super().from_config({**config, "frontend": keras.saving.deserialize_keras_object(config["frontend"])})


def end_to_end(
    frontend: FrontEnd,
    classifier: keras.Model,
    window_samples: int,
    *,
    chunks: int | None = None,
    hop_samples: int | None = None,
) -> keras.Model:
    """One model from waveform to probabilities.

    Its two layers are called `frontend` and `classifier`, whatever they were called before, so that the names of a
    converted file's operations tell them apart: quantising a front end destroys it.

    Args:
        frontend: front end.
        classifier: model from the front end's features to probabilities; its weights are shared, not copied.
        window_samples: samples in a window.
        chunks: only for a sequence classifier: the number of windows in a sequence.
        hop_samples: only for a sequence classifier: samples from one window to the next.

    Returns:
        A model: [B, N] float32 to [B, n_classes]; N is `window_samples`, for a sequence classifier
        `window_samples + (chunks - 1) * hop_samples`.

    Raises:
        SerKerasError: the window is too short, the classifier was built for other features, or `chunks` and
            `hop_samples` are missing or not for it.
    """
    sequences = takes_sequences(classifier)
    expected = tuple(classifier.inputs[0].shape[1:])[1 if sequences else 0 :]
    shape = tuple(frontend.compute_output_shape((None, window_samples)))[1:]
    if shape != expected:
        raise SerKerasError(
            f"the classifier takes features of shape {expected}, but the front end gives {shape} "
            f"for a window of {window_samples} samples; build it for these"
        )
    # A front end is a function of its settings alone: a copy of the right name is the same front end.
    layer = type(frontend).from_config({**frontend.get_config(), "name": FRONT_END})
    n_samples = window_samples
    if sequences:
        if not (chunks and hop_samples and chunks > 0 and hop_samples > 0):
            raise SerKerasError(
                f"{classifier.name} sees a sequence of windows: chunks ({chunks}) and hop_samples ({hop_samples}) must "
                "be at least 1"
            )
        layer = WindowedFrontEnd(layer, window_samples, hop_samples, chunks=chunks, name=FRONT_END)
        n_samples = layer.samples
    elif chunks is not None or hop_samples is not None:
        raise SerKerasError(f"{classifier.name} sees one window at a time: leave out chunks and hop_samples")
    classifier.name = CLASSIFIER
    waveform = keras.Input((n_samples,), name="waveform")
    outputs = classifier(layer(waveform))
    # Outputs beside the first serve training and evaluation; they stay reachable in the classifier.
    return keras.Model(waveform, outputs[0] if isinstance(outputs, list) else outputs, name="end_to_end")


def split(model: keras.Model) -> tuple[FrontEnd, keras.Model]:
    """The front end and the classifier of an end-to-end model.

    Args:
        model: made by `end_to_end`, or loaded from such a model's `.keras` file.

    Returns:
        Front end and classifier; they share their weights with `model`. The front end takes one window, whether
        the classifier takes one or a sequence of them.

    Raises:
        SerKerasError: the model was not made by `end_to_end`.
    """
    layers = {layer.name: layer for layer in model.layers}
    if FRONT_END not in layers or CLASSIFIER not in layers:
        raise SerKerasError(
            f"the model has no layers '{FRONT_END}' and '{CLASSIFIER}' (it has {', '.join(layers)}): it isn't an "
            "end-to-end model of this library"
        )
    frontend = layers[FRONT_END]
    if isinstance(frontend, WindowedFrontEnd):
        frontend = frontend.frontend
    return frontend, layers[CLASSIFIER]
