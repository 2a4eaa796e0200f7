"""The archive of the audit in S3. In `prod` the bucket locks what is written; here nothing is ever written twice."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.audit_export import CHAINS, MANIFESTS, Part, parse_manifest_key, parse_part_key
from functions.adapters.aws import wrapped
from functions.errors import ArchiveError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Archive:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def newest_closed(self) -> str | None:
        return max((day for day in map(parse_manifest_key, self._keys(MANIFESTS)) if day), default=None)

    def parts(self, day: str) -> list[Part]:
        return [part for part in map(parse_part_key, self._keys(f"{CHAINS}day={day}/")) if part]

    def keep(self, key: str, data: bytes) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*")
        except ClientError as exc:
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status != HTTPStatus.PRECONDITION_FAILED:
                raise ArchiveError(f"writing {key}: {exc}") from exc
        except BotoCoreError as exc:
            raise ArchiveError(f"writing {key}: {exc}") from exc

    def _keys(self, prefix: str) -> Iterator[str]:
        more: dict[str, Any] = {}
        while True:
            with wrapped(ArchiveError, f"listing {prefix}"):
                answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **more)
            yield from (found["Key"] for found in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}
