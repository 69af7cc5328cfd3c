"""Random augmentation inside the tf.data pipeline: each window changed anew in each epoch."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, from_int16, to_int16
from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.experiment.settings import Augmentation
from ser_keras.features.augmentation import draws, own, waveform
from ser_keras.features.augmentation.draws import Draws
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.training.data.feature_store import Examples, Material

SMALL = 8  # windows that go through the front end at once: more leave the processor's cache


class Live:
    """The training windows of a fold, changed as drawn in each epoch.

    A window that is heard faster holds more of its utterance; where that would reach beyond its end, the window begins
    earlier.

    Args:
        settings: of mode `random`.
        frontend: the experiment's.
        material: features of windows.
        examples: what training draws from.
        seeds: of the training; they decide the draws, with the epoch.
        changes: the user's functions, before every other change.
    """

    epochs_per_draw = 1

    def __init__(
        self,
        settings: Augmentation,
        frontend: FrontEnd,
        material: Material,
        *,
        examples: Examples,
        seeds: FoldSeeds,
        changes: Sequence[own.Change] = (),
    ) -> None:
        self._changes = changes
        self.settings, self.material, self.examples, self.seeds = settings, material, examples, seeds
        self._starts = np.array(
            [material.starts[i][k] for i, k in zip(examples.owner, examples.number, strict=True)], np.int64
        )
        self._lock = threading.Lock()
        self._drawn: dict[int, Draws] = {}
        self._spectral = settings.path == "spectrum"
        self._fields: tuple[str, ...] = draws.varied(settings) if self._spectral else ()
        if self._spectral:
            self._augment = SpectralAugmentation.from_settings(frontend, material.window, settings)
            self.source_samples, self._top_hz = self._augment.source_samples, self._augment.top_hz
        else:
            self._frontend, self._top_hz = frontend, draws.TOP_HZ
            self.source_samples = waveform.source_samples(material.window, draws.ranges(settings)[0][1])

    def dataset(self, index: tf.data.Dataset, epoch: tf.Tensor, batch_size: int) -> tf.data.Dataset:
        """Features of examples.

        Args:
            index: example numbers, in the epoch's order.
            epoch: int64 scalar.
            batch_size: examples in a batch.

        Returns:
            tf.data.Dataset of (features [b, ...], example numbers [b]).
        """

        def features(places: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # Stateless, or else determinism would fetch one batch after the other.
            kinds = [tf.int16 if self._spectral else tf.float32, *(self._kind(name) for name in self._fields)]
            heard, *values = tf.numpy_function(self.fetch, [places, numbers, epoch], kinds, stateful=False)
            heard.set_shape([None, self.source_samples if self._spectral else self.material.window])
            if not self._spectral:
                return self._frontend(heard), numbers
            for name, value in zip(self._fields, values, strict=True):
                value.set_shape([None, *self._example(name).shape[1:]])
            waves = tf.cast(heard, tf.float32) / 32768
            return self._augment(waves, dict(zip(self._fields, values, strict=True))), numbers

        small = index.enumerate().batch(SMALL).map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return small.rebatch(batch_size)

    def _example(self, name: str) -> NDArray[np.generic]:
        return getattr(draws.draw(self.settings, 1, 1.0, seed=[0], top_hz=self._top_hz), name)

    def _kind(self, name: str) -> tf.DType:
        return tf.as_dtype(self._example(name).dtype)

    def fetch(self, places: NDArray[np.int64], numbers: NDArray[np.int64], epoch: int) -> list[NDArray[np.generic]]:
        """The sources of some examples, and what is drawn for their places within the epoch."""
        # By places within the epoch: an example that comes twice is changed in two ways.
        drawn = self.draws_of(int(epoch)).take(places)
        heard = self.sources(numbers, drawn.rate)
        if self._changes:
            for row, place in zip(heard, places.tolist(), strict=True):
                rng = self.seeds.generator(Stream.OWN_AUGMENTATION, int(epoch), place)
                row[:] = to_int16(own.apply(self._changes, from_int16(row), rng))
        if self.settings.recorded:
            heard = to_int16(waveform.recorded_so(from_int16(heard), drawn))
        if self._spectral:
            return [heard, *drawn.as_dict(self._fields).values()]
        return [waveform.changed(from_int16(heard), drawn.as_dict(), self.material.window)]

    def draws_of(self, epoch: int) -> Draws:
        """The draws of an epoch, made once; the next epoch's may be fetched before this one's are used up."""
        with self._lock:
            if epoch not in self._drawn:
                while len(self._drawn) > 1:
                    del self._drawn[next(iter(self._drawn))]
                window_s = self.material.window / SAMPLE_RATE
                entropy = self.seeds.generator(Stream.LIVE_AUGMENTATION, epoch).integers(2**32, size=4).tolist()
                self._drawn[epoch] = draws.draw(
                    self.settings, len(self.examples), window_s, seed=entropy, top_hz=self._top_hz
                )
            return self._drawn[epoch]

    def sources(self, numbers: NDArray[np.int64], rates: NDArray[np.float32]) -> NDArray[np.int16]:
        """int16 [b, source_samples], zeros behind an utterance's end."""
        heard = np.zeros((len(numbers), self.source_samples), np.int16)
        owner = self.examples.owner[numbers]
        spans = self.material.around[owner]
        latest = draws.latest_starts(spans[:, 1], self.material.window, rates)
        starts = np.minimum(self.material.spans[owner, 0] - spans[:, 0] + self._starts[numbers], latest)
        for row, (first, n), start in zip(heard, spans.tolist(), starts.tolist(), strict=True):
            length = min(self.source_samples, n - start)
            row[:length] = self.material.audio_store.slice(first + start, length)
        return heard
