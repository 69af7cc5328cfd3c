"""Convolution kernels learnt without labels, by a sparse auto-encoder on patches of the training data."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.sparse_autoencoder import DECODERS, HALF_SPAN, Autoencoder, Decoder, train

RANGE = 3.0  # deviations to either side of a patch's mean that become HALF_SPAN


@keras.saving.register_keras_serializable("ser_keras")
class SparseKernels(keras.layers.Layer):
    """Convolution over time with full-width kernels, the encoder of a sparse auto-encoder, and a sigmoid.

    `adapt` trains the auto-encoder on random patches of `height` frames; afterwards the kernels are frozen. Patches are
    standardised for it, each column by its mean and deviation. Kernel and bias include this standardisation, so that
    the layer takes unscaled features. Unadapted, its kernels are random.

    References: X. He, L. Ren, Y. He, Speech Emotion Recognition using CNNs and RNNs with Attention Model, 2019,
    section 3.1; Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, section 2.1; the
    contractive penalty: S. Rifai et al., Contractive Auto-Encoders, ICML 2011.

    Args:
        n_kernels: hidden units of the auto-encoder.
        height: frames that a kernel spans.
        stride: frames from one position of the kernels to the next.
        decoder: `sigmoid` (columns in [.1, .9], values beyond are cut) or `linear` (for values outside of [0, 1]).
        sparsity: the mean activation that each unit is pulled to (rho).
        sparsity_weight: weight of the divergence from it (mu); 0: no sparsity.
        contractive: weight of the squared Jacobian of the encoder. The decoder's weights are then the encoder's
            transposed: a small encoder with a large decoder would escape the penalty.
        share: share of the windows, drawn at random, from which patches are taken.
        n_patches: patches to train on, drawn at random; all patches of the share where there are fewer.
        epochs: how often each patch is seen.
        learning_rate: of Adam at the first step; it falls linearly to 0.
        seed: of windows, patches, first weights and order. Layers with the same seed take the same windows.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, D], or [B, T, D, 1].

    Output:
        [B, (T - height) // stride + 1, n_kernels], in (0, 1).

    Raises:
        SerKerasError: an unknown decoder, or kernels that do not fit the input; from `adapt`: no data, or values that
            are not finite.
    """

    def __init__(
        self,
        n_kernels: int,
        height: int,
        *,
        stride: int = 1,
        decoder: Decoder = "sigmoid",
        sparsity: float = 0.05,
        sparsity_weight: float = 3.0,
        contractive: float = 0.0,
        share: float = 1 / 3,
        n_patches: int = 100_000,
        epochs: int = 10,
        learning_rate: float = 0.01,
        seed: int = 0,
        **kwargs: object,
    ) -> None:
        # As in `Standardization`: only the result is cast to half precision.
        super().__init__(autocast=False, **kwargs)
        if decoder not in DECODERS:
            raise SerKerasError(f"{self.name}: decoder is '{decoder}'; nearest: {nearest(decoder, DECODERS)}")
        if not (0 < sparsity < 1 and 0 < share <= 1 and n_patches > 0):
            raise SerKerasError(
                f"{self.name}: sparsity {sparsity} must be between 0 and 1, share {share} above 0 and at most 1, "
                f"n_patches {n_patches} above 0"
            )
        self.n_kernels, self.height, self.stride = n_kernels, height, stride
        self.decoder, self.sparsity, self.sparsity_weight = decoder, sparsity, sparsity_weight
        self.contractive, self.share, self.n_patches = contractive, share, n_patches
        self.epochs, self.learning_rate, self.seed = epochs, learning_rate, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.compute_output_shape(input_shape)
        width = input_shape[2]
        assert width is not None  # Keras builds no kernel for features of unknown size
        limit = float(np.sqrt(6 / (self.height * width + self.n_kernels + 1)))
        initializer = keras.initializers.RandomUniform(-limit, limit, seed=self.seed)
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        shape = (self.height, width, self.n_kernels)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel", **options)
        self.bias = self.add_weight(shape=(self.n_kernels,), initializer="zeros", name="bias", **options)

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> Autoencoder:
        """Train the auto-encoder and take its encoder as kernels.

        Args:
            batches: iterable of arrays [b, T, D] or [b, T, D, 1]; b may differ. Read once; the patches alone are kept.

        Returns:
            The auto-encoder of the standardised patches.

        Raises:
            SerKerasError: no data, or values that aren't finite.
        """
        patches = self.sample_patches(batches)
        if not np.all(np.isfinite(patches)):
            raise SerKerasError(f"{self.name}: the training data holds values that aren't finite")
        mean, scale = _standardise(patches, self.height)
        result = train(
            patches,
            self.n_kernels,
            decoder=self.decoder,
            sparsity=self.sparsity,
            sparsity_weight=self.sparsity_weight,
            contractive=self.contractive,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=self.seed,
        )
        # What the encoder does to (x - mean) * scale, the kernels do to x.
        kernel = result.encoder.astype(np.float64) * scale[:, np.newaxis]
        self.kernel.assign(kernel.reshape(self.kernel.shape).astype(np.float32))
        self.bias.assign((result.hidden_bias - mean @ kernel).astype(np.float32))
        return result

    def sample_patches(self, batches: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Random patches of random windows, [n, height * D] float32."""
        of_windows, of_patches = (np.random.default_rng([self.seed, i]) for i in range(2))
        sample, n_seen = None, 0
        for batch in batches:
            batch = np.asarray(batch, np.float32)
            if not batch.size:
                continue
            if not self.built:
                self.build(batch.shape)
            in_share = of_windows.random(len(batch)) < self.share
            if sample is None:
                sample = np.empty((self.n_patches, self.height * batch.shape[2]), np.float32)
                in_share[0] = True  # of very few windows the share may be none
            windows = batch.reshape(*batch.shape[:3])[in_share]
            n_positions = windows.shape[1] - self.height + 1
            numbers = n_seen + np.arange(len(windows) * n_positions)
            n_seen += len(numbers)
            # Vitter 1985, algorithm R: patch i takes a random place of 0..i, if there is such a place.
            places = (of_patches.random(len(numbers)) * (numbers + 1)).astype(int)
            places = np.where(numbers < self.n_patches, numbers, places)
            accepted = np.flatnonzero(places < self.n_patches)
            window, position = np.divmod(accepted, n_positions)
            frames = position[:, np.newaxis] + np.arange(self.height)
            # Where two take the same place, the last assigned stays.
            patches = windows[window[:, np.newaxis], frames]
            sample[places[accepted]] = patches.reshape(len(accepted), sample.shape[1])
        if sample is None:
            raise SerKerasError(f"{self.name}: no training data to adapt to")
        return sample[:n_seen]

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = ops.cast(inputs, "float32")
        if len(x.shape) == 4:
            x = ops.squeeze(x, -1)
        x = ops.conv(x, self.kernel, strides=self.stride, padding="valid", data_format="channels_last")
        return ops.cast(ops.sigmoid(x + self.bias), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) not in (3, 4) or (len(input_shape) == 4 and input_shape[3] != 1):
            raise SerKerasError(f"{self.name}: takes [B, T, D] or [B, T, D, 1], not {tuple(input_shape)}")
        if input_shape[1] is not None and input_shape[1] < self.height:
            raise SerKerasError(
                f"{self.name}: kernels of {self.height} frames don't fit {input_shape[1]} frames; make window_s longer"
            )
        steps = None if input_shape[1] is None else (input_shape[1] - self.height) // self.stride + 1
        return (input_shape[0], steps, self.n_kernels)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "n_kernels": self.n_kernels,
            "height": self.height,
            "stride": self.stride,
            "share": self.share,
            "n_patches": self.n_patches,
            "decoder": self.decoder,
            "sparsity": self.sparsity,
            "sparsity_weight": self.sparsity_weight,
            "contractive": self.contractive,
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }


def _standardise(patches: NDArray[np.float32], height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standardise patches [n, height * D] in place, each column of D by its mean and deviation.

    Args:
        patches: [n, height * D].
        height: frames in a patch.

    Returns:
        The means that were subtracted and the factors that were applied, [height * D] each; a constant column is not
        scaled.
    """
    columns = patches.reshape(len(patches) * height, -1)
    mean = columns.mean(axis=0, dtype=np.float64)
    columns -= mean.astype(np.float32)
    deviation = np.sqrt(np.mean(np.square(columns), axis=0, dtype=np.float64))
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
    scale = HALF_SPAN / RANGE / np.where(constant, 1.0, deviation)
    columns *= scale.astype(np.float32)
    return np.tile(mean, height), np.tile(scale, height)
