"""What was exported of the audit: in a directory, or in the bucket itself."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from cli.aws import plain_errors, session
from cli.errors import CliError, InputError
from contract.audit import Record
from contract.audit_export import (
    CHAINS,
    Manifest,
    manifest_key,
    parse_part_key,
    read_manifest,
    read_part,
)
from contract.errors import DocumentError

_NEEDED = "Reading the exported audit needs credentials that may list and get its objects."


class Files(Protocol):
    def names(self, prefix: str) -> Iterable[str]: ...

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        ...


class Directory:
    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"--export: expected a directory or s3://BUCKET, got {str(root)!r}.")
        self._root = root

    def names(self, prefix: str) -> Iterator[str]:
        for path in sorted((self._root / prefix).rglob("*")):
            if path.is_file():
                yield path.relative_to(self._root).as_posix()

    def read(self, name: str) -> bytes | None:
        path = self._root / name
        return path.read_bytes() if path.is_file() else None


class Bucket:
    def __init__(self, bucket: str, region: str | None, aws_profile: str | None, endpoint_url: str | None) -> None:
        self._bucket = bucket
        with plain_errors(_NEEDED):
            self._client = session(region, aws_profile).client("s3", endpoint_url=endpoint_url)

    def names(self, prefix: str) -> Iterator[str]:
        with plain_errors(_NEEDED):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (found["Key"] for found in page.get("Contents", []))

    def read(self, name: str) -> bytes | None:
        with plain_errors(_NEEDED):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None


class Export:
    def __init__(self, files: Files) -> None:
        self._files = files

    def chains(self, day: str) -> dict[str, list[Record]]:
        """Every exported entry once, in order; where two parts differ over one, the later part's stands beside it."""
        chains: dict[str, dict[Record, None]] = {}
        for name in sorted(self._files.names(f"{CHAINS}day={day}/")):
            part = parse_part_key(name)
            data = self._files.read(name) if part else None
            if part and data is not None:
                chains.setdefault(part.shard, {}).update(dict.fromkeys(_whole(name, read_part, data)))
        return {shard: sorted(records, key=lambda record: record.key) for shard, records in chains.items()}

    def manifest(self, day: str) -> Manifest | None:
        name = manifest_key(day)
        data = self._files.read(name)
        return None if data is None else _manifest(name, data)


def _whole(name: str, read: Callable[[bytes], list[Record]], data: bytes) -> list[Record]:
    try:
        return read(data)
    except DocumentError as exc:
        raise CliError(f"{name} cannot be read: {exc}") from exc


def _manifest(name: str, data: bytes) -> Manifest:
    try:
        return read_manifest(data)
    except DocumentError as exc:
        raise CliError(f"{name} cannot be read: {exc}") from exc


def opened(
    text: str, *, region: str | None = None, aws_profile: str | None = None, endpoint_url: str | None = None
) -> Export:
    """`s3://BUCKET`, or a directory with the bucket's objects as files."""
    if not text.startswith("s3://"):
        return Export(Directory(Path(text)))
    bucket = text.removeprefix("s3://").rstrip("/")
    if not bucket or "/" in bucket:
        raise InputError(f"--export: expected s3://BUCKET without a path, got {text!r}.")
    return Export(Bucket(bucket, region, aws_profile, endpoint_url))
