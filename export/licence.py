"""The terms of a bundle's weights: LICENSE.md where a corpus passes its own on, NOTICE.md where one asks for credit."""

from collections.abc import Sequence

from ser_keras.corpora import CORPORA, title_of
from ser_keras.corpora.attributions import UNSTATED
from ser_keras.export.bundle_json import CorpusTerms, SoundOrigin, SpeechOrigin

NAME = "CC BY-NC-SA 4.0"
TITLE = "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International"
FREE = "CC0-1.0"
URL = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
ODBL = "Open Database License (ODbL)"
ODBL_URL = "https://opendatacommons.org/licenses/odbl/1-0/"
OWN = "Weights that come with ser-keras are under its own licence, Apache-2.0."
DBCL_URL = "https://opendatacommons.org/licenses/dbcl/1-0/"


def corpora_of(origin: SpeechOrigin) -> list[CorpusTerms]:
    """The corpora that weights have seen, those of the weights that they started from (`--init`) among them.

    Args:
        origin: `created_from` of a `bundle.json`.
    """
    corpora: dict[str, CorpusTerms] = {corpus["name"]: corpus for corpus in origin["corpora"]}
    for name in (origin.get("init") or {}).get("corpora", []):
        licence = CORPORA[name].licence if name in CORPORA else None
        corpora.setdefault(name, {"name": name, "title": title_of(name), "licence": licence})
    return list(corpora.values())


def sounds_of(origin: SpeechOrigin) -> list[SoundOrigin]:
    """The noises and rooms that weights have heard, those of the weights that they started from among them."""
    sounds = [*(origin.get("sounds") or []), *(origin.get("init") or {}).get("sounds", [])]
    return list({sound["fingerprint"]: sound for sound in sounds}.values())


def share_alike(origin: SpeechOrigin) -> bool:
    """Whether a corpus is under share-alike terms: the weights then are, too."""
    return any(c.get("licence") == NAME for c in corpora_of(origin))


def share_alike_terms(origin: SpeechOrigin) -> str | None:
    """LICENSE.md, the licence beside the weights: what it asks for, and whom to credit.

    Args:
        origin: `created_from` of a `bundle.json`.

    Returns:
        Markdown text, or None where no corpus is under share-alike terms.
    """
    if not share_alike(origin):
        return None
    lines = [
        f"# {TITLE}",
        "",
        f"The weights in this folder are made from speech under {NAME} and are passed on under the same licence:",
        f"<{URL}>, legal text: <{URL}legalcode>.",
        "",
        "- **Not for commercial use.**",
        "- Whoever passes them on, changed or not, gives the credits below, says what was changed, and uses this",
        "  licence.",
        "- They come as they are, without warranties (section 5 of the licence).",
        "",
        "The program ser-keras has a licence of its own; this one is about the files of this folder.",
        "",
        "Trained on (no recording is contained; the speech was augmented, and a model fitted to it):",
        "",
        *(f"- {_title(c)} ({c.get('licence') or UNSTATED}){_citation(c)}" for c in corpora_of(origin)),
    ]
    return "\n".join(lines) + "\n"


def notice(origin: SpeechOrigin) -> str | None:
    """NOTICE.md: whom the makers of the speech and of the sounds ask to be named.

    Weights are a produced work of a database under the ODbL (section 4.3): they may be under any licence, with a
    notice. The licences of sounds (CC BY and others) ask for the names of those who made them.

    Args:
        origin: `created_from` of a `bundle.json`.

    Returns:
        Markdown text, or None where nobody asks.
    """
    databases = [corpus for corpus in corpora_of(origin) if _open_database(corpus)]
    sounds = sounds_of(origin)
    if not databases and not sounds:
        return None
    licence = "Their licence is in `LICENSE.md`." if share_alike(origin) else OWN
    lines = [
        "# Notice",
        "",
        f"Pass this file on with the weights in this folder. {licence}",
        "No recording is contained: a model was fitted to the speech and the sounds that are named here.",
    ]
    for corpus in databases:
        lines += ["", f"## {_title(corpus)}", "", _database_notice(corpus)]
    for sound in sounds:
        lines += ["", f"## Sounds of {sound['name']} ({sound['licence']})", "", *_sound_notice(sound)]
    return "\n".join(lines) + "\n"


def unsettled(origin: SpeechOrigin) -> list[str]:
    """Lines on sounds whose terms may forbid to pass the weights on, or to sell what is made with them."""
    return [f"sounds of {sound['name']}: {text}" for sound in sounds_of(origin) for text in _doubts(sound)]


def terms_line(origin: SpeechOrigin) -> str | None:
    """One line for the card: what asks for a notice, and where it is; None where nothing does."""
    names = [f"{_short(corpus)} (ODbL)" for corpus in corpora_of(origin) if _open_database(corpus)]
    names += [f"sounds of {sound['name']} ({sound['licence']})" for sound in sounds_of(origin)]
    if not names:
        return None
    doubts = "".join(f" **{line[0].upper()}{line[1:]}.**" for line in unsettled(origin))
    own = "" if share_alike(origin) else f" {OWN}"
    return f"Terms: pass `NOTICE.md` on with the weights; it credits {_listed(names)}.{own}{doubts}"


def _title(corpus: CorpusTerms) -> str:
    return corpus.get("title") or corpus["name"]


def _short(corpus: CorpusTerms) -> str:
    """A corpus's title without what it stands for: `CREMA-D`."""
    return _title(corpus).partition(" (")[0]


def _citation(corpus: CorpusTerms) -> str:
    reader = CORPORA.get(corpus["name"])
    return f": {reader.citation}" if reader and reader.citation else ""


def _open_database(corpus: CorpusTerms) -> bool:
    licence = corpus.get("licence") or ""
    return "ODbL" in licence or "Open Database License" in licence


def _database_notice(corpus: CorpusTerms) -> str:
    """The notice of the ODbL's section 4.3, and the citation."""
    text = f"Contains information from {_short(corpus)}, which is made available under the {ODBL}: <{ODBL_URL}>."
    if "DbCL" in (corpus.get("licence") or ""):
        text += f" Its contents are under the Database Contents License (DbCL): <{DBCL_URL}>."
    citation = _citation(corpus).removeprefix(": ")
    return f"{text}\n\n{citation}" if citation else text


def _sound_notice(sound: SoundOrigin) -> list[str]:
    return [
        *(line for doubt in _doubts(sound) for line in (f"**{doubt[0].upper()}{doubt[1:]}.**", "")),
        "In training they were cut, resampled, changed in level and laid on speech:",
        "",
        *(f"- {line}" for line in sound["attributions"]),
    ]


def _doubts(sound: SoundOrigin) -> list[str]:
    doubts = []
    if UNSTATED in sound["licence"]:
        doubts.append(f"{UNSTATED}; find out before you pass these weights on")
    if "-NC" in sound["licence"]:
        doubts.append("not for commercial use; weights made with them may not be, either")
    if "-SA" in sound["licence"] or "-ND" in sound["licence"]:
        doubts.append("their licence has terms for what is made of them; find out whether weights are")
    return doubts


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
