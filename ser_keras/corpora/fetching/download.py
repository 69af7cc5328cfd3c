"""Files from the network: checked, resumed where they broke off, refused in one line."""

import hashlib
import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage

TRIES = 4  # without a byte of progress
PAUSE_S = 1.0  # after the first failure; doubled after each further one
TIMEOUT_S = (15, 60)  # to connect, and between two pieces
THREADS = 8
CHUNK = 1 << 14  # what a broken connection loses at most
MB = 1_000_000


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    Attributes:
        name: where it goes, below a folder, with `/`.
        url: where it is.
        size: bytes, None where nobody says.
        algorithm, checksum: `md5`, `sha1`, `sha256` and its hexadecimal digest, None where none is published.
    """

    name: str
    url: str
    size: int | None = None
    algorithm: str | None = None
    checksum: str | None = None


def session() -> requests.Session:
    """A requests.Session that asks for files as they are; proxies and certificates are the environment's."""
    opened = requests.Session()
    opened.headers.update({"Accept-Encoding": "identity", "User-Agent": "ser-keras"})
    return opened


def get_json(http: requests.Session, url: str) -> Any:  # Any: JSON of a server, whose shape the caller checks
    """A small JSON document.

    Raises:
        SerKerasError: no connection, an error of the server's, or something else than JSON.
    """
    for attempt in range(TRIES):
        try:
            answer = http.get(url, timeout=TIMEOUT_S)
            _refuse_status(answer)
            return answer.json()
        except requests.exceptions.JSONDecodeError as error:
            raise SerKerasError(f"{url}: answers with something else than JSON") from error
        except (_TryLater, requests.RequestException) as error:
            last = error
            if attempt + 1 < TRIES:
                time.sleep(PAUSE_S * 2**attempt)
    raise SerKerasError(_unreachable(url, last))


def fetch_all(http: requests.Session, remotes: Sequence[Remote], folder: Path, *, title: str) -> None:
    """Fetch files into a folder; those that are there already were checked when they came.

    Raises:
        SerKerasError: as `fetch`, or the disk is too small for all of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [r for r in remotes if not (folder / r.name).is_file()]
    check_room(folder, sum(max(0, (r.size or 0) - _held(folder, r)) for r in missing))
    with stage(title, len(remotes), "files") as advance, ThreadPoolExecutor(THREADS) as pool:
        advance(len(remotes) - len(missing))
        jobs = [pool.submit(fetch, http, remote, folder) for remote in missing]
        try:
            for job in jobs:
                job.result()
                advance()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def fetch_one(http: requests.Session, remote: Remote, folder: Path, *, title: str) -> Path:
    """Fetch one large file, with a bar of its megabytes; arguments and errors as `fetch`."""
    held = _held(folder, remote)
    with stage(title, None if remote.size is None else -(-remote.size // MB), "MB") as advance:
        shown = 0

        def progress(n: int) -> None:
            nonlocal held, shown
            held += n
            if held // MB > shown:
                advance(held // MB - shown)
                shown = held // MB

        progress(0)
        path = fetch(http, remote, folder, progress=progress)
        advance(-(-_size(path) // MB) - shown)  # the megabyte that was begun
        return path


def fetch(
    http: requests.Session, remote: Remote, folder: Path, *, progress: Callable[[int], None] = lambda n: None
) -> Path:
    """Fetch a file, going on where an earlier attempt broke off if the server allows it.

    Args:
        http: a requests.Session.
        remote: Remote.
        folder: where it goes; until it is whole and its checksum right it is `NAME.part` there.
        progress: called with the number of bytes of each piece.

    Returns:
        Path.

    Raises:
        SerKerasError: no connection, an error of the server's, a wrong checksum, a disk that is too small.
    """
    target = folder / remote.name
    if target.is_file():
        return target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = _size(part) > 0
    check_room(part.parent, max(0, (remote.size or 0) - _size(part)))
    _complete(http, remote, part, progress=progress)
    wrong = _difference(remote, part)
    if wrong:
        part.unlink()
        if resumed:  # the first half may be of another day's file
            return fetch(http, remote, folder, progress=progress)
        raise SerKerasError(
            f"{remote.url}: {wrong}: the file was damaged on the way or changed at its source, and was thrown away; "
            "the same command tries again"
        )
    os.replace(part, target)
    return target


def _complete(http: requests.Session, remote: Remote, part: Path, *, progress: Callable[[int], None]) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            return _append(http, remote, part, progress=progress)
        except (_TryLater, requests.RequestException) as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures == TRIES:
                raise SerKerasError(_unreachable(remote.url, error, _size(part))) from error
        time.sleep(PAUSE_S * 2 ** (failures - 1))


def _append(http: requests.Session, remote: Remote, part: Path, *, progress: Callable[[int], None]) -> None:
    """One request for what is still missing; raises _TryLater or requests' errors where it ends early."""
    start = _size(part)
    if remote.size is not None and start >= remote.size > 0:
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    with http.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code == 416:  # nothing behind what is held: it was whole, or is of another file
            if answer.headers.get("Content-Range", "").endswith(f"/{start}"):
                return
            part.unlink()
            raise _TryLater("the server has a shorter file")
        _refuse_status(answer)
        whole = answer.status_code != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and whole:
            if answer.status_code == 206:
                part.unlink()
                raise _TryLater("the server sent another part than asked for")
            progress(-start)
            start = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        check_room(part.parent, 0 if total is None else total - start)
        with open(part, "r+b" if start else "wb") as file:
            file.seek(start)
            for piece in answer.iter_content(CHUNK):
                file.write(piece)
                progress(len(piece))
        if total is not None and _size(part) < total:
            raise _TryLater(f"ended at {_size(part)} of {total} bytes")


class _TryLater(Exception):
    """What may be better a moment later."""


def _refuse_status(answer: requests.Response) -> None:
    if answer.status_code in (429, 500, 502, 503, 504):
        raise _TryLater(f"HTTP {answer.status_code} {answer.reason}")
    if answer.status_code >= 400:
        why = "it has moved or isn't given out any more"
        if answer.status_code in (401, 403):
            why = "it isn't given to everyone, or too many requests came from here: try again in an hour"
        raise SerKerasError(f"{answer.url}: HTTP {answer.status_code} {answer.reason}; {why}")


def _unreachable(url: str, error: Exception, held: int = 0) -> str:
    host = urlsplit(url).netloc
    if isinstance(error, _TryLater):
        trouble = f"{host}: {error}"
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        trouble = f"{host}: the connection breaks off"
    else:
        trouble = f"{host} can't be reached ({type(error).__name__})"
    kept = f"; {held / MB:.1f} MB are kept" if held else ""
    return f"{trouble}{kept}; the same command goes on when the network is better"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _held(folder: Path, remote: Remote) -> int:
    return _size(folder / f"{remote.name}.part")


def _digest(algorithm: str, path: Path) -> str:
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _difference(remote: Remote, path: Path) -> str | None:
    """How a fetched file differs from what is published; None where it does not."""
    if remote.size not in (None, _size(path)):
        return f"wrong size ({_size(path)} bytes instead of {remote.size})"
    if remote.algorithm is None or remote.checksum is None:
        return None
    digest = _digest(remote.algorithm, path)
    return None if digest == remote.checksum.lower() else f"wrong checksum ({digest} instead of {remote.checksum})"


def check_room(folder: Path, n_bytes: int) -> None:
    """Refuse what the disk has no room for.

    Raises:
        SerKerasError: less than `n_bytes` are free.
    """
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise SerKerasError(
            f"{folder}: {n_bytes / MB:.0f} MB are needed, {free / MB:.0f} MB are free; make room, or name a folder on "
            "another disk as `out`"
        )


def unpack(archive: Path, folder: Path, keep: Callable[[str], bool] = lambda name: True, *, strip: int = 0) -> None:
    """Unpack a zip archive, every file checked by the archive's own CRC-32.

    Args:
        archive: its path; a damaged one is deleted, so that the next attempt fetches it anew.
        folder: where to; made when missing.
        keep: name within the archive, less `strip` parts -> whether it is wanted.
        strip: how many leading folders of the names are left out.

    Raises:
        SerKerasError: damaged, or the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [(info, "/".join(info.filename.split("/")[strip:])) for info in opened.infolist()]
            wanted = [(i, n) for i, n in entries if n and not i.is_dir() and "__MACOSX" not in n and keep(n)]
            check_room(folder, sum(info.file_size for info, _ in wanted))
            with stage("unpacking", len(wanted), "files") as advance:
                for info, name in wanted:
                    info.filename = name  # `extract` keeps it below the folder, whatever it is
                    opened.extract(info, folder)
                    advance()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, RuntimeError, EOFError) as error:
        Path(archive).unlink(missing_ok=True)
        raise SerKerasError(
            f"{Path(archive).name}: a damaged archive ({error}), thrown away; the same command fetches it again"
        ) from error
