"""Training windows cut from streams inside the tf.data pipeline: each one made anew in each epoch, as heard live."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.experiment.settings import Augmentation
from ser_keras.features.augmentation import own
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.features.streams.windows import Recording, WindowRenderer, WindowSettings
from ser_keras.training.data.datasets import dataset_options
from ser_keras.training.data.feature_store import Examples, Material
from ser_keras.training.data.live_augmentation import SMALL
from ser_keras.training.data.sounds import TrainingSounds

ADAPTATION_EPOCH = 2**31  # stands for an epoch: its windows are those that standardisation is adapted to
ADAPTATION_WINDOWS = 4096  # at most, and at most so many times as many as there are examples:
ADAPTATION_ROUNDS = 8


class StreamWindows:
    """The training windows of a fold, cut from streams.

    What comes before an utterance in its stream is another of the fold's training part.

    Args:
        settings: of mode `stream`.
        frontend: the experiment's.
        material: the items' audio.
        examples: what training draws from.
        seeds: of the training; they decide everything random, with the epoch.
        sounds: noises and rooms from folders.
        changes: the user's functions, after everything else.
    """

    def __init__(
        self,
        settings: Augmentation,
        frontend: FrontEnd,
        material: Material,
        *,
        examples: Examples,
        seeds: FoldSeeds,
        sounds: TrainingSounds,
        changes: Sequence[own.Change] = (),
    ) -> None:
        self._changes = changes
        self._frontend, self._material, self._examples, self._seeds = frontend, material, examples, seeds
        self.epochs_per_draw = settings.epochs_per_draw
        self._items = np.unique(examples.owner)
        self._renderer = WindowRenderer(
            window_settings(settings), material.window, sounds.noise, responses=sounds.responses
        )
        self._lock = threading.Lock()
        self._recordings: dict[int, tuple[float, int, int]] = {}

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
            waves = tf.numpy_function(self.fetch, [places, numbers, epoch], tf.float32, stateful=False)
            waves.set_shape([None, self._material.window])
            return self._frontend(waves), numbers

        small = index.enumerate().batch(SMALL).map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return small.rebatch(batch_size)

    def adaptation_batches(self, members: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.float32]]:
        """Features of some thousand windows for layers that are adapted to the training data.

        Args:
            members: items to draw from; None: all of the training part.
        """
        owner = self._examples.owner
        numbers = np.arange(len(owner)) if members is None else np.flatnonzero(np.isin(owner, members))
        rng = self._seeds.generator(Stream.STREAM_ADAPTATION)
        drawn = (
            rng.choice(numbers, min(ADAPTATION_WINDOWS, ADAPTATION_ROUNDS * len(numbers))) if len(numbers) else numbers
        )
        index = tf.data.Dataset.from_tensor_slices(drawn.astype(np.int64))
        dataset = self.dataset(index, tf.constant(ADAPTATION_EPOCH, tf.int64), 256)
        for batch, _ in dataset.with_options(dataset_options()):
            yield batch.numpy()

    def fetch(self, places: NDArray[np.int64], numbers: NDArray[np.int64], epoch: int) -> NDArray[np.float32]:
        """The windows of some examples, [n, window], made for their places within the epoch."""
        windows = np.empty((len(numbers), self._material.window), np.float32)
        for row, place, number in zip(windows, places.tolist(), numbers.tolist(), strict=True):
            # By the place within the epoch: an example that comes twice is heard in two ways.
            rng = self._seeds.generator(Stream.STREAM_WINDOW, int(epoch), place)
            before = self._recording(int(rng.choice(self._items)))
            row[:] = self._renderer.render(self._recording(int(self._examples.owner[number])), before, rng)
            if self._changes:
                own_rng = self._seeds.generator(Stream.OWN_AUGMENTATION, int(epoch), place)
                row[:] = own.apply(self._changes, row.copy(), own_rng)
        return windows

    def _recording(self, item: int) -> Recording:
        samples = self._material.samples(item)
        with self._lock:
            facts = self._recordings.get(item)
        if facts is None:
            recording = Recording.of(samples)
            with self._lock:
                self._recordings[item] = (recording.power, recording.start, recording.end)
            return recording
        return Recording(samples, facts[0], facts[1], end=facts[2])


def window_settings(settings: Augmentation) -> WindowSettings:
    """What windows are drawn from, as the settings of mode `stream` say."""

    def span(values: list[float], unchanged: tuple[float, float]) -> tuple[float, float]:
        return (min(values), max(values)) if values else unchanged

    return WindowSettings(
        level_dbfs=span(settings.level_dbfs, (-26.0, -26.0)),
        tone_dbfs=span(settings.tone_dbfs, (-90.0, -90.0)),
        least_snr_db=settings.least_snr_db,
        noise_share=settings.noise_probability if settings.noise_dir else 0.0,
        neighbour_share=settings.neighbour_probability if settings.pause_s else 0.0,
        pause_s=span(settings.pause_s, (0.0, 0.0)),
        speed=span(settings.speed, (1.0, 1.0)),
        equalise_db=settings.equalise_db,
        low_cut_hz=span(settings.low_cut_hz, (0.0, 0.0)),
        high_cut_hz=span(settings.high_cut_hz, (SAMPLE_RATE / 2, SAMPLE_RATE / 2)),
        band_share=settings.band_probability if settings.banded else 0.0,
        rt60_s=span(settings.rt60_s, (0.1, 0.1)),
        room_share=settings.room_probability if settings.rt60_s or settings.room_dir else 0.0,
    )
