"""One fold, resumable at every epoch; the same for the final refit on all speakers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.files import write_atomic, write_json
from ser_keras.common.progress import stage
from ser_keras.common.seeds import Stream
from ser_keras.evaluation import Predictions
from ser_keras.experiment.assembly import build_classifier, model_kind, primary
from ser_keras.experiment.provenance import Record
from ser_keras.experiment.saved_model import save_model
from ser_keras.experiment.tensorflow_session import in_float32, strategy
from ser_keras.models import baselines
from ser_keras.models.classifier import Classifier, KerasClassifier
from ser_keras.models.corpus_heads import learn_which
from ser_keras.models.fitted_head import cut_at, fit_head
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.training.checkpoints import EpochBoundary, History, load_checkpoint
from ser_keras.training.compilation import compiled
from ser_keras.training.data import datasets
from ser_keras.training.data.examples import (
    items_of_class,
    labelled_items,
    labels_of,
    search_groups,
    training_examples,
)
from ser_keras.training.data.feature_store import Examples
from ser_keras.training.data.stream_windows import StreamWindows
from ser_keras.training.fold_job import FoldJob, dataset_of, drawn_anew
from ser_keras.training.prediction import predict_items

WATCHED_BATCH = 256  # windows of the validation part that are predicted at once


class FoldTrainer:
    """Trains one classifier: call `prepare`, `fit`, `predict` and `finish`, in this order.

    Args:
        job: what to train.

    Attributes:
        classifier: after `fit`; a Keras model is in float32 and has the weights of the chosen epoch.
        history: the epochs so far.
        counts: how many examples there are and of what, and the temperature: for fold.json.
    """

    classifier: Classifier
    examples: Examples
    labelled: NDArray[np.int64]

    def __init__(self, job: FoldJob) -> None:
        self.job = job
        self.history = History()
        self.counts: dict[str, float] = {}
        self._net: keras.Model | None = None

    def prepare(self) -> None:
        """Build the classifier, adapted to the training items, and choose the examples that it is trained on."""
        job, kind = self.job, model_kind(self.job.experiment)
        self.labelled = labelled_items(job.experiment, job.material, job.train, seeds=job.seeds)
        self.examples, counts = training_examples(
            job.experiment,
            job.material,
            job.train if kind.semi_supervised else self.labelled,
            labelled=self.labelled,
            seeds=job.seeds,
        )
        self.counts.update(counts)
        if kind.keras:
            self._net = self._build()

    def fit(self) -> None:
        """Train the classifier, going on from the folder's checkpoint where there is one."""
        if self._net is None:
            self.classifier = self._fit_baseline()
            return
        if self._net.trainable_variables:
            self._run_epochs(self._net)
        net, self._net = self._in_float32(self._net), None  # nobody needs its optimiser any more
        if self.job.experiment.head is not None:
            self.classifier = self._fit_head(net)
        else:
            shared = self.job.experiment.corpus_heads == "shared"
            self.classifier = KerasClassifier(primary(net) if shared else net)

    def predict(self, items: NDArray[np.int64]) -> tuple[Predictions, Predictions | None]:
        """Predictions of some items: a row an utterance; a row a window, or None for classifiers of sequences."""
        job = self.job
        return predict_items(self.classifier, job.material, items, experiment=job.experiment, fold=job.seeds.fold)

    def finish(self, record: Record) -> None:
        """Write the fold's files; `fold.json` comes last and marks it done.

        Args:
            record: what fold.json says beside `counts` and epochs.
        """
        job, history = self.job, self.history
        save_model(job.folder, job.experiment, self.classifier)
        write_atomic(job.folder / "history.csv", history.csv())
        epochs = {"epochs": history.epochs, "best_epoch": history.best_epoch or history.epochs}
        write_json(job.folder / "fold.json", {**record, **self.counts, **epochs})
        job.checkpoint.unlink(missing_ok=True)

    def _build(self) -> keras.Model:
        """The classifier with its statistics and initial weights, compiled."""
        job = self.job
        experiment, material = job.experiment, job.material
        keras.utils.set_random_seed(job.seeds.integer(Stream.WEIGHTS))
        with strategy().scope():
            net = build_classifier(experiment, material.feature_shape, job.n_classes)
            adapt_model(net, self._adaptation_batches)
            if experiment.corpus_heads != "shared":
                learn_which(net, [material.items[i].corpus for i in self.labelled], material.labels[self.labelled])
            if job.initial is not None:
                job.initial(net)
            return compiled(net, job.training, job.n_classes) if net.trainable_variables else net

    def _adaptation_batches(self, subset: str | None = None) -> Iterator[NDArray[np.float32]]:
        """Features of training windows, as training hears them; of one class, or of all."""
        job = self.job
        items = items_of_class(job.experiment, job.material, job.train, name=subset)
        if job.experiment.augmentation.mode != "stream":
            return job.material.batches(items)
        return cast(StreamWindows, drawn_anew(job, self.examples)).adaptation_batches(items)

    def _run_epochs(self, net: keras.Model) -> None:
        """Train a compiled classifier, going on from the checkpoint; it ends with the weights of the chosen epoch."""
        job, training, best = self.job, self.job.training, None
        if job.checkpoint.is_file():
            self.history, best = load_checkpoint(job.checkpoint, net)
        labels = labels_of(net, job.material, self.examples.items, labelled=self.labelled)
        dataset, steps = dataset_of(job, self.examples, labels, first_epoch=self.history.epochs)
        watched = None
        if len(job.validation):
            truth = labels_of(net, job.material, job.validation)
            watched = datasets.validation_dataset(job.material, job.validation, WATCHED_BATCH, labels=truth)
        with stage(job.title, training.epochs, "epochs") as advance:
            advance(self.history.epochs)
            boundary = EpochBoundary(
                training,
                job.seeds,
                job.checkpoint,
                history=self.history,
                best=best,
                report=lambda logs: advance(1, _note(logs)),
            )
            if self.history.epochs < training.epochs and not boundary.stopped(training.early_stopping):
                with warnings.catch_warnings():
                    # Keras takes the end of the validation data for a lack of it.
                    warnings.filterwarnings("ignore", message="Your input ran out of data")
                    net.fit(
                        dataset,
                        steps_per_epoch=steps,
                        initial_epoch=self.history.epochs,
                        epochs=training.epochs,
                        validation_data=watched,
                        callbacks=[boundary, _tensorboard(job.folder), *job.callbacks],
                        shuffle=False,  # the dataset does
                        verbose=0,
                    )
        if training.early_stopping is not None and boundary.best is not None:
            net.set_weights(boundary.best)

    def _in_float32(self, net: keras.Model) -> keras.Model:
        """The same weights in a model that computes in float32, without optimiser and loss."""
        with in_float32():
            plain = build_classifier(self.job.experiment, self.job.material.feature_shape, self.job.n_classes)
        plain.set_weights(net.get_weights())
        return plain

    def _fit_baseline(self) -> Classifier:
        job, examples = self.job, self.examples
        with stage(job.title, 1, "fit") as advance:
            fitted = baselines.fit(
                job.experiment.model.name,
                job.material.store.gather(examples.rows),
                job.material.labels[examples.items],
                n_classes=job.n_classes,
                seed=job.seeds.integer(Stream.CLASSIFIER),
                groups=search_groups(job.experiment, job.material, examples.items),
                **job.experiment.model.arguments(),
            )
            advance()
        return fitted

    def _fit_head(self, net: keras.Model) -> Classifier:
        job, head = self.job, self.job.experiment.head
        assert head is not None
        has_label = np.isin(self.examples.owner, self.labelled)
        owner = self.examples.owner[has_label]
        with stage(f"{job.title}, head", 1, "fit") as advance:
            fitted = fit_head(
                cut_at(net, head.layer),
                head.name,
                job.material.store,
                indices=self.examples.rows[has_label],
                labels=job.material.labels[owner],
                groups=search_groups(job.experiment, job.material, owner),
                n_classes=job.n_classes,
                seed=[job.seeds.integer(Stream.CLASSIFIER)],
                **head.arguments(),
            )
            advance()
        return fitted


def _note(logs: Mapping[str, float]) -> str:
    shown = ("loss", "accuracy", "val_loss", "val_accuracy")
    return " ".join(f"{name} {logs[name]:.3f}" for name in shown if name in logs)


def _tensorboard(folder: Path) -> keras.callbacks.Callback:
    run, fold = (folder.parents[1], folder.name) if folder.parent.name == "folds" else (folder.parent, folder.name)
    return keras.callbacks.TensorBoard(run / "tensorboard" / fold, write_graph=False)
