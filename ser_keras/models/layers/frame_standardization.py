"""Standardisation of frames that leaves out digital silence."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.models.layers.standardization import Standardization

STILL = 1e-4  # greatest difference between frames of the same; rounding stays far below, speech far above


@keras.saving.register_keras_serializable("ser_keras")
class FrameStandardization(Standardization):
    """Standardisation of each band over the frames that sound; digital silence becomes 0, the training mean.

    A file shorter than its window is padded with zeros. Their logarithm is a floor far below all speech. If padding
    counted, it would move mean and deviation by its share, and a kernel of negative weights would have its maximum over
    time in the padding: the net would respond to the length of a file. At the training mean a kernel gives only its
    bias, and the maximum over speech is seldom below that.

    A frame is silent where it equals the one before or after it in all bands, to 1e-4. No recording does that, whatever
    value the features have at silence. So the layer needs to know nothing of the window's padding, here or in an
    exported graph.

    Args:
        kwargs: what `Standardization` takes, less `axis`.

    Input, output:
        [B, T, bands, 1], the same shape; at least two frames.

    Raises:
        SerKerasError: from `adapt`: no training frame sounds, or features are not finite.
    """

    def __init__(self, *, centre: bool = True, scale: bool = True, subset: str | None = None, **kwargs: object) -> None:
        kwargs.pop("axis", None)  # a saved layer's
        super().__init__(2, centre, scale, subset=subset, **kwargs)

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> None:
        """Set mean and deviation of each band from the training frames that sound; see `Standardization.adapt`."""

        def sounding_frames() -> Iterator[NDArray[np.float32]]:
            for batch in batches:
                batch = np.asarray(batch, np.float32)
                frames = batch[ops.convert_to_numpy(_sounds(batch))[:, :, 0, 0]]
                yield frames[:, np.newaxis]

        super().adapt(sounding_frames())

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = super().call(inputs)
        return ops.where(_sounds(ops.cast(inputs, "float32")), x, ops.zeros_like(x))


def _sounds(x: keras.KerasTensor) -> keras.KerasTensor:
    """[B, T, bands, 1] to bool [B, T, 1, 1]: whether a frame differs from both of its neighbours."""
    change = ops.max(ops.abs(x[:, 1:] - x[:, :-1]), axis=(2, 3), keepdims=True)  # [B, T - 1, 1, 1]
    before = ops.concatenate([change[:, :1], change], axis=1)
    after = ops.concatenate([change, change[:, -1:]], axis=1)
    # What isn't finite must not pass for silence: `adapt` has to see it.
    return ops.logical_not(ops.minimum(before, after) <= STILL)
