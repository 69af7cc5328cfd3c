"""Separates features of emotion from nuisance features, with penalties in closed form (Huang et al. 2014)."""

import math

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError


@keras.saving.register_keras_serializable("ser_keras")
class Disentangling(keras.layers.Layer):
    """A tied auto-encoder of two blocks of hidden units, phi_e (salient) and phi_o (nuisance).

    phi = sigmoid(W^T x + b) for each block; y~ = sigmoid(W_e phi_e + W_o phi_o + delta): the decoder is the encoder
    transposed. y~ reconstructs the candidate features y; x is y, standardised. `saliency` and `orthogonality` are the
    paper's penalties; they need only matrix products. The model around this layer predicts the classes from phi_e.

    Reference: Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, section 2.2.

    Args:
        salient: units of phi_e.
        nuisance: units of phi_o.
        max_norm: greatest length of a unit's weights ("weight suppression"); None: no limit.
        mean: average of y, between 0 and 1. It is the first value of delta, "an offset to capture the mean value of y".
        kwargs: what `keras.layers.Layer` takes. The layer computes in float32 whatever the policy: its penalties are
            sums of small squares.

    Input:
        [B, D] candidate features, standardised.

    Output:
        (phi_e [B, salient], phi_o [B, nuisance], y~ [B, D]), all in (0, 1).

    Raises:
        SerKerasError: a block without units, max_norm not above 0, or mean not between 0 and 1.
    """

    def __init__(
        self,
        salient: int = 300,
        nuisance: int = 300,
        max_norm: float | None = 3.0,
        *,
        mean: float = 0.5,
        **kwargs: object,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if salient < 1 or nuisance < 1 or (max_norm is not None and not max_norm > 0):
            raise SerKerasError(
                f"{self.name}: {salient} salient and {nuisance} nuisance units and max_norm {max_norm} must be above 0"
            )
        if not 0 < mean < 1:
            raise SerKerasError(f"{self.name}: mean {mean} must be between 0 and 1")
        self.salient, self.nuisance, self.max_norm, self.mean = salient, nuisance, max_norm, mean

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        n_inputs, n_units = input_shape[-1], self.salient + self.nuisance
        # Both blocks in one kernel: the second half of its columns is phi_o's.
        self.kernel = self.add_weight(
            shape=(n_inputs, n_units),
            initializer="glorot_uniform",
            constraint=None if self.max_norm is None else keras.constraints.MaxNorm(self.max_norm, axis=0),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(n_units,), initializer="zeros", name="bias")
        offset = keras.initializers.Constant(math.log(self.mean / (1 - self.mean)))
        self.output_bias = self.add_weight(shape=(n_inputs,), initializer=offset, name="output_bias")

    def call(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        phi = ops.sigmoid(ops.matmul(x, self.kernel) + self.bias)
        reconstruction = ops.sigmoid(ops.matmul(phi, ops.transpose(self.kernel)) + self.output_bias)
        return phi[:, : self.salient], phi[:, self.salient :], reconstruction

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...], tuple[int | None, ...]]:
        n = input_shape[0]
        return (n, self.salient), (n, self.nuisance), (n, input_shape[-1])

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "salient": self.salient,
            "nuisance": self.nuisance,
            "max_norm": self.max_norm,
            "mean": self.mean,
        }

    def saliency(
        self,
        x: keras.KerasTensor,
        *,
        phi_e: keras.KerasTensor,
        phi_o: keras.KerasTensor,
        reconstruction: keras.KerasTensor,
        z: keras.KerasTensor,
        class_kernel: keras.KerasTensor,
        weights: keras.KerasTensor,
        labelled: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """1/2 sum_k h_k w_k^2 over the encoder's weights (equation 8 without its sign), a scalar.

        h_k is the diagonal of the Gauss-Newton curvature of the reconstruction's squared error, with the decoder tied,
        and for phi_e's weights also that of the summed binary cross-entropies of the classes. The gradient treats h_k
        as a constant: the penalty changes the weights, not the curvature.

        Args:
            x, phi_e, phi_o, reconstruction: input and outputs of the layer, [B, ...].
            z: [B, C] probabilities of each class against the rest.
            class_kernel: [salient, C] weights of the classes.
            weights: [B] of each example in the sum.
            labelled: [B] 1 where the class is given, else 0.
        """
        phi = ops.concatenate([phi_e, phi_o], axis=1)
        slope = phi * (1 - phi)
        squared_slope, squared_kernel = ops.square(slope), ops.square(self.kernel)
        decoder_slope = ops.square(reconstruction * (1 - reconstruction))
        weights = ops.expand_dims(weights, 1)
        # dy~_m/dw_jk = y~'_m (w_mk phi'_k x_j + [m = j] phi_k), squared and summed over m; the curvature of a squared
        # error is twice that.
        squares = ops.transpose(weights * ops.square(x))
        curvature = ops.matmul(squares, squared_slope * ops.matmul(decoder_slope, squared_kernel))
        mixed = ops.matmul(ops.transpose(weights * x * decoder_slope), phi * slope)
        curvature = curvature + 2 * self.kernel * mixed
        curvature = curvature + ops.matmul(ops.transpose(weights * decoder_slope), ops.square(phi))
        curvature = 2 * curvature
        # Of a binary cross-entropy behind a sigmoid: z (1 - z) (dlogit/dw)^2, and dlogit_i/dw_jk = a_ki phi'_k x_j.
        class_slope = ops.expand_dims(labelled, 1) * z * (1 - z)
        by_unit = ops.matmul(class_slope, ops.transpose(ops.square(class_kernel))) * squared_slope[:, : self.salient]
        of_classes = ops.pad(ops.matmul(squares, by_unit), ((0, 0), (0, self.nuisance)))
        return ops.sum(ops.stop_gradient(curvature + of_classes) * squared_kernel) / 2

    def orthogonality(self, phi_e: keras.KerasTensor, phi_o: keras.KerasTensor) -> keras.KerasTensor:
        """sum_ij (dphi_e,i/dx . dphi_o,j/dx)^2 (equation 9) of each example, [B].

        It is sum_ij (phi'_i phi'_j w_i . w_j)^2, and the weights' products are the same for all examples.
        """
        kernel_e, kernel_o = self.kernel[:, : self.salient], self.kernel[:, self.salient :]
        products = ops.square(ops.matmul(ops.transpose(kernel_e), kernel_o))
        slope_e, slope_o = (ops.square(phi * (1 - phi)) for phi in (phi_e, phi_o))
        return ops.sum(ops.matmul(slope_e, products) * slope_o, axis=1)
