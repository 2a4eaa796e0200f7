"""The custom resource from CloudFormation's event to its answer, with an archive and a bucket in S3."""

import io
import json
import zipfile
from types import SimpleNamespace

import boto3
import pytest

from functions import bootstrap
from functions.adapters import s3_dashboard
from functions.adapters.backoff import Backoff
from functions.handlers import dashboard_files

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)
BUILD = {
    "index.html": "<!doctype html>1",
    "sw.js": "1",
    "assets/app-1.js": "1",
    "assets/app-1.js.gz": "packed",
    ".vite/manifest.json": "{}",
}


@pytest.fixture
def s3(aws):
    client = boto3.client("s3")
    for bucket in ("archives", "site"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


@pytest.fixture
def ask(s3, monkeypatch):
    """Has CloudFormation ask for a deployment of these files and gives its answer."""
    monkeypatch.setenv("FIELDLINE_DASHBOARD_BUCKET", "site")
    answers = []
    monkeypatch.setattr(dashboard_files.cloudformation, "answer", lambda *said: answers.append(said))

    def ask(kind="Create", files=BUILD, key="1.zip", **properties):
        if files is not None:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.mkdir("assets")
                for name, text in files.items():
                    archive.writestr(name, text)
            s3.put_object(Bucket="archives", Key=key, Body=packed.getvalue())
        wanted = {"ArchiveBucket": "archives", "ArchiveKey": key, "MapTiles": "", **properties}
        event = {"RequestType": kind, "ResourceProperties": wanted}
        dashboard_files.handler(event, CONTEXT)
        said, physical_id, problem = answers[-1]
        assert (said, physical_id) == (event, "fieldline-dashboard")
        return problem

    return ask


def served(s3):
    return {one["Key"] for one in s3.list_objects_v2(Bucket="site").get("Contents", [])}


def test_a_build_is_served_with_its_types_and_how_long_it_may_be_kept(ask, s3):
    assert ask() is None
    assert served(s3) == {"index.html", "sw.js", "assets/app-1.js", "config.json"}
    page, script = (s3.get_object(Bucket="site", Key=key) for key in ("index.html", "assets/app-1.js"))
    assert (page["ContentType"], page["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")
    assert script["ContentType"] == "text/javascript; charset=utf-8"
    assert script["CacheControl"] == "public, max-age=31536000, immutable"
    assert page["Body"].read() == b"<!doctype html>1"


def test_a_tab_of_before_finds_its_scripts_and_nothing_else_of_before_stays(ask, s3):
    ask()
    assert ask("Update", {"index.html": "2", "assets/app-2.js": "2"}, "2.zip") is None
    assert served(s3) == {"index.html", "assets/app-1.js", "assets/app-2.js", "config.json"}
    assert s3.get_object(Bucket="site", Key="index.html")["Body"].read() == b"2"


def test_index_html_comes_last(ask, monkeypatch):
    order, put = [], s3_dashboard.S3Site._put
    monkeypatch.setattr(s3_dashboard.S3Site, "_put", lambda self, file: (order.append(file.path), put(self, file)))
    ask()
    assert order[0] == "assets/app-1.js"
    assert order[-1] == "index.html"


def test_the_app_is_told_where_tiles_come_from(ask, s3):
    ask(MapTiles="https://tiles.example.com/{z}/{x}/{y}.png")
    told = json.loads(s3.get_object(Bucket="site", Key="config.json")["Body"].read())
    assert told == {"map_tiles": "https://tiles.example.com/{z}/{x}/{y}.png"}


def test_nothing_stays_when_the_stack_goes_so_that_its_bucket_can_go_too(ask, s3):
    ask()
    ask("Update", {"index.html": "2"}, "2.zip")
    assert ask("Delete", None) is None
    assert served(s3) == set()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"sw.js": "1"}, "DashboardError: the build: expected a file index.html, got 1 others"),
        ({"index.html": "1", "a.docx": "1"}, "DashboardError: the build: a.docx: expected one of .css"),
        (None, "DashboardError: reading 1.zip: "),
    ],
)
def test_a_build_that_cannot_be_served_fails_the_deployment_and_changes_nothing(ask, s3, files, told):
    assert ask("Create", files).startswith(told)
    assert served(s3) == set()


def test_an_archive_that_is_none_is_told(ask, s3):
    s3.put_object(Bucket="archives", Key="1.zip", Body=b"no archive")
    assert ask("Create", None).startswith("DashboardError: reading 1.zip: ")


def test_a_build_that_does_not_fit_into_memory_is_refused(ask, s3, monkeypatch):
    monkeypatch.setattr(s3_dashboard, "MAX_BYTES", 10)
    assert "expected at most 10 bytes, got" in ask()
    assert served(s3) == set()


class Hesitant:
    """S3 that does not know yet what the role may read."""

    def __init__(self, client, refusals):
        self._client = client
        self.refusals = refusals

    def get_object(self, **request):
        if self.refusals:
            self.refusals -= 1
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yet"}}, "GetObject")
        return self._client.get_object(**request)

    def __getattr__(self, name):
        return getattr(self._client, name)


@pytest.mark.parametrize(("refusals", "told"), [(5, None), (1000, "DashboardError: reading 1.zip: ")])
def test_a_role_that_was_changed_just_now_is_waited_for(ask, s3, monkeypatch, refusals, told):
    monkeypatch.setattr(bootstrap.upkeep, "clients", lambda: lambda _: Hesitant(s3, refusals))
    monkeypatch.setattr(
        "functions.adapters.backoff.Backoff", lambda **more: Backoff(**{**more, "sleep": lambda _: None})
    )
    problem = ask()
    assert problem is None if told is None else problem.startswith(told)
