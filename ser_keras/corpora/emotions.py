"""The canonical emotion names, and other words for them."""

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


def check_emotion(name: str) -> str:
    """Return `name` if it is canonical.

    Raises:
        SerKerasError: it is not; the message names the nearest canonical ones.
    """
    if name not in EMOTIONS:
        raise SerKerasError(f"'{name}' is no emotion that the project knows; nearest: {nearest(name, EMOTIONS)}")
    return name


def canonical_emotion(name: str) -> str:
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
