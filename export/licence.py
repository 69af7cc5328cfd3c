"""LICENSE.md: the terms that a bundle's weights are under where a corpus passes its own on to what is made of it."""

from ser_keras.corpora import CORPORA, title_of
from ser_keras.export.bundle_json import CorpusTerms, SpeechOrigin

NAME = "CC BY-NC-SA 4.0"
TITLE = "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International"
FREE = "CC0-1.0"
URL = "https://creativecommons.org/licenses/by-nc-sa/4.0/"


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


def share_alike(origin: SpeechOrigin) -> bool:
    """Whether a corpus is under share-alike terms: the weights then are, too."""
    return any(c.get("licence") == NAME for c in corpora_of(origin))


def notice(origin: SpeechOrigin) -> str | None:
    """The licence beside the weights: what it asks for, and whom to credit.

    Args:
        origin: `created_from` of a `bundle.json`.

    Returns:
        Markdown text, or None where no corpus is under share-alike terms.
    """
    if not share_alike(origin):
        return None
    credits = []
    for corpus in corpora_of(origin):
        reader = CORPORA.get(corpus["name"])
        citation = reader and reader.citation
        terms = corpus.get("licence") or "licence not stated"
        credits.append(f"- {corpus.get('title') or corpus['name']} ({terms})" + (f": {citation}" if citation else ""))
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
        *credits,
    ]
    return "\n".join(lines) + "\n"
