"""An experiment's material: corpora read, decoded, cut, labelled and dealt to folds, ready to be trained on."""

import dataclasses

import numpy as np

from ser_keras import corpora as readers
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.audio.windows import window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora.classes import select
from ser_keras.experiment import assembly, protocols, rules, settings
from ser_keras.experiment.tensorflow_session import configure
from ser_keras.features.faces import FACE_FRONT_ENDS, watch
from ser_keras.models import MODELS
from ser_keras.training.data import decoded_audio, faces
from ser_keras.training.data.feature_store import Material, extract, feature_shape


@dataclasses.dataclass
class Prepared:
    """An experiment's material, ready to be trained on.

    Attributes:
        experiment: settings, complete, its `classes` those that have data.
        decoded: decoding.Decoded, utterances.
        labels: [n] class of each utterance.
        material: its items are the utterances, or chunks of them for `chunk_random` (`chunked`).
        folds: list of protocols.Fold over the items.
        corpora: what experiment.yaml says of each corpus.
        dropped: lines on what was left out.
    """

    experiment: settings.Experiment
    decoded: decoded_audio.Decoded
    labels: np.ndarray
    material: Material
    folds: list
    corpora: list
    dropped: list

    @property
    def n_classes(self):
        return len(self.experiment.classes)

    @property
    def chunked(self):
        """Whether items are chunks of utterances, which are then on both sides of the split."""
        return self.material.items is not self.decoded.utterances

    def heard_in_training(self):
        """How many test utterances are, sample by sample, audio that their fold's model is trained or validated on."""
        if self.chunked:
            return 0
        hashes = np.array(self.decoded.hashes)
        parts = ((hashes[f.test], hashes[np.concatenate([f.train, f.validation])]) for f in self.folds)
        return int(sum(np.isin(test, training).sum() for test, training in parts))


def read_corpora(corpora):
    """What several corpora hold, as one Listing.

    Args:
        corpora: list of (registry name, path).

    Raises:
        SerKerasError: one can't be read or is given twice, or they hold nothing.
    """
    names = [name for name, _ in corpora]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise SerKerasError(f"corpus {doubled[0]} is given twice")
    listings = [readers.scan(name, root) for name, root in corpora]
    together = readers.Listing(
        [u for listing in listings for u in listing.utterances],
        {name: reason for listing in listings for name, reason in listing.bad_files.items()},
        [note for listing in listings for note in listing.notes],
    )
    if not together.utterances:
        raise SerKerasError(f"{', '.join(names)}: no utterances found")
    return together


def prepare(experiment, listing, quiet=False, condition=None, augmented=True):
    """Decode, cut and extract everything that an experiment needs, and make its folds.

    Args:
        experiment: settings.
        listing: what `read_corpora` returned.
        quiet: don't say what was dropped and skipped; it was said before.
        condition: conditions.Condition under which everything is heard: for evaluation alone.
        augmented: whether the training part's changed windows are wanted; never under a condition.

    Raises:
        SerKerasError: settings, corpora and protocol don't fit each other.
    """
    experiment = rules.complete(experiment)
    protocols.protocol_kind(experiment.protocol.name, listing.utterances)
    configure(experiment)
    extractor = assembly.build_extractor(experiment)
    decoded, labels, live, dropped = usable(listing, experiment, quiet)
    experiment = experiment.model_copy(update={"classes": live, "corpus_heads": corpus_heads(experiment, decoded)})

    labels, window, hop = np.array(labels), experiment.window_samples, experiment.hop_samples
    items, item_labels, spans = decoded.utterances, labels, clipped(decoded.spans, experiment.snippet_s)
    around = None
    if protocols.PROTOCOLS[experiment.protocol.name].leaky:
        lengths = spans[:, 1].tolist()
        cut = [window_starts(n, window, hop, tail=experiment.tail_rule) for n in lengths]
        if decoded.frames is not None:
            cut = decoded.frames.starts
        items, item_labels = protocols.expand_chunks(items, labels, lengths, window, cut)
        around = np.repeat(spans, [len(starts) for starts in cut], axis=0)
        starts = np.concatenate(cut)
        spans = np.column_stack([around[:, 0] + starts, np.minimum(window, around[:, 1] - starts)])
    validate = experiment.training.early_stopping is not None
    folds = protocols.make_folds(items, item_labels, experiment.protocol, experiment.seed, validate)
    to_train = augmented and condition is None
    if to_train and decoded.frames is None and experiment.model.name in MODELS:
        # A model that doesn't fit its front end is refused before hours of features.
        assembly.build_classifier(experiment, feature_shape(extractor, window), len(live))
    material = material_of(
        *(decoded, items, item_labels, spans, extractor, window, hop, experiment.tail_rule),
        augmentation=experiment.augmentation if to_train else None,
        seed=experiment.seed,
        sequence=experiment.unit == "utterance",
        condition=condition,
        around=around,
    )
    return Prepared(experiment, decoded, labels, material, folds, describe_corpora(decoded), dropped)


def material_of(decoded, *arguments, **options):
    """Material of decoded utterances: `material.extract`, or `faces.rows.extract` where pictures are looked at."""
    return (extract if decoded.frames is None else faces.extract)(decoded, *arguments, **options)


def usable(listing, experiment, quiet=False):
    """Decode what of a listing belongs to the experiment's classes, and say what doesn't or can't be used.

    Returns:
        (decoding.Decoded, labels as a list of ints, the classes that have data, lines on what was dropped).

    Raises:
        SerKerasError: a bad file under `audio.bad_files=fail`, or fewer than two classes have data.
    """
    if listing.bad_files and experiment.audio.bad_files == "fail":
        name, reason = next(iter(listing.bad_files.items()))
        raise SerKerasError(f"{name}: {reason} (audio.bad_files=skip goes on without such files)")
    chosen, _, live, dropped = select(listing.utterances, experiment.classes)
    decoded = decoded_audio.decode(chosen, experiment.audio.decoder, experiment.audio.bad_files)
    if experiment.frontend.name in FACE_FRONT_ENDS:
        decoded = watch.watch(decoded, assembly.build_extractor(experiment), experiment)
    # A class may have lost its last file to a bad one.
    _, labels, live, lost = select(decoded.utterances, live)
    decoded.bad_files = {**listing.bad_files, **decoded.bad_files}
    decoded.warnings += _same_audio(decoded)
    skipped = [f"skipped {name}: {reason}" for name, reason in decoded.bad_files.items()]
    for line in () if quiet else (*listing.notes, *dropped, *lost, *decoded.warnings, *skipped):
        say(line)
    return decoded, labels, live, [*dropped, *lost]


def corpus_heads(experiment, decoded):
    """`corpus_heads` with "separate" made the list of the corpora.

    Raises:
        SerKerasError: separate heads for a single corpus, or a list of other corpora than these.
    """
    if experiment.corpus_heads == "shared":
        return experiment.corpus_heads
    corpora = sorted({u.corpus for u in decoded.utterances})
    if experiment.corpus_heads not in ("separate", corpora):
        raise SerKerasError(f"corpus_heads is {experiment.corpus_heads}, but the corpora are {corpora}; use separate")
    if len(corpora) < 2:
        raise SerKerasError(f"corpus_heads=separate needs two corpora; only '{corpora[0]}' was given")
    return corpora


def clipped(spans, snippet_s):
    """[n, 2] spans of samples cut down to the first seconds (None: whole)."""
    if snippet_s is None:
        return spans
    return np.column_stack([spans[:, 0], np.minimum(spans[:, 1], max(1, round(snippet_s * SAMPLE_RATE)))])


def _same_audio(decoded):
    """Lines on identical audio under different speakers or corpora: it would be on both sides of a split."""
    first, lines = {}, []
    for utterance, digest in zip(decoded.utterances, decoded.hashes, strict=True):
        other = first.setdefault(digest, utterance)
        if (other.speaker, other.corpus) != (utterance.speaker, utterance.corpus):
            here, there = (f"{u.name} ({u.speaker or u.corpus})" for u in (utterance, other))
            lines.append(f"LEAK: {here} is the same audio as {there}")
    return lines


def describe_corpora(decoded):
    def known(i):
        """All that folds and labels follow from, and what is heard or seen."""
        u = decoded.utterances[i]
        seen = [] if decoded.frames is None else [decoded.contents[i]]
        seen += [u.activation, u.valence] if (u.activation, u.valence) != (None, None) else []
        return [u.name, u.emotion, u.speaker, u.session, u.split, u.gender, decoded.hashes[i], *seen]

    described = []
    for name in sorted({u.corpus for u in decoded.utterances}):
        own = [i for i, u in enumerate(decoded.utterances) if u.corpus == name]
        speakers = sorted({decoded.utterances[i].speaker or "" for i in own} - {""})
        reader = readers.CORPORA.get(name)
        described.append(
            {
                "name": name,
                "title": readers.title_of(name),
                "licence": reader.licence if reader else "not stated",
                "n_utterances": len(own),
                "n_speakers": len(speakers),
                "speakers": speakers,
                "hours": round(float(decoded.spans[own, 1].sum()) / SAMPLE_RATE / 3600, 4),
                "fingerprint": fingerprint(sorted((known(i) for i in own), key=str)),
            }
        )
    return described
