"""Random augmentation inside the tf.data pipeline: each window changed anew in each epoch."""

import threading

import numpy as np
import tensorflow as tf

from ser_keras.audio.samples import SAMPLE_RATE, from_int16, to_int16
from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.spectra import SpectralAugmentation

SMALL = 8  # windows that go through the front end at once: more leave the processor's cache


class Live:
    """The training windows of a fold, changed as drawn from (seed, fold, epoch).

    A window that is heard faster holds more of its utterance; where that would reach beyond its end, the window begins
    earlier.

    Args:
        settings: experiment.Augmentation, mode `random`.
        frontend: FrontEnd.
        material: Material, of windows.
        examples: Examples.
    """

    def __init__(self, settings, frontend, material, examples):
        self.settings, self.material, self.examples = settings, material, examples
        self._starts = np.array(
            [material.starts[i][k] for i, k in zip(examples.owner, examples.number, strict=True)], np.int64
        )
        self._lock, self._drawn = threading.Lock(), {}
        self._spectral = settings.path == "spectrum"
        self._fields = draws.varied(settings) if self._spectral else ()
        if self._spectral:
            self._augment = SpectralAugmentation.from_settings(frontend, material.window, settings)
            self.source_samples, self._top_hz = self._augment.source_samples, self._augment.top_hz
        else:
            self._frontend, self._top_hz = frontend, draws.TOP_HZ
            self.source_samples = waveform.source_samples(material.window, draws.ranges(settings)[0][1])

    def dataset(self, index, key, batch_size):
        """Features of examples.

        Args:
            index: tf.data.Dataset of example numbers, in the epoch's order.
            key: int64 tensor [3]: seed, fold, epoch.
            batch_size: examples in a batch.

        Returns:
            tf.data.Dataset of (features [b, ...], example numbers [b]).
        """

        def features(places, numbers):
            # Stateless, or else determinism would fetch one batch after the other.
            kinds = [tf.int16 if self._spectral else tf.float32, *(self._kind(name) for name in self._fields)]
            heard, *values = tf.numpy_function(self._fetch, [places, numbers, key], kinds, stateful=False)
            heard.set_shape([None, self.source_samples if self._spectral else self.material.window])
            if not self._spectral:
                return self._frontend(heard), numbers
            for name, value in zip(self._fields, values, strict=True):
                value.set_shape([None, *self._example(name).shape[1:]])
            waves = tf.cast(heard, tf.float32) / 32768
            return self._augment(waves, dict(zip(self._fields, values, strict=True))), numbers

        small = index.enumerate().batch(SMALL).map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return small.rebatch(batch_size)

    def _example(self, name):
        return getattr(draws.draw(self.settings, 1, 1.0, seed=[0], top_hz=self._top_hz), name)

    def _kind(self, name):
        return tf.as_dtype(self._example(name).dtype)

    def _fetch(self, places, numbers, key):
        # By places within the epoch: an example that comes twice is changed in two ways.
        drawn = self._draws(tuple(key.tolist())).take(places)
        heard = self._sources(numbers, drawn.rate)
        if self.settings.recorded:
            heard = to_int16(waveform.recorded_so(from_int16(heard), drawn))
        if self._spectral:
            return [heard, *drawn.as_dict(self._fields).values()]
        return [waveform.changed(from_int16(heard), drawn.as_dict(), self.material.window)]

    def _draws(self, key):
        """The draws of an epoch, made once; the next epoch's may be fetched before this one's are used up."""
        with self._lock:
            if key not in self._drawn:
                while len(self._drawn) > 1:
                    del self._drawn[next(iter(self._drawn))]
                window_s = self.material.window / SAMPLE_RATE
                seed = [*key, 1]  # the order is drawn from the key alone
                self._drawn[key] = draws.draw(
                    self.settings, len(self.examples), window_s, seed=seed, top_hz=self._top_hz
                )
            return self._drawn[key]

    def _sources(self, numbers, rates):
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
