"""MES, Mandarin Emotional Speech, by a table: nothing of its layout is published.

Huang et al. (2014) report figures on it; the copy of their paper that this project has lacks the reference. Its
speakers, classes and counts, and where to get it, are not known here: `manifest.csv` says what the files are.
"""

from pathlib import Path

from ser_keras.corpora.corpus import Listing, Reader
from ser_keras.corpora.fetching.sources import OnRequest
from ser_keras.corpora.readers import manifest


def scan(root: str | Path) -> Listing:
    """Read `manifest.csv`, whose speakers become `mes/...`.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no table.
        SerKerasError: as `manifest.scan`.
    """
    return manifest.scan(root, "mes", READER.title)


READER = Reader(
    name="mes",
    title="MES (Mandarin Emotional Speech)",
    language="zh",
    licence="not known",
    citation=(
        "Huang, Z., Dong, M., Mao, Q. and Zhan, Y. (2014). Speech emotion recognition using CNN. ACM Multimedia 2014, "
        "Orlando, 801-804 (which uses it)."
    ),
    layout="manifest.csv beside the recordings, with the columns path, emotion, speaker (docs/corpora.md)",
    sources=(OnRequest("the authors of Huang et al. (2014), Jiangsu University: no public source is known"),),
    scan=scan,
)
