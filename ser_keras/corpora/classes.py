"""The class map of a recipe: which emotions a class consists of, and the utterances of each class."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.emotions import check_emotion
from ser_keras.corpora.utterance import Utterance

ClassMap = Mapping[str, Sequence[str]]  # class -> the canonical emotions merged into it; ordered as the outputs


def class_of_emotion(classes: ClassMap) -> dict[str, int]:
    """Invert an ordered class map (`{"happiness": ["happiness", "excitement"]}`) to emotion -> class index."""
    lookup = {}
    for index, (name, members) in enumerate(classes.items()):
        for emotion in members:
            check_emotion(emotion)
            if emotion in lookup:
                raise SerKerasError(f"emotion '{emotion}' stands in two classes ('{name}' is the second)")
            lookup[emotion] = index
    return lookup


def select(
    utterances: Sequence[Utterance], classes: ClassMap
) -> tuple[list[Utterance], list[int], dict[str, list[str]], list[str]]:
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
