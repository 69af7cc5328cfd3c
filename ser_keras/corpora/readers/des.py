"""DES, Danish Emotional Speech, by a table: its files' names are nowhere published.

What is published (Engberg et al. 1997): four actors, two women and two men, speak two words, nine sentences and two
passages; neutral, surprise, happiness, sadness and anger; some 30 minutes in all. Neither the names of the files nor
how the passages are cut is, so there is nothing that a reader could go by: `manifest.csv` says what the files are.
"""

from pathlib import Path

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.corpus import Listing, Reader
from ser_keras.corpora.fetching.sources import OnRequest
from ser_keras.corpora.readers import manifest

EMOTIONS = ("anger", "happiness", "neutral", "sadness", "surprise")
N_SPEAKERS = 4


def scan(root: str | Path) -> Listing:
    """Read `manifest.csv`, whose speakers become `des/...`, and hold it against what is known of the corpus.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no table.
        SerKerasError: as `manifest.scan`; an emotion that DES hasn't; rows without speakers, or more than four of
            them.
    """
    listing = manifest.scan(root, "des", READER.title)
    strange = next((u for u in listing.utterances if u.emotion not in EMOTIONS), None)
    if strange is not None:
        raise SerKerasError(f"{root}: {strange.name} is said to be {strange.emotion}; DES has {', '.join(EMOTIONS)}")
    speakers = {u.speaker for u in listing.utterances}
    if None in speakers or len(speakers) > N_SPEAKERS:
        found = "no speakers" if None in speakers else f"{len(speakers)} speakers"
        raise SerKerasError(f"{root}: its table names {found}; DES has {N_SPEAKERS}")
    return listing


READER = Reader(
    name="des",
    title="DES (Danish Emotional Speech)",
    language="da",
    licence="by agreement with Aalborg University",
    citation=(
        "Engberg, I. S., Hansen, A. V., Andersen, O. and Dalsgaard, P. (1997). Design, recording and verification of a "
        "Danish emotional speech database. Eurospeech 1997, Rhodes, 1695-1698."
    ),
    layout="manifest.csv beside the recordings, with the columns path, emotion, speaker (docs/corpora.md)",
    sources=(OnRequest("Aalborg University, Department of Electronic Systems, which recorded it"),),
    acted=True,
    scan=scan,
)
