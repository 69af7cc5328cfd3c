"""What happens between epochs: seeds and learning rate before, history, early stopping and one atomic file after."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import replacing
from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.experiment.assembly import PRIMARY
from ser_keras.experiment.settings import EarlyStopping, Training
from ser_keras.models.layers.keras_private import flat_layers

Weights = list[NDArray[np.generic]]


def learning_rate(training: Training, epoch: int) -> float:
    """Learning rate of an epoch; a function of the epoch alone, so that resuming needs no state."""
    if training.schedule == "cosine":
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / training.epochs))
    if training.schedule == "step":
        return training.learning_rate * training.step_factor ** (epoch // training.step_epochs)
    return training.learning_rate


@dataclasses.dataclass
class History:
    """What resuming has to know beside the weights.

    Attributes:
        rows: the logs of each epoch.
        best_loss: the lowest validation loss so far.
        best_epoch: its epoch, from 1; 0 without early stopping.
        waited: epochs since then.
    """

    rows: list[dict[str, float]] = dataclasses.field(default_factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.rows)

    def csv(self) -> str:
        """history.csv as text: a row an epoch."""
        text = io.StringIO()
        fields = list(self.rows[0]) if self.rows else ["epoch"]
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


class EpochBoundary(keras.callbacks.Callback):
    """Seeds and learning rate before each epoch; history, early stopping and one atomic checkpoint after it.

    Args:
        training: settings.
        seeds: of the training; they decide the dropout seeds, with the epoch (Keras loses their state when it saves).
        path: the checkpoint's file.
        history: as restored.
        best: the best epoch's weights, as restored; None without early stopping.
        report: called after each epoch with its logs.
    """

    def __init__(
        self,
        training: Training,
        seeds: FoldSeeds,
        path: Path,
        *,
        history: History,
        best: Weights | None,
        report: Callable[[Mapping[str, float]], None],
    ) -> None:
        super().__init__()
        self.training, self.seeds, self.path = training, seeds, path
        self.history, self.best, self.report = history, best, report

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = learning_rate(self.training, epoch)
        for i, layer in enumerate(flat_layers(self.model)):
            if generator := getattr(layer, "seed_generator", None):
                generator.state.assign(self.seeds.pair(Stream.DROPOUT, epoch, i))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        # Of several outputs, the first is what is judged.
        logs = {k.replace(f"{PRIMARY}_", ""): float(v) for k, v in (logs or {}).items()}
        if not math.isfinite(logs.get("loss", 0.0)):
            raise SerKerasError(f"the loss of epoch {epoch + 1} isn't finite; lower training.learning_rate")
        rate = learning_rate(self.training, epoch)
        self.history.rows.append({"epoch": epoch + 1, **logs, "learning_rate": rate})
        self._stop_early(epoch, logs)
        save_checkpoint(self.path, self.model, self.history, best=self.best)
        self.report(logs)

    def _stop_early(self, epoch: int, logs: Mapping[str, float]) -> None:
        rule, loss = self.training.early_stopping, logs.get("val_loss")
        if rule is None or loss is None:
            return
        if loss < self.history.best_loss:
            self.history.best_loss, self.history.best_epoch, self.history.waited = loss, epoch + 1, 0
            self.best = self.model.get_weights()
        else:
            self.history.waited += 1
        if self.stopped(rule):
            self.model.stop_training = True

    def stopped(self, rule: EarlyStopping | None) -> bool:
        """Whether early stopping ends the training here."""
        return rule is not None and self.history.waited >= rule.patience and self.history.epochs >= rule.min_epochs


def save_checkpoint(
    path: Path, model: keras.Model, history: History, *, best: Sequence[NDArray[np.generic]] | None = None
) -> None:
    """One atomic file that holds weights, optimiser, history and early stopping's state."""
    arrays = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    arrays |= {f"o{i}": v.numpy() for i, v in enumerate(model.optimizer.variables)}
    arrays |= {f"b{i}": w for i, w in enumerate(best or [])}
    state = json.dumps(dataclasses.asdict(history))
    with replacing(path) as temporary:
        np.savez(temporary, state=np.array(state), **arrays)


def load_checkpoint(path: Path, model: keras.Model) -> tuple[History, Weights | None]:
    """Put a checkpoint back into a compiled model whose optimiser is built.

    Returns:
        (History, the best epoch's weights or None).

    Raises:
        SerKerasError: the file is damaged or of another model.
    """
    try:
        with np.load(path) as file:
            arrays = dict(file)
        history = History(**json.loads(str(arrays["state"])))
        model.set_weights([arrays[f"w{i}"] for i in range(len(model.weights))])
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(arrays[f"o{i}"])
        best = [arrays[f"b{i}"] for i in range(len(model.weights))] if "b0" in arrays else None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SerKerasError(
            f"{path} is no checkpoint of this model ({error}); delete it to train this fold anew"
        ) from None
    return history, best
