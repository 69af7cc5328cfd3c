"""The optimiser, losses and metrics that a classifier is trained with."""

from __future__ import annotations

import keras
import tensorflow as tf

from ser_keras.experiment.assembly import PRIMARY, has_own_loss
from ser_keras.experiment.settings import Training


def compiled(classifier: keras.Model, training: Training, n_classes: int) -> keras.Model:
    """A classifier with its optimiser, losses and metrics, as `training` says.

    A model with a loss of its own (`compute_loss`) keeps it; of several outputs with `loss_weights`, each is judged by
    cross-entropy.
    """
    options = {"loss": SmoothedCrossEntropy(n_classes, training.label_smoothing), "metrics": [accuracy]}
    if has_own_loss(classifier):
        options = {"weighted_metrics": [accuracy]}  # it gives windows without labels no weight
    elif len(classifier.outputs) > 1:
        names, sizes = classifier.output_names, [output.shape[-1] for output in classifier.outputs]
        losses = [SmoothedCrossEntropy(n, training.label_smoothing) for n in sizes]
        options = {"loss": dict(zip(names, losses, strict=True)), "metrics": {PRIMARY: [accuracy]}}
        options["loss_weights"] = classifier.loss_weights
    classifier.compile(make_optimizer(training), jit_compile=training.xla, **options)
    classifier.optimizer.build(classifier.trainable_variables)
    return classifier


def make_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """The optimiser that the settings name."""
    options = {"learning_rate": training.learning_rate}
    if training.optimizer == "sgd":
        options["momentum"] = training.momentum
    if training.weight_decay or training.optimizer == "adamw":
        options["weight_decay"] = training.weight_decay
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "sgd": keras.optimizers.SGD}
    return kinds[training.optimizer](**options)


def accuracy(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Share of the examples whose class is the most probable one; mixed labels count as their greater part."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
        y_true = keras.ops.argmax(y_true, axis=-1)
    return keras.ops.cast(
        keras.ops.equal(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), keras.ops.argmax(y_pred, axis=-1)),
        "float32",
    )


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels or of mixed ones [B, n_classes], smoothed by `smoothing`; -1 counts nothing.

    Keras has smoothing for one-hot labels alone.
    """

    def __init__(self, n_classes: int, smoothing: float = 0.0) -> None:
        super().__init__(name="cross_entropy")
        self.n_classes, self.smoothing = n_classes, smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        if len(y_true.shape) == 2 and y_true.shape[-1] == self.n_classes:
            return keras.losses.categorical_crossentropy(y_true, y_pred, label_smoothing=self.smoothing)
        target = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), self.n_classes)
        losses = keras.losses.categorical_crossentropy(target, y_pred, label_smoothing=self.smoothing)
        return losses * keras.ops.sum(target, axis=-1)
