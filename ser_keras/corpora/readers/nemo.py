"""nEMO, Polish emotional speech: `data.tsv` beside `samples/`."""

from pathlib import Path

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.corpus import GENDERS, Listing, NotThisCorpus, Published, Reader
from ser_keras.corpora.emotions import canonical_emotion
from ser_keras.corpora.fetching.sources import GitHub
from ser_keras.corpora.folders import audio_files, find_folder, name_below
from ser_keras.corpora.readers.tables import read_table
from ser_keras.corpora.utterance import Utterance

COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender")


def scan(root: str | Path) -> Listing:
    """List the corpus; the samples may have another suffix than `data.tsv` gives them.

    `root` holds `data.tsv`, or is up to two levels above.

    Returns:
        Listing; samples that are listed and missing, or there and not listed, are bad files.

    Raises:
        NotThisCorpus: no `data.tsv` with these columns, or none of its samples.
        SerKerasError: a table that can't be read; an emotion or gender that isn't known.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: (f / "data.tsv").is_file())
    table, samples = folder / "data.tsv", folder / "samples"
    if not table.is_file() or not samples.is_dir():
        raise NotThisCorpus(READER.title, root, READER.layout)
    columns, rows = read_table(table, "\t")
    if not set(COLUMNS) <= set(columns):
        raise NotThisCorpus(READER.title, root, READER.layout, f"a data.tsv with the columns {', '.join(columns)}")
    files = {path.stem: path for path in audio_files(samples)}
    utterances: list[Utterance] = []
    bad_files: dict[str, str] = {}
    row_numbers: dict[str, int] = {}
    for number, row in rows:
        stem = Path(row["file_id"]).stem
        if stem in row_numbers:
            raise SerKerasError(f"{table}, row {number}: {row['file_id']} is listed in row {row_numbers[stem]} already")
        row_numbers[stem] = number
        if stem not in files:
            bad_files[f"samples/{row['file_id']}"] = f"listed in data.tsv (row {number}), but not there"
            continue
        try:
            emotion = canonical_emotion(row["emotion"])
        except SerKerasError as error:
            raise SerKerasError(f"{table}, row {number}: {error}") from error
        utterances.append(
            Utterance(
                path=str(files[stem]),
                emotion=emotion,
                speaker=f"nemo/{row['speaker_id']}",
                corpus="nemo",
                name=name_below(files[stem], root),
                text=row["raw_text"],
                gender=GENDERS.get(row["gender"].lower()),
            )
        )
    if not utterances:
        raise NotThisCorpus(READER.title, root, READER.layout, "a data.tsv, and none of the files it names in samples/")
    for stem in files.keys() - row_numbers.keys():
        bad_files[name_below(files[stem], root)] = "not listed in data.tsv"
    return Listing(sorted(utterances, key=lambda u: u.name), bad_files)


READER = Reader(
    name="nemo",
    title="nEMO (Polish emotional speech)",
    language="pl",
    licence="CC BY-NC-SA 4.0",
    citation="Christop, I. (2024). nEMO: Dataset of emotional speech in Polish. LREC-COLING 2024; arXiv:2404.06292.",
    layout="data.tsv (columns file_id, emotion, raw_text, speaker_id, gender) beside samples/ with the files it names",
    editions=(
        Published(
            n_utterances=4481,
            n_speakers=9,
            emotions={
                "anger": 749,
                "fear": 736,
                "happiness": 749,
                "neutral": 809,
                "sadness": 769,
                "surprise": 669,
            },
        ),
    ),
    sources=(GitHub("amu-cai/nEMO", "main", ("data.tsv", "samples/")),),
    limits=("Polish, 9 actors, 90 fixed sentences."),
    acted=True,
    recognisable=True,
    scan=scan,
)
