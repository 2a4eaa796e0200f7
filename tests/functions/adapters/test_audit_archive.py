"""The archive of the audit in memory and in S3: one suite."""

import boto3
import pytest

from contract.audit_export import Part, manifest_key, part_key
from functions.adapters.memory_audit import MemoryArchive
from functions.adapters.s3_audit import S3Archive
from functions.errors import ArchiveError

PART = Part("2026-03-01", "07", 1, 42, 1_772_366_400_000)


@pytest.fixture(params=["memory", "s3"])
def archive(request):
    if request.param == "memory":
        return MemoryArchive()
    request.getfixturevalue("aws")
    client = boto3.client("s3", region_name="eu-west-1")
    client.create_bucket(Bucket="audit", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Archive(client, "audit")


def test_parts_are_listed_by_day_and_what_is_none_is_passed_over(archive):
    other = PART._replace(day="2026-03-02")
    for key in (part_key(PART), part_key(other), "chains/day=2026-03-01/shard=07/notes.txt"):
        archive.keep(key, b"x")
    assert archive.parts("2026-03-01") == [PART]
    assert archive.parts("2026-03-03") == []


def test_the_newest_closed_day_is_that_of_the_last_manifest(archive):
    assert archive.newest_closed() is None
    for day in ("2026-03-01", "2026-03-10", "2026-03-02"):
        archive.keep(manifest_key(day), b"{}")
    assert archive.newest_closed() == "2026-03-10"


def test_what_is_kept_is_not_written_over(archive):
    archive.keep(part_key(PART), b"first")
    archive.keep(part_key(PART), b"second")
    kept = (
        archive.objects[part_key(PART)]
        if isinstance(archive, MemoryArchive)
        else archive._client.get_object(Bucket="audit", Key=part_key(PART))["Body"].read()
    )
    assert kept == b"first"


def test_a_bucket_that_is_not_there_is_an_error_of_ours(aws):
    archive = S3Archive(boto3.client("s3", region_name="eu-west-1"), "nowhere")
    with pytest.raises(ArchiveError, match="writing manifests"):
        archive.keep(manifest_key("2026-03-01"), b"{}")
    with pytest.raises(ArchiveError, match="listing"):
        archive.newest_closed()
