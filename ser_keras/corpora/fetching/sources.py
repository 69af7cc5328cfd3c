"""Where corpora come from: the ways to fetch one, or whom to ask for it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from ser_keras.common.errors import SerKerasError

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class OnRequest:
    """A corpus that its owners give out themselves; `whom` is whom to ask, for a sentence."""

    whom: str


class Source(Protocol):
    """A way to fetch a corpus."""

    def is_installed(self) -> bool:
        """Whether the packages that it needs are there."""

    def collect(self, http: requests.Session, work: Path, into: Path) -> None:
        """Fetch the corpus into the folder `into`; what is on its way lies in `work`, so that a next call goes on."""


class _NeedsNothing:
    def is_installed(self) -> bool:
        return True


@dataclass(frozen=True)
class Archive(_NeedsNothing):
    """A zip archive; without a published md5 only its own CRC-32s are checked, and the corpus's counts afterwards."""

    url: str
    size: int | None = None
    md5: str | None = None

    def collect(self, http: requests.Session, work: Path, into: Path) -> None:
        """Fetch and unpack it."""
        from ser_keras.corpora.fetching.download import Remote, fetch_one, unpack

        name = self.url.rpartition("/")[2]
        remote = Remote(name, self.url, self.size, "md5" if self.md5 else None, self.md5)
        unpack(fetch_one(http, remote, work, title=f"fetching {name}"), into)


@dataclass(frozen=True)
class Dataverse(_NeedsNothing):
    """A data set on a Dataverse server, which publishes a checksum for each of its files."""

    server: str
    doi: str

    def collect(self, http: requests.Session, work: Path, into: Path) -> None:
        """Fetch its files; those that are archives are unpacked."""
        from ser_keras.corpora.fetching.download import Remote, fetch_all, fetch_one, get_json, unpack

        address = f"{self.server}/api/datasets/:persistentId/?persistentId={self.doi}"
        remotes = []
        try:
            for entry in get_json(http, address)["data"]["latestVersion"]["files"]:
                file = entry["dataFile"]
                stated = file.get("checksum") or {"type": "MD5", "value": file["md5"]}
                remotes.append(
                    Remote(
                        name=_below(f"{entry.get('directoryLabel') or ''}/{file['filename']}"),
                        url=f"{self.server}/api/access/datafile/{file['id']}",
                        size=file.get("filesize"),
                        algorithm=stated["type"].lower().replace("-", ""),
                        checksum=stated["value"],
                    )
                )
        except (KeyError, TypeError, AttributeError) as error:
            raise SerKerasError(f"{address}: not a list of files as Dataverse gives it ({error!r})") from error
        archives = [remote for remote in remotes if remote.name.lower().endswith(".zip")]
        fetch_all(http, [remote for remote in remotes if remote not in archives], into, title="fetching")
        for remote in archives:
            unpack(fetch_one(http, remote, work, title=f"fetching {remote.name}"), into)


@dataclass(frozen=True)
class GitHub(_NeedsNothing):
    """Folders and files of a GitHub repository, checked by the SHA-1s of its git tree.

    What the repository keeps in Git LFS is fetched from there and checked by its SHA-256.
    """

    repository: str
    ref: str
    paths: tuple[str, ...]
    api: str = "https://api.github.com"
    archives: str = "https://codeload.github.com"
    media: str = "https://media.githubusercontent.com/media"

    def collect(self, http: requests.Session, work: Path, into: Path) -> None:
        """Fetch and unpack an archive of the repository, then what lies in Git LFS."""
        from ser_keras.corpora.fetching.download import Remote, fetch_all, fetch_one, get_json, unpack

        address = f"{self.api}/repos/{self.repository}/git/trees/{self.ref}?recursive=1"
        tree = get_json(http, address)
        try:
            if tree["truncated"]:
                raise SerKerasError(f"{address}: gives a part of the tree only")
            hashes = {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}
        except (KeyError, TypeError) as error:
            raise SerKerasError(f"{address}: not a git tree as GitHub gives it ({error!r})") from error
        wanted = {_below(path): sha for path, sha in hashes.items() if path.startswith(self.paths)}
        remote = Remote("repository.zip", f"{self.archives}/{self.repository}/zip/{self.ref}")
        archive = fetch_one(http, remote, work, title=f"fetching {self.repository}")
        unpacked = work / "repository"
        unpack(archive, unpacked, wanted.__contains__, strip=1)
        stored = []
        for path, sha in wanted.items():
            data = (unpacked / path).read_bytes() if (unpacked / path).is_file() else b""
            if hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != sha:
                archive.unlink()
                raise SerKerasError(
                    f"{self.repository}: {path} isn't the file of {self.ref}'s tree; the archive was thrown away, the "
                    "same command fetches it again"
                )
            pointer = _LFS.search(data) if len(data) < 1024 else None
            if pointer:
                url = f"{self.media}/{self.repository}/{self.ref}/{quote(path)}"
                stored.append(Remote(path, url, int(pointer[2]), "sha256", pointer[1].decode()))
            else:
                (into / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(unpacked / path, into / path)
        if stored:
            fetch_all(http, stored, into, title="fetching from Git LFS")


_LFS = re.compile(rb"\Aversion https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")


@dataclass(frozen=True)
class Audb:
    """A database of audEERING's public repository, through the package audb, which checks every file's md5."""

    name: str
    version: str

    def is_installed(self) -> bool:
        return importlib.util.find_spec("audb") is not None

    def collect(self, http: requests.Session, work: Path, into: Path) -> None:
        """Load it; audb goes on where it broke off."""
        import audb

        try:
            audb.load_to(str(into), self.name, version=self.version, num_workers=8, cache_root=str(work / "cache"))
        except Exception as error:  # whatever its storage back ends raise
            line = " ".join(str(error).split()) or type(error).__name__
            raise SerKerasError(
                f"audb can't load {self.name} {self.version} ({line[:200]}); with a network, the same command goes on"
            ) from error


def _below(name: str) -> str:
    """A path that a server gives, without what would lead out of the folder it is for."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))
