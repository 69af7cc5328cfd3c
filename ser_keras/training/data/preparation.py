"""From corpora to what is trained on, in three steps: audio and labels, folds, features.

Each step has a type that adds to the one before: `LabelledAudio`, `FoldedAudio`, `Prepared`. Who needs no features
stops after the second.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import from_int16
from ser_keras.corpora import Listing
from ser_keras.experiment import assembly, protocols
from ser_keras.experiment.protocols import Fold
from ser_keras.experiment.settings import Experiment
from ser_keras.features.extractor import FeatureShape
from ser_keras.features.faces.frontends import FaceFrontEnd
from ser_keras.training.data import extraction, faces
from ser_keras.training.data.feature_store import Material
from ser_keras.training.data.items import Items, Windowing
from ser_keras.training.data.labelled_audio import LabelledAudio, read_audio

if TYPE_CHECKING:
    from ser_keras.features.conditions import Condition


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldedAudio(LabelledAudio):
    """An experiment's utterances, or their chunks, dealt to folds.

    Attributes:
        items: what the folds are made of.
        folds: index arrays into the items.
    """

    items: Items
    folds: list[Fold]

    @property
    def feature_shape(self) -> FeatureShape:
        """Shape of one window's features; nothing is computed for it."""
        return assembly.build_extractor(self.experiment).feature_shape(self.experiment.window_samples)

    def samples(self, item: int) -> NDArray[np.float32]:
        """Samples of one item, [n] at 16 kHz."""
        first, n = self.items.spans[item].tolist()
        return from_int16(self.audio.store.slice(first, n))

    def heard_in_training(self) -> int:
        """How many test utterances are, sample by sample, audio that their fold's model is trained or validated on."""
        if self.items.chunked:
            return 0
        hashes = np.array(self.audio.hashes)
        parts = ((hashes[f.test], hashes[np.concatenate([f.train, f.validation])]) for f in self.folds)
        return int(sum(np.isin(test, training).sum() for test, training in parts))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared(FoldedAudio):
    """Everything that an experiment is trained on.

    Attributes:
        material: the items' features.
    """

    material: Material


def make_folds(audio: LabelledAudio) -> FoldedAudio:
    """Deal utterances to folds, as the experiment's protocol says; where this splits utterances, their windows.

    Raises:
        SerKerasError: corpora and protocol do not fit each other.
        RuntimeError: a fold breaks its protocol's promise.
    """
    experiment = audio.experiment
    items = Items.whole(audio.audio, audio.labels, experiment.snippet_s)
    if protocols.PROTOCOLS[experiment.protocol.name].leaky:
        items = items.chunks(Windowing.of(experiment))
    validate = experiment.training.early_stopping is not None
    folds = protocols.make_folds(
        items.utterances, items.labels, experiment.protocol, seed=experiment.seed, validate=validate
    )
    return FoldedAudio(
        experiment=experiment,
        audio=audio.audio,
        labels=audio.labels,
        dropped=audio.dropped,
        items=items,
        folds=folds,
    )


def compute_features(
    data: FoldedAudio,
    *,
    condition: Condition | None = None,
    augmented: bool = True,
    needed: NDArray[np.int64] | None = None,
) -> Prepared:
    """Compute the features of the items, or take them from the cache.

    Args:
        data: folds of audio.
        condition: that under which everything is heard: for evaluation alone.
        augmented: whether the training part's changed windows are wanted; never under a condition.
        needed: the items whose features are wanted; None: all.
    """
    augmented = augmented and condition is None
    material = features_of(data.items, data.experiment, condition=condition, augmented=augmented, needed=needed)
    return Prepared(
        experiment=data.experiment,
        audio=data.audio,
        labels=data.labels,
        dropped=data.dropped,
        items=data.items,
        folds=data.folds,
        material=material,
    )


def features_of(
    items: Items,
    experiment: Experiment,
    *,
    condition: Condition | None = None,
    augmented: bool = False,
    needed: NDArray[np.int64] | None = None,
) -> Material:
    """Features of some items, computed as an experiment says; see `compute_features`."""
    extractor, windowing = assembly.build_extractor(experiment), Windowing.of(experiment)
    sequence = experiment.unit == "utterance"
    if extractor.sees != "sound":  # pictures are not varied
        front_end = cast(FaceFrontEnd, extractor)
        return faces.extract(items, front_end, windowing, sequence=sequence, condition=condition, needed=needed)
    return extraction.extract(
        items,
        extractor,
        windowing,
        augmentation=experiment.augmentation if augmented else None,
        seed=experiment.seed,
        sequence=sequence,
        condition=condition,
        needed=needed,
    )


def prepare(experiment: Experiment, listing: Listing, *, quiet: bool = False) -> Prepared:
    """All three steps: decode the audio, make the folds, compute the features.

    Args:
        experiment: settings.
        listing: what `read_corpora` returned.
        quiet: whether not to say what was dropped and skipped.

    Raises:
        SerKerasError: settings, corpora and protocol do not fit each other, or the model does not fit its features.
    """
    data = make_folds(read_audio(experiment, listing, quiet=quiet))
    if assembly.model_kind(data.experiment).keras:
        # A model that does not fit its front end is refused before hours of features.
        assembly.build_classifier(data.experiment, data.feature_shape, data.n_classes)
    return compute_features(data)
