"""The net of Neumann (2016): one convolution over all bands, the maximum over time, up to three tasks."""

import keras

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.dimensions import LEVELS
from ser_keras.models.layers.frame_standardization import FrameStandardization


def neumann2016_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    n_kernels: int = 200,
    width: int = 10,
    dropout: float = 0.5,
    multitask: bool = False,
    alpha: float = 0.2,
    beta: float = 0.2,
) -> keras.Model:
    """One convolution over all bands, ReLU, maximum over time, dropout, softmax; with `multitask` two heads more.

    Each band is standardised first, and padding set to the mean (`FrameStandardization`). The loss of the multi-task
    net is (1 - alpha - beta) J_emotion + alpha J_activation + beta J_valence.

    Reference: M. Neumann, Convolutional Neural Network based Speech Emotion Recognition, talk, University of
    Stuttgart, 2016, "CNN Model".

    Args:
        input_shape: (frames, bands, 1), as `log_mel`, `mfcc` and `egemaps_lld` give them.
        n_classes: number of classes.
        n_kernels: number of kernels; each covers all bands.
        width: frames that a kernel covers.
        dropout: share of the pooled activations dropped.
        multitask: whether the net also classifies activation and valence, as low, middle or high
            (`ser_keras.corpora.dimensions`).
        alpha, beta: weight of the losses of activation and valence; they count with `multitask` alone.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32; with `multitask` a list of these and of the probabilities of the levels
        of activation and valence, [B, 3] each. The attribute `loss_weights` then maps the outputs' names
        (`probabilities`, `activation`, `valence`) to their weights.

    Raises:
        SerKerasError: fewer frames than a kernel covers, or weights that leave the classes none.
    """
    n_frames, n_bands = input_shape[:2]
    if n_frames < max(width, 2):
        raise SerKerasError(
            f"neumann2016_cnn: a window of {n_frames} frames is shorter than the kernels of {width}; make window_s "
            "longer or model.width smaller"
        )
    if multitask and not (alpha >= 0 and beta >= 0 and alpha + beta < 1):
        raise SerKerasError(
            f"neumann2016_cnn: alpha {alpha:g} and beta {beta:g} must be at least 0 and their sum below 1, since the "
            "rest is the weight of the classes"
        )
    inputs = keras.Input(input_shape, name="features")
    x = FrameStandardization(name="standardise")(inputs)
    # Bands as channels: the kernels of full height of the paper, several times faster than on an image.
    x = keras.layers.Reshape((n_frames, n_bands), name="bands_to_channels")(x)
    x = keras.layers.Conv1D(n_kernels, width, name="conv")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.GlobalMaxPooling1D(name="pool")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    tasks = {"probabilities": n_classes}
    if multitask:
        tasks |= {"activation": len(LEVELS), "valence": len(LEVELS)}
    outputs = [_probabilities(x, n, task) for task, n in tasks.items()]
    model = keras.Model(inputs, outputs if multitask else outputs[0], name="classifier")
    if multitask:
        model.loss_weights = {"probabilities": 1 - alpha - beta, "activation": alpha, "valence": beta}
    return model


def _probabilities(x: keras.KerasTensor, n: int, task: str) -> keras.KerasTensor:
    """Affine layer and softmax: [B, D] to [B, n], float32."""
    x = keras.layers.Dense(n, name="logits" if task == "probabilities" else f"{task}_logits")(x)
    return keras.layers.Softmax(dtype="float32", name=task)(x)
