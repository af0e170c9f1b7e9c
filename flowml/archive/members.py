"""Members of a model's archive: sizes, digests and the head of the manifest, none trusted.

``manifest.sha256`` is the digest of ``manifest.json``, and that holds the digest of every other
member. Nothing in an archive is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.about import __version__
from flowml.errors import ModelError
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST, DIGEST = "manifest.json", "manifest.sha256"
COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LARGEST_HEADS = 1 << 20  # bytes of an archive beside its members
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same model is the same file, whenever it is written
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
    ValueError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What an archive of one kind holds.

    Parameters
    ----------
    kind : str
        ``format`` of its manifest.
    version : int
        ``format_version`` of its manifest.
    writer : str
        What writes such files, for messages.
    advice : str
        What to do where there is no such file.
    largest : mapping of str to int
        Its members in order, and the largest size of each in bytes.
    """

    kind: str
    version: int
    writer: str
    advice: str
    largest: Mapping[str, int]

    @property
    def content(self) -> set[str]:
        """The members whose digests the manifest holds."""
        return set(self.largest) - {MANIFEST, DIGEST}


def write_archive(
    path: Path | str, layout: Layout, content: Mapping[str, bytes], manifest: Mapping[str, Any]
) -> None:
    """Write an archive.

    Parameters
    ----------
    path : path-like
        The file appears only when it is whole.
    layout : Layout
        Its kind.
    content : mapping of str to bytes
        All members but manifest and digest.
    manifest : mapping of str to object
        Plain values; format, versions and digests are added.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ModelError
        If a member is too large to be read again.
    """
    head = {
        "format": layout.kind,
        "format_version": layout.version,
        "flowml_version": __version__,
        "members": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
    }
    members = dict(content)
    members[MANIFEST] = json.dumps({**manifest, **head}, indent=1, sort_keys=True).encode()
    members[DIGEST] = hashlib.sha256(members[MANIFEST]).hexdigest().encode()
    _refuse_too_large({name: len(data) for name, data in members.items()}, layout)
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        for name in layout.largest:
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])


def read_file(file: Path, shown: str, layout: Layout, sha256: str | None = None) -> bytes:
    """Read the bytes of an archive.

    Parameters
    ----------
    file : Path
        Where it is.
    shown : str
        What the user called it, harmless.
    layout : Layout
        Its kind.
    sha256 : str, optional
        Refuse any file but the one with this hash.

    Returns
    -------
    bytes
        As they lie in the file.

    Raises
    ------
    ModelError
        If it cannot be read, is larger than its members may be, or is not the one that was
        asked for.
    """
    if not file.is_file():
        what = "is a folder, not a model file" if file.is_dir() else "is not there"
        raise ModelError(f"the model {shown} {what}. {layout.advice}")
    most = sum(layout.largest.values()) + LARGEST_HEADS
    try:
        if (size := file.stat().st_size) > most:
            raise ModelError(
                f"{shown} has {size} bytes, more than any model: it is not a file that "
                f"{layout.writer} wrote."
            )
        raw = file.read_bytes()
    except OSError as error:
        raise ModelError(f"could not read {shown}: {error.strerror}.") from error
    found = hashlib.sha256(raw).hexdigest()
    if sha256 is not None and found != sha256.strip().lower():
        raise ModelError(
            f"{shown} has SHA-256 {found}, expected {printable(sha256)}: it is not "
            "the model that was asked for. Get that one, or drop the hash."
        )
    return raw


def read_members(raw: bytes, layout: Layout) -> dict[str, bytes]:
    """Unpack an archive, within limits, and check the digest of its manifest.

    Parameters
    ----------
    raw : bytes
        Of the file.
    layout : Layout
        What it must hold.

    Returns
    -------
    dict of str to bytes
        Every member.

    Raises
    ------
    ModelError
        If it holds anything else, or is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if set(infos) != set(layout.largest) or len(archive.infolist()) != len(infos):
                raise ModelError(
                    "it is an archive, but not of a model that this flowml wrote: an earlier "
                    "version's must be trained anew."
                )
            _refuse_too_large({name: info.file_size for name, info in infos.items()}, layout)
            if any(info.compress_type not in COMPRESSION for info in infos.values()):
                raise ModelError("it is compressed in a way that flowml does not write.")
            members = {name: archive.read(infos[name]) for name in layout.largest}
    except _DAMAGED as error:
        raise ModelError(
            f"it is not a file that {layout.writer} wrote, or is damaged."
        ) from error
    if hashlib.sha256(members[MANIFEST]).hexdigest().encode() != members[DIGEST].strip():
        raise ModelError("its manifest does not match its digest: the file is damaged.")
    return members


def read_manifest_of(members: Mapping[str, bytes], layout: Layout) -> dict[str, Any]:
    """Read a manifest, and check its head.

    Parameters
    ----------
    members : mapping of str to bytes
        As `read_members` returns them.
    layout : Layout
        What it must be.

    Returns
    -------
    dict
        Plain values, of which only the head is checked.

    Raises
    ------
    ModelError
        If it is of another kind or version.
    """
    try:
        manifest = json.loads(members[MANIFEST])
    except (ValueError, RecursionError) as error:
        raise ModelError("its manifest is not JSON.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != layout.kind:
        raise ModelError(f"its manifest is not that of a {layout.kind.replace('-', ' ')}.")
    if not isinstance(manifest.get("flowml_version"), str):
        raise ModelError("its manifest does not say which flowml wrote it.")
    if manifest.get("format_version") != layout.version:
        raise ModelError(
            f"its format is version {printable(manifest.get('format_version'), 20)}; this "
            f"flowml ({__version__}) reads version {layout.version}."
        )
    return manifest


def check_digests(
    manifest: Mapping[str, Any], members: Mapping[str, bytes], layout: Layout
) -> None:
    """Hold every member against the digest that the manifest has of it.

    Parameters
    ----------
    manifest : mapping of str to object
        As `read_manifest_of` returns it.
    members : mapping of str to bytes
        As `read_members` returns them.
    layout : Layout
        What the archive holds.

    Raises
    ------
    ModelError
        If one does not match, or is not covered.
    """
    for name, digest in manifest["members"].items():
        if hashlib.sha256(members[name]).hexdigest() != digest:
            raise ModelError(f"{name} does not match its digest: the file is damaged.")
    if set(manifest["members"]) != layout.content:
        raise ModelError("its manifest does not cover all of its parts.")


def _refuse_too_large(sizes: Mapping[str, int], layout: Layout) -> None:
    for name, size in sizes.items():
        if size > layout.largest[name]:
            raise ModelError(f"{name} in it is larger than {layout.largest[name]} bytes.")
