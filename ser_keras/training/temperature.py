"""A temperature for a classifier's probabilities, chosen on training speakers that it wasn't fitted to."""

import io
import shutil

import keras
import numpy as np
from scipy import optimize

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.training import fold, prediction

LARGEST = 10.0  # temperatures from a tenth to ten
NUMBERS = 2**20  # parts' numbers, for the seeds, lie so far apart


def temperature(probabilities, labels):
    """The temperature that makes probabilities most likely: p^(1 / T), normalised.

    Reference: C. Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.

    Args:
        probabilities: [n, C].
        labels: int [n].

    Returns:
        T, from 0.1 to 10; above 1 the probabilities were too sure.
    """
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-30))

    def surprise(log_t):
        scaled = logits * np.exp(-log_t)
        scaled -= scaled.max(axis=1, keepdims=True)
        return np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels])

    bound = np.log(LARGEST)
    return float(np.exp(optimize.minimize_scalar(surprise, bounds=(-bound, bound), method="bounded").x))


def last_dense(classifier):
    """The layer whose values a classifier's softmax is of.

    Raises:
        SerKerasError: it has several outputs, or doesn't end so.
    """
    last, *before = classifier.layers[::-1]
    if len(classifier.outputs) == 1:
        if isinstance(last, keras.layers.Softmax) and before and isinstance(before[0], keras.layers.Dense):
            return before[0]
        if isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax:
            return last
    raise SerKerasError(
        f"training.calibration_groups: {classifier.name} doesn't end in one dense layer and its softmax; set it to 0"
    )


def calibrate(classifier, prepared, train, validation, folder, number, title, initial=None, epochs=None):
    """Give a trained classifier its temperature, within the weights of its last layer.

    The training speakers are parted into groups. Each group is predicted by a classifier that was trained on the
    others alone, as this one was on all; the temperature fits these predictions of windows.

    Args:
        classifier: KerasClassifier, changed in place.
        prepared: Prepared.
        train, validation: the fold's item indices.
        folder: the fold's; resumable at every epoch of every group.
        number: the fold's, for the seeds.
        title: for the progress bars.
        initial, epochs: as `training.fit` takes them.

    Returns:
        dict for fold.json: `temperature`; empty where the settings ask for none.
    """
    experiment, material = prepared.experiment, prepared.material
    if not experiment.training.calibration_groups:
        return {}
    dense, probabilities, labels = last_dense(classifier.model), [], []
    groups = speaker_groups(experiment, material, train, number)
    for k in range(groups.max() + 1):
        part, place = train[groups == k], folder / "calibration" / str(k)
        done = place / "probabilities.npy"
        if not done.is_file():
            net, _, _ = fold.fit(
                *(experiment, material, train[groups != k], validation, prepared.n_classes, place),
                *((number + 1) * NUMBERS + k, f"{title}, calibration {k + 1}/{groups.max() + 1}"),
                initial=initial,
                epochs=epochs,
            )
            kept = io.BytesIO()
            np.save(kept, prediction.predict(net, material, part))
            write_atomic(done, kept.getvalue())
        probabilities.append(np.load(done))
        labels.append(material.labels[part] if material.sequence else material.labels[material.rows(part)[1]])
    chosen = temperature(np.concatenate(probabilities), np.concatenate(labels))
    dense.set_weights([weight / chosen for weight in dense.get_weights()])
    return {"temperature": round(chosen, 4)}


def sweep(folder):
    """Remove what `calibrate` kept to go on with."""
    shutil.rmtree(folder / "calibration", ignore_errors=True)


def speaker_groups(experiment, material, train, number):
    """[n] the group, from 0, of each training item; the groups part speakers.

    Raises:
        SerKerasError: one speaker alone.
    """
    names, speaker = np.unique([str(material.items[i].speaker) for i in train], return_inverse=True)
    if len(names) < 2:
        raise SerKerasError(
            f"training.calibration_groups: fold {number} trains on one speaker; calibration needs two or more"
        )
    place = np.random.default_rng([experiment.seed, number, 3]).permutation(len(names))
    return (place % min(experiment.training.calibration_groups, len(names)))[speaker]
