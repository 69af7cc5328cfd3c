"""The project's canonical emotion names and the class maps that recipes make of them."""

from collections import Counter

from ser_keras.common.errors import SerKerasError, nearest

EMOTIONS = (
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "other",
    "sadness",
    "surprise",
)

# Other words for the canonical emotions, as corpora and tables write them.
EMOTION_ALIASES = {
    "afraid": "fear",
    "amusement": "happiness",
    "angry": "anger",
    "anxiety": "fear",
    "anxious": "fear",
    "bored": "boredom",
    "contemptuous": "contempt",
    "disgusted": "disgust",
    "excited": "excitement",
    "fearful": "fear",
    "frustrated": "frustration",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "pleasant surprise": "surprise",
    "sad": "sadness",
    "scared": "fear",
    "surprised": "surprise",
}


def check_emotion(name):
    """Return `name` if it is canonical.

    Raises:
        SerKerasError: it is not; the message names the nearest canonical ones.
    """
    if name not in EMOTIONS:
        raise SerKerasError(f"'{name}' is no emotion that the project knows; nearest: {nearest(name, EMOTIONS)}")
    return name


def canonical_emotion(name):
    """The canonical emotion that a corpus means, whatever its capitals, `_` or `-`, or a common other word for it.

    Raises:
        SerKerasError: it means none; the message names the nearest.
    """
    plain = " ".join(str(name).lower().replace("_", " ").replace("-", " ").split())
    plain = EMOTION_ALIASES.get(plain, plain)
    if plain not in EMOTIONS:
        raise SerKerasError(
            f"'{name}' is no emotion that the project knows; nearest: {nearest(plain, (*EMOTIONS, *EMOTION_ALIASES))}"
        )
    return plain


def class_of_emotion(classes):
    """Invert an ordered class map (`{"happiness": ["happiness", "excitement"]}`) to emotion -> class index."""
    lookup = {}
    for index, (name, members) in enumerate(classes.items()):
        for emotion in members:
            check_emotion(emotion)
            if emotion in lookup:
                raise SerKerasError(f"emotion '{emotion}' stands in two classes ('{name}' is the second)")
            lookup[emotion] = index
    return lookup


def select(utterances, classes):
    """Keep the utterances whose emotion is in the class map, and the classes that have data.

    Args:
        utterances: list of Utterance.
        classes: ordered map from class name to the canonical emotions merged into it.

    Returns:
        (utterances kept, their labels as a list of ints, the classes that have data, a list of lines saying
        what was dropped and how often).

    Raises:
        SerKerasError: fewer than two classes are left.
    """
    lookup = class_of_emotion(classes)
    unlisted = Counter(u.emotion for u in utterances if u.emotion not in lookup)
    kept = [u for u in utterances if u.emotion in lookup]
    present = {lookup[u.emotion] for u in kept}
    live = {name: list(members) for i, (name, members) in enumerate(classes.items()) if i in present}
    lines = [f"emotion '{e}' is in no class: {n} utterances dropped" for e, n in sorted(unlisted.items())]
    lines += [f"class '{name}' has no data: dropped" for i, name in enumerate(classes) if i not in present]
    if len(live) < 2:
        raise SerKerasError(
            f"{len(live)} of the classes {', '.join(classes)} has data, and two are needed "
            f"(the corpus holds: {', '.join(sorted({u.emotion for u in utterances})) or 'nothing'})"
        )
    lookup = class_of_emotion(live)
    return kept, [lookup[u.emotion] for u in kept], live, lines
