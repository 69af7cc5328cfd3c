"""Trainings that are cut off and resumed at an epoch."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment import saved_model
from ser_keras.training import checkpoints, crossvalidation
from ser_keras.training import fold as fold_training
from tests.trained_runs import ONE_EPOCH, probabilities, quick


class Cut(Exception):
    pass


def cut_training(monkeypatch, epochs):
    """Stop with an exception once so many checkpoints have been written."""
    written = []
    save = checkpoints.save_checkpoint

    def counting(*arguments, **named):
        save(*arguments, **named)
        written.append(1)
        if len(written) == epochs:
            raise Cut

    monkeypatch.setattr(checkpoints, "save_checkpoint", counting)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("cut_after", "changes", "only_fold"),
    [
        (2, ("model.dropout=0.5",), 0),
        (5, ("training.optimizer=adamw", "training.schedule=cosine", "training.class_weights=balanced"), None),
        (2, ("training.early_stopping={patience: 1}", "training.epochs=8", "protocol.folds=4"), 0),
        (3, ("augmentation={mode: random, pitch: [-2, 2], rate: [0.9, 1.1], snr_db: [10, 30], mixup: 0.3}",), 0),
        (6, ("training.calibration_groups=2",), 0),
        (3, ("unit=utterance", "model={name: anand2015_lstm, units: 8, dropout: 0.5}"), 0),
    ],
)
def test_a_cut_run_resumed_predicts_what_an_uncut_one_does(
    corpus, tmp_path, monkeypatch, cut_after, changes, only_fold
):
    """One case with all folds and the final model, the others with one fold."""
    options = {"only_fold": only_fold}
    whole = crossvalidation.train(quick(*changes), corpus, tmp_path / "whole", **options)
    with monkeypatch.context() as patch, pytest.raises(Cut):
        cut_training(patch, cut_after)
        crossvalidation.train(quick(*changes), corpus, tmp_path / "cut", **options)
    resumed = crossvalidation.train(quick(*changes), corpus, tmp_path / "cut", resume=True, **options)
    for folder in (p.relative_to(whole.path) for p in whole.folds()):
        tables = [Predictions.read_csv(run.path / folder / "predictions.csv") for run in (whole, resumed)]
        np.testing.assert_allclose(tables[1].probabilities, tables[0].probabilities, atol=1e-6)
        histories = [(run.path / folder / "history.csv").read_text() for run in (whole, resumed)]
        assert histories[0].count("\n") == histories[1].count("\n")
    assert len(resumed.folds()) == len(whole.folds()) and resumed.final.exists() == (only_fold is None)
    last = "final" if only_fold is None else f"folds/{only_fold}"
    nets = [saved_model.load_keras_model(run.path / last).get_weights() for run in (whole, resumed)]
    for a, b in zip(*nets, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert resumed.provenance["resumed"]


def test_resuming_a_finished_run_trains_nothing(trained, corpus, tmp_path, monkeypatch):
    finished = trained.copy(tmp_path / "run", quick())
    before = probabilities(finished)
    monkeypatch.setattr(fold_training.FoldTrainer, "prepare", None)
    again = crossvalidation.train(quick(), corpus, finished.path, resume=True)
    assert (probabilities(again) == before).all()


def test_a_damaged_checkpoint_is_one_line(begun, corpus):
    begun.fold(1).mkdir()
    (begun.fold(1) / "checkpoint.npz").write_bytes(b"PK no")
    with pytest.raises(SerKerasError, match="no checkpoint of this model"):
        crossvalidation.train(quick(ONE_EPOCH), corpus, begun.path, resume=True)
