"""The local response normalisation of AlexNet."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ser_keras")
class LocalResponseNormalization(keras.layers.Layer):
    """Each value over (bias + alpha / size * sum of squares of the `size` nearest channels) ** beta.

    Reference: A. Krizhevsky, I. Sutskever, G. E. Hinton, ImageNet classification with deep convolutional neural
    networks, NIPS 2012, section 3.3; defaults and the division of alpha as in Caffe, for whose weights this is.

    Args:
        size: channels summed over, odd; there are none beyond the first and the last.
        alpha, beta, bias: as above.
        kwargs: what `keras.layers.Layer` takes.

    Input, output:
        [..., C], the same shape.
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, *, bias: float = 1.0, **kwargs: object
    ) -> None:
        # Squares of what pixels of 0..255 give overflow half precision.
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = ops.cast(inputs, "float32")
        n_channels, reach = x.shape[-1], self.size // 2
        squares = ops.pad(ops.square(x), [(0, 0)] * (len(x.shape) - 1) + [(reach, reach)])
        total = sum(squares[..., i : i + n_channels] for i in range(self.size))
        x = x * ops.power(self.bias + self.alpha / self.size * total, -self.beta)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
        }
