"""What every trained classifier is: one base class, and the kind that is a Keras model."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import Damaged
from ser_keras.common.files import replacing
from ser_keras.models import keras_file
from ser_keras.models.corpus_heads import heard_as
from ser_keras.models.end_to_end import split
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.model_kind import Takes

WithFrontEnd = Callable[[keras.Model], keras.Model]


class Classifier:
    """A trained classifier of features: what prediction, evaluation, export and reproduction work with.

    The contract:

    - `probabilities` maps features to [n, n_classes] float32; rows sum to 1.
    - `takes` "window": features [n, ...], a row each. `takes` "sequence": features [n, T, ...] of n utterances with
      `present` [n, T] bool; false marks the padding behind an utterance's last window.
    - `save_to` writes it into a folder, under file names that its kind alone uses; `is_in` and `load_from` read it.
    - `why_not_exportable` says why it cannot become a part of an exported graph, as the end of a sentence that begins
      with its name; None: it can.

    There are three kinds: `KerasClassifier`, `baselines.Baseline` and `fitted_head.FittedHead`. Training itself works
    with the bare `keras.Model`.
    """

    why_not_exportable: ClassVar[str | None] = None
    n_classes: int

    @property
    def takes(self) -> Takes:
        return "window"

    @property
    def has_corpus_heads(self) -> bool:
        """Whether speech of some corpora is judged by heads of their own; see `for_corpus`."""
        return False

    def for_corpus(self, corpus: str | None) -> Classifier:
        """The classifier of one corpus's speech: its own head where there is one, otherwise the classifier itself."""
        return self

    def probabilities(
        self, features: NDArray[np.float32], present: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """Probabilities [n, n_classes] of features; see the class."""
        raise NotImplementedError

    def save_to(self, folder: Path, with_front_end: WithFrontEnd | None = None) -> None:
        """Write the classifier into a folder, whole or not at all.

        Args:
            folder: the folder.
            with_front_end: makes one model of waveforms out of a Keras model of features; None: features are computed
                outside the graph. Only a `KerasClassifier` uses it.
        """
        raise NotImplementedError

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether a folder holds a classifier of this kind."""
        raise NotImplementedError

    @classmethod
    def load_from(cls, folder: Path) -> Classifier:
        """The classifier that `save_to` wrote.

        Raises:
            SerKerasError: a file is missing or damaged.
        """
        raise NotImplementedError


class KerasClassifier(Classifier):
    """A Keras model of features.

    Args:
        model: features -> probabilities. Of several outputs the first is judged; the others are heads of corpora.

    Attributes:
        model: the same.
    """

    WITH_FRONT_END, ALONE = "model.keras", "classifier.keras"

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.n_classes = model.outputs[0].shape[-1]

    @property
    def takes(self) -> Takes:
        return "sequence" if takes_sequences(self.model) else "window"

    @property
    def has_corpus_heads(self) -> bool:
        return len(self.model.outputs) > 1

    def for_corpus(self, corpus: str | None) -> KerasClassifier:
        return KerasClassifier(heard_as(self.model, corpus))

    def probabilities(
        self, features: NDArray[np.float32], present: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        return self._compiled(features) if present is None else self._compiled(features, present)

    @functools.cached_property
    def _compiled(self) -> Callable[..., NDArray[np.float32]]:
        """The model as one graph for batches of any size."""
        import tensorflow as tf  # building and training models goes without it

        model = heard_as(self.model, None)
        sequence = self.takes == "sequence"
        signature = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs]
        # A concrete function: a tf.function for every model would count as retracing.
        infer = tf.function(
            lambda *x: model(list(x) if sequence else x[0], training=False),
            input_signature=signature,
            autograph=False,
        ).get_concrete_function()
        return lambda *arrays: infer(*map(tf.constant, arrays)).numpy().astype(np.float32)

    def save_to(self, folder: Path, with_front_end: WithFrontEnd | None = None) -> None:
        if with_front_end is None:
            save_keras(self.model, folder / self.ALONE)
        else:
            save_keras(with_front_end(self.model), folder / self.WITH_FRONT_END)

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        return (folder / cls.ALONE).is_file() or (folder / cls.WITH_FRONT_END).is_file()

    @classmethod
    def load_from(cls, folder: Path) -> KerasClassifier:
        if (folder / cls.ALONE).is_file():
            return cls(load_keras(folder / cls.ALONE))
        return cls(split(load_keras(folder / cls.WITH_FRONT_END))[1])


def save_keras(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file, whole or not at all."""
    with replacing(path) as temporary:
        model.save(temporary)


def load_keras(path: Path) -> keras.Model:
    """Read a `.keras` file; its model is not compiled. What the file may name is checked first (`keras_file`).

    Raises:
        SerKerasError: missing or damaged, or it names what may not be imported.
    """
    keras_file.check(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zip, JSON, HDF5 and layers each fail in their own way
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Damaged(f"{path} cannot be loaded: {textwrap.shorten(reason, 300)}") from error
