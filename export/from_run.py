"""From a finished run to its bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.training.data.preparation import FoldedAudio
from ser_keras.training.reevaluation import reopen

if TYPE_CHECKING:
    from ser_keras.export.bundle_json import BundleJson
    from ser_keras.export.estimate import TestUtterance


def export(
    run: RunDirectory,
    out: str | Path,
    fold: int | None = None,
    *,
    default: str = "int8_weights",
    all_variants: bool = False,
) -> BundleJson:
    """Make the bundle of a run, with the cross-validated figures of its converted fold models.

    The fold models hear audio, so that no features are computed.

    Args:
        run: the run.
        out: the bundle's folder.
        fold: export this fold's model instead of the final one.
        default: see `ser_keras.export.bundle.export_run`.
        all_variants: see there.

    Returns:
        The content of bundle.json.
    """
    experiment, _, _ = run.trained_with()
    if reason := why_not_exportable(experiment):
        raise SerKerasError(f"{run.path} can't be exported: {reason}")
    # These need the packages of the extra `export`.
    from ser_keras.export.bundle import export_run
    from ser_keras.export.estimate import utterance_key

    data: FoldedAudio | None = None
    try:
        data = reopen(run, unfinished=fold is not None)
    except SerKerasError as error:
        if fold is None and not (run.final / "fold.json").is_file():
            raise
        say(f"no cross-validated estimate for the converted model: {error}")

    def test_utterances(number: int) -> Iterator[TestUtterance]:
        assert data is not None
        for i in data.folds[number].test:
            item = data.items.utterances[i]
            yield utterance_key(item.corpus, item.name, item.start), int(data.items.labels[i]), data.samples(i)

    with tensorflow_session(experiment):
        return export_run(
            run.path,
            out,
            fold,
            test_utterances=test_utterances if data else None,
            default=default,
            all_variants=all_variants,
        )
