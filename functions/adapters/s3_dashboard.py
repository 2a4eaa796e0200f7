"""The dashboard in S3: the archive that a deployment uploads, and the bucket behind CloudFront."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code, side_by_side, wrapped
from functions.errors import DashboardError
from functions.ports.dashboard import WebFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_BYTES = 100_000_000
"""Of all files, unpacked: the function holds them in memory."""
_REMOVED_AT_ONCE = 1000


class S3BuiltFiles:
    """`attempts` are those of a role that was changed just now: S3 may not know yet that it reads this archive."""

    def __init__(self, client: "S3Client", bucket: str, key: str, attempts: Iterable[int]) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._attempts = attempts

    def read(self) -> Mapping[str, bytes]:
        try:
            with zipfile.ZipFile(io.BytesIO(self._fetched())) as archive:
                files = [info for info in archive.infolist() if not info.is_dir()]
                if (size := sum(info.file_size for info in files)) > MAX_BYTES:
                    raise DashboardError(f"the build: expected at most {MAX_BYTES} bytes, got {size}")
                return {info.filename: archive.read(info) for info in files}
        except zipfile.BadZipFile as exc:
            raise DashboardError(f"reading {self._key}: {exc}") from exc

    def _fetched(self) -> bytes:
        refused: ClientError | None = None
        for _ in self._attempts:
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._key)["Body"].read()
            except ClientError as exc:
                if error_code(exc) != "AccessDenied":
                    raise DashboardError(f"reading {self._key}: {exc}") from exc
                refused = exc
            except BotoCoreError as exc:
                raise DashboardError(f"reading {self._key}: {exc}") from exc
        raise DashboardError(f"reading {self._key}: {refused}") from refused


class S3Site:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, files: Sequence[WebFile]) -> None:
        side_by_side(self._put, files)

    def paths(self) -> Iterator[str]:
        more: dict[str, Any] = {}
        while True:
            with wrapped(DashboardError, "listing the files that are served"):
                answer = self._client.list_objects_v2(Bucket=self._bucket, **more)
            yield from (found["Key"] for found in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def remove(self, paths: Sequence[str]) -> None:
        for at in range(0, len(paths), _REMOVED_AT_ONCE):
            objects: Any = [{"Key": path} for path in paths[at : at + _REMOVED_AT_ONCE]]
            with wrapped(DashboardError, "removing files"):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if failed := answer.get("Errors"):
                raise DashboardError(f"removing {failed[0].get('Key')}: {failed[0].get('Message')}")

    def _put(self, file: WebFile) -> None:
        with wrapped(DashboardError, f"writing {file.path}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=file.path,
                Body=file.data,
                ContentType=file.content_type,
                CacheControl=file.cache_control,
            )
