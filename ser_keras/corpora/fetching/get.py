"""`ser-keras corpora get`: a free corpus from its source into a folder, whole or not at all."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from ser_keras.common.errors import SerKerasError, nearest, write_error
from ser_keras.common.progress import stage
from ser_keras.corpora import CORPORA, NotThisCorpus, scan
from ser_keras.corpora.checking import CheckResult, check
from ser_keras.corpora.fetching.sources import OnRequest, Source


def get(name: str, out: str | Path | None = None) -> tuple[Path, CheckResult | None]:
    """Fetch a corpus, check it file by file, and put it in its place.

    What is on its way lies in `.NAME.partial` beside `out`: after a break the same call goes on from there. The
    folder `out` appears when the corpus is whole.

    Args:
        name: registry name of the corpus.
        out: the folder; a folder of the corpus's name in the current one by default.

    Returns:
        (out, what `check.check` says of it); (out, None) where `out` holds the corpus already.

    Raises:
        SerKerasError: a corpus that can't be fetched, and whom to ask for it; `out` holds something else; no network,
            a wrong checksum, a full disk.
    """
    source = _source(name)
    out = Path(out or name).absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        try:
            scan(name, out)
        except SerKerasError as error:
            raise SerKerasError(f"{out} holds something else ({error}); name a new folder as `out`") from error
        return out, None
    work = out.parent / f".{out.name}.partial"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with _alone(work):
            result = _collect(name, source, work)
            if out.is_dir():
                out.rmdir()
            (work / "corpus").rename(out)
        shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise write_error(
            f"{error.filename or out}: can't be written ({error.strerror or error}); what was fetched is kept, the "
            "same command goes on",
            error,
        ) from error
    return out, result


def _source(name: str) -> Source:
    if name not in CORPORA:
        raise SerKerasError(f"corpus '{name}' is not known; nearest: {nearest(name, CORPORA)}")
    reader = CORPORA[name]
    if not reader.sources:
        free = ", ".join(sorted(n for n, r in CORPORA.items() if r.free_sources))
        raise SerKerasError(f"{name} isn't fetched from anywhere: it is {reader.layout}; free to fetch: {free}")
    for source in reader.sources:
        if isinstance(source, OnRequest):
            raise SerKerasError(
                f"{reader.title} isn't free to fetch: ask {source.whom}; with it: ser-keras corpora check {name}=FOLDER"
            )
        if source.is_installed():
            return source
    raise AssertionError(f"{name}: none of its sources works without a further package")


def _collect(name: str, source: Source, work: Path) -> CheckResult:
    """Fetch into `work/corpus`, and check it."""
    from ser_keras.corpora.fetching.download import session

    into = work / "corpus"
    with session() as http:
        source.collect(http, work, into)
    try:
        n_files = len(scan(name, into).utterances)
        with stage("checking", n_files, "files") as advance:
            return check(name, into, progress=lambda done, total: advance())
    except NotThisCorpus as error:
        shutil.rmtree(work, ignore_errors=True)
        raise SerKerasError(f"what its source gives isn't {name} any more, and was thrown away: {error}") from error


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """One process at a time works in a folder; the lock dies with its process."""
    with open(work / "lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SerKerasError(f"another process is fetching into {work}; wait for it") from error
        yield
