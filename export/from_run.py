"""From a finished run to its bundle."""

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.training.reevaluation import reopen


def export(run, out, fold=None, default="int8_weights", all_variants=False):
    """Make the bundle of a run, with the cross-validated figures of its converted fold models.

    Args:
        run: Run.
        out: the bundle's folder.
        fold: export this fold's model instead of the final one.
        default, all_variants: see `ser_keras.export.bundle.export_run`.

    Returns:
        Lines that say what was made.
    """
    if reason := why_not_exportable(run.trained_with()[0]):
        raise SerKerasError(f"{run.path} can't be exported: {reason}")
    # These need the packages of the extra `export`.
    from ser_keras.export.bundle import export_run, summary
    from ser_keras.export.estimate import utterance_key

    prepared = None
    try:
        prepared = reopen(run, unfinished=fold is not None, augmented=False)
    except SerKerasError as error:
        if fold is None and not (run.final / "fold.json").is_file():
            raise
        say(f"no cross-validated estimate for the converted model: {error}")

    def test_utterances(number):
        material = prepared.material
        for i in prepared.folds[number].test:
            item = material.items[i]
            yield utterance_key(item.corpus, item.name, item.start), int(material.labels[i]), material.samples(i)

    return summary(export_run(run.path, out, fold, test_utterances if prepared else None, default, all_variants))
