"""Whom a search may see: test speakers set aside first, the others in inner folds."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.common.row_store import fingerprint
from ser_keras.experiment import protocols, rules
from ser_keras.experiment.settings import Protocol
from ser_keras.training.data.preparation import prepare

if TYPE_CHECKING:
    from ser_keras.corpora import Listing, Utterance
    from ser_keras.experiment.settings import Experiment
    from ser_keras.training.data.preparation import Prepared

OUTER_GROUPS = 5  # the test speakers are fold 0 of so many groups, as `train --set protocol.folds=5 --fold 0` has it
HELD = 3  # prepared materials held in memory: their arrays are small, the features are mapped
# The settings that decide an experiment's material.
DECIDES = {"classes", "corpus_heads", "window_s", "hop_s", "tail_rule", "unit", "snippet_s", "audio"}
DECIDES |= {"frontend", "augmentation"}


@dataclasses.dataclass(frozen=True)
class Split:
    """Test speakers, and the others who take part in the choice."""

    test: tuple[str, ...]
    others: tuple[str, ...]


def splits(
    prepared: Prepared, test_speakers: Sequence[str] | None = None, outer_folds: int | None = None
) -> list[Split]:
    """The test speakers of a search, or of each outer fold.

    Args:
        prepared: material of the starting recipe.
        test_speakers: names; None: fold 0 of five speaker groups (of fewer, where there are fewer speakers).
        outer_folds: number of outer folds instead.

    Raises:
        SerKerasError: an unknown or ambiguous speaker, or too few are left.
    """
    items, labels = prepared.material.items, prepared.material.labels
    protocols.protocol_kind("speaker_independent", items)
    speaker_of = _speakers(items)
    speakers = sorted(set(speaker_of))
    if test_speakers:
        short = collections.defaultdict(list)
        for name in speakers:
            short[name.rpartition("/")[2]].append(name)
        names: list[str] = []
        for name in test_speakers:
            matches = [name] if name in speakers else short.get(name, [name])
            if len(matches) > 1:
                raise SerKerasError(f"`test_speakers`: '{name}' may be any of {', '.join(matches)}; write it in full")
            names += matches
        if strange := [name for name in names if name not in speakers]:
            raise SerKerasError(
                f"`test_speakers`: nobody is called '{strange[0]}'; nearest: {nearest(strange[0], speakers)}"
            )
        tests = [sorted(set(names))]
    else:
        groups = Protocol(folds=outer_folds or max(2, min(OUTER_GROUPS, len(speakers))))
        folds = protocols.make_folds(items, labels, groups, seed=prepared.experiment.seed)
        tests = [sorted({speaker_of[i] for i in fold.test}) for fold in folds]
        tests = tests if outer_folds else tests[:1]
    return [Split(tuple(test), tuple(s for s in speakers if s not in test)) for test in tests]


def _speakers(items: Sequence[Utterance]) -> list[str]:
    """The speaker of each item; `protocol_kind` has refused corpora without speakers."""
    return [item.speaker or "" for item in items]


def inner_folds(prepared: Prepared, split: Split, n: int) -> list[protocols.Fold]:
    """The folds of a trial: groups of the speakers who may be chosen on; nobody of the test speakers is in any part.

    Args:
        prepared: material of the trial.
        split: who may be chosen on.
        n: number of folds.

    Returns:
        Folds over `prepared`'s items; `test` is what the trial is judged by.

    Raises:
        SerKerasError: fewer speakers than folds.
    """
    items, labels = prepared.material.items, prepared.material.labels
    mine = np.array([i for i, u in enumerate(items) if u.speaker not in split.test])
    if len(split.others) < n:
        raise SerKerasError(
            f"{n} folds need as many speakers, and {len(split.others)} are left beside the test speakers"
        )
    validate = prepared.experiment.training.early_stopping is not None
    seed = prepared.experiment.seed
    folds = protocols.make_folds(
        [items[i] for i in mine], labels[mine], Protocol(folds=n), seed=seed, validate=validate
    )
    return [
        dataclasses.replace(f, train=mine[f.train], validation=mine[f.validation], test=mine[f.test]) for f in folds
    ]


def outer_fold(prepared: Prepared, split: Split) -> protocols.Fold:
    """The fold that the winner is scored by: everybody else's utterances against the test speakers'."""
    items = prepared.material.items
    tested = np.isin(_speakers(items), split.test)
    train: NDArray[np.int64] = np.flatnonzero(~tested)
    validation: NDArray[np.int64] = np.array([], int)
    if prepared.experiment.training.early_stopping is not None:
        # As in the trials: some of the training speakers choose the epoch.
        first = inner_folds(prepared, split, max(2, min(5, len(split.others))))[0]
        validation, train = first.validation, np.setdiff1d(train, first.validation)
    fold = protocols.Fold(0, " ".join(split.test), train, validation, np.flatnonzero(tested))
    protocols.verify([fold], items, "speaker_independent")
    return fold


class Materials:
    """Prepared material by what decides it, so that trials with one front end share it.

    Args:
        listing: what `preparation.read_corpora` returned.
    """

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self._held: dict[str, Prepared] = {}  # settings that decide the material, as JSON -> it; the latest used last

    def __call__(self, experiment: Experiment, quiet: bool = True) -> Prepared:
        """The material of an experiment, with that experiment's own settings."""
        experiment = rules.complete(experiment)
        tree = experiment.model_dump(include=DECIDES)
        deciding = {**tree, "stops": experiment.training.early_stopping is not None}
        key = json.dumps(deciding, sort_keys=True, default=str)
        if key not in self._held:
            while len(self._held) >= HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = prepare(experiment, self.listing, quiet=quiet)
        prepared = self._held.pop(key)
        self._held[key] = prepared
        data = {"classes": prepared.experiment.classes, "corpus_heads": prepared.experiment.corpus_heads}
        return dataclasses.replace(prepared, experiment=experiment.model_copy(update=data))


def data_fingerprint(prepared: Prepared) -> str:
    """A hash of what the corpora hold; equal on machines with equal data, wherever they have it."""
    return fingerprint(sorted([c["name"], c["fingerprint"]] for c in prepared.corpora))
