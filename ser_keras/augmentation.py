"""Augmentation of anybody's waveforms: a transformation of a `tf.data.Dataset`, and a function of arrays.

It is what training does with `augmentation.mode=random` and `augmentation.path=waveform`, by the same code.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import ValidationError

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common import seeds
from ser_keras.common.errors import BadInput, Unavailable
from ser_keras.common.seeds import Stream
from ser_keras.experiment.complaints import complaint
from ser_keras.experiment.settings import Augmentation
from ser_keras.features.augmentation import draws, waveform

__all__ = ["Augmenter"]

STRETCHED = ("pitch", "rate", "speed")  # need python-stretch


class Augmenter:
    """Changes waveforms at random, anew at every call and in every epoch.

    Give it to `tf.data.Dataset.apply` before the dataset is batched or after. Elements are waveforms or tuples whose
    first component is a waveform; labels, weights and whatever else follows pass through. `vary` changes arrays.

    All draws follow from the seed, the epoch (how often this augmenter has gone through a dataset before) and the
    waveform's place in the epoch: an equal augmenter on equal data gives equal results. Draws are independent of each
    other and uniform between the least and the greatest value of a setting; of `rate` and `speed`, their logarithm is.
    `docs/augmentation.md` has a line on each setting.

    Args:
        seed: of all draws.
        window_samples: samples of the result; None: as many as come in. Played faster, a window holds more of its
            source: give waveforms that are longer than the window by that much, or it ends in zeros.
        pitch: least and greatest shift in semitones; formants move along. `pitch`, `rate` and `speed` need the extra
            `augment` (python-stretch).
        rate: tempo; 1.1 is a tenth faster, with the same pitch.
        speed: tempo and pitch together, as of a tape.
        gain_db: louder or softer, in dB.
        snr_db: power of the signal over white noise, in dB.
        equalise_db: standard deviation of a smooth gain over frequency, in dB; one number.
        low_cut_hz, high_cut_hz: edges of a narrower band, in Hz.
        band_probability: share of the changed waveforms that are so cut.
        rt60_s: reverberation time of a room, in seconds.
        room_probability: share of the changed waveforms that are in a room.
        overdrive_db: how far the microphone is turned up before it clips, in dB.
        snippet_s: length of the only stretch that is heard, in seconds; zeros behind it.
        snippet_probability: share of the changed waveforms that are so cut short.
        probability: share of the waveforms that are changed at all.

    Raises:
        SerKerasError: a value out of its range, nothing that is varied, or python-stretch is not installed and needed;
            from calls: elements that are no waveforms.

    Example:
        Four labelled waveforms of one second. Each epoch draws new gains and noise levels:

        >>> import numpy as np, tensorflow as tf
        >>> from ser_keras.augmentation import Augmenter
        >>> waves = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 16000)).astype(np.float32)
        >>> dataset = tf.data.Dataset.from_tensor_slices((waves, [0, 1, 0, 1]))
        >>> dataset = dataset.apply(Augmenter(gain_db=(-6, 6), snr_db=(10, 30), seed=1)).batch(2)
        >>> [(tuple(x.shape), y.numpy().tolist()) for x, y in dataset]
        [((2, 16000), [0, 1]), ((2, 16000), [0, 1])]

        The same for arrays:

        >>> Augmenter(snr_db=(10, 30), seed=1).vary(waves).shape
        (4, 16000)
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        window_samples: int | None = None,
        pitch: Sequence[float] = (),
        rate: Sequence[float] = (),
        speed: Sequence[float] = (),
        gain_db: Sequence[float] = (),
        snr_db: Sequence[float] = (),
        equalise_db: float = 0.0,
        low_cut_hz: Sequence[float] = (),
        high_cut_hz: Sequence[float] = (),
        band_probability: float = 1.0,
        rt60_s: Sequence[float] = (),
        room_probability: float = 1.0,
        overdrive_db: Sequence[float] = (),
        snippet_s: Sequence[float] = (),
        snippet_probability: float = 1.0,
        probability: float = 1.0,
    ) -> None:
        if not 0 <= seed < 2**31:
            raise BadInput(f"`seed` is {seed}; it must be from 0 to 2147483647")
        if window_samples is not None and window_samples < 1:
            raise BadInput(f"`window_samples` is {window_samples}; it must be at least 1")
        try:
            self.settings = Augmentation(
                mode="random",
                path="waveform",
                pitch=list(pitch),
                rate=list(rate),
                speed=list(speed),
                gain_db=list(gain_db),
                snr_db=list(snr_db),
                equalise_db=equalise_db,
                low_cut_hz=list(low_cut_hz),
                high_cut_hz=list(high_cut_hz),
                band_probability=band_probability,
                rt60_s=list(rt60_s),
                room_probability=room_probability,
                overdrive_db=list(overdrive_db),
                snippet_s=list(snippet_s),
                snippet_probability=snippet_probability,
                probability=probability,
            )
        except ValidationError as error:
            problem = error.errors()[0]
            if not problem["loc"]:  # of the settings together
                raise BadInput("nothing is varied; give `pitch`, `rate` or `gain_db`, for example") from None
            raise BadInput(f"`{problem['loc'][0]}`: {complaint(problem)} (got {problem['input']!r})") from None
        self.seed, self.window_samples = seed, window_samples
        self._epochs = itertools.count()
        stretched = [name for name in STRETCHED if getattr(self.settings, name)]
        if stretched and importlib.util.find_spec("python_stretch") is None:
            raise Unavailable(
                f"`{stretched[0]}` needs the package python-stretch: pip install 'ser-keras[augment]' "
                "(the other changes do without it)"
            )

    def __call__(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The dataset with other waveforms, drawn anew each time it is gone through.

        Args:
            dataset: of waveforms [N] or [B, N] at 16 kHz in [-1, 1], floating-point, or of tuples that begin with one.

        Returns:
            The same elements in the same order; waveforms are float32, and `window_samples` long where that is given.
        """
        spec = dataset.element_spec
        wave = spec[0] if isinstance(spec, tuple) else spec
        if not isinstance(wave, tf.TensorSpec) or wave.shape.rank not in (1, 2) or not wave.dtype.is_floating:
            raise BadInput(
                "the dataset's elements must be waveforms, float32 [samples] or [batch, samples], or tuples that begin "
                f"with one, not {wave}"
            )
        shape = wave.shape if self.window_samples is None else [*wave.shape[:-1], self.window_samples]

        def change(element: tf.Tensor | tuple[tf.Tensor, ...], number: tuple[tf.Tensor, tf.Tensor]) -> object:
            heard = tf.cast(element[0] if isinstance(element, tuple) else element, tf.float32)
            # Stateless, or else determinism would change one element after the other.
            changed = tf.numpy_function(self._changed, [heard, *number], tf.float32, stateful=False)
            changed.set_shape(shape)
            return (changed, *element[1:]) if isinstance(element, tuple) else changed

        epoch = tf.data.Dataset.from_tensors(0).map(
            lambda _: tf.numpy_function(lambda: np.int64(next(self._epochs)), [], tf.int64)
        )
        numbers = epoch.flat_map(lambda epoch: tf.data.Dataset.counter().map(lambda place: (epoch, place)))
        result = tf.data.Dataset.zip((dataset, numbers)).map(
            change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        n = dataset.cardinality()
        return result if n == tf.data.UNKNOWN_CARDINALITY else result.apply(tf.data.experimental.assert_cardinality(n))

    def vary(self, waves: NDArray[np.floating]) -> NDArray[np.float32]:
        """Waveforms changed as drawn; each call draws anew.

        Args:
            waves: [N] or [B, N] at 16 kHz in [-1, 1]. Samples that are not finite become 0.

        Returns:
            The same shape, float32, or `window_samples` for the last axis. Not clipped: a front end does that.
        """
        waves = np.asarray(waves, np.float32)
        if waves.ndim not in (1, 2):
            raise BadInput(f"waveforms must be [samples] or [batch, samples], not {list(waves.shape)}")
        return self._changed(waves, next(self._epochs), 0)

    def _changed(self, waves: NDArray[np.float32], epoch: int, place: int) -> NDArray[np.float32]:
        """[N] or [B, N]; element `place` of an epoch."""
        rows = np.clip(np.nan_to_num(np.atleast_2d(waves), posinf=0.0, neginf=0.0), -1.0, 1.0)
        window = rows.shape[1] if self.window_samples is None else self.window_samples
        entropy = seeds.generator(self.seed, Stream.AUGMENTED_DATASET, int(epoch), int(place)).integers(2**32, size=4)
        drawn = draws.draw(self.settings, len(rows), window / SAMPLE_RATE, seed=entropy.tolist())
        if self.settings.recorded:
            rows = waveform.recorded_so(rows, drawn)
        changed = waveform.changed(rows, drawn.as_dict(), window) if len(rows) else np.empty((0, window), np.float32)
        return changed if waves.ndim == 2 else changed[0]
