"""Where the function is: what the stacks and the laptop's file say."""

import json

import pytest

from tests.cli.backfill.conftest import FUNCTION, NOW
from tests.functions.moving import everything, message


def stacks(*named):
    members = "".join(
        f"<member><StackName>{name}</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>"
        "<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>"
        + "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for key, value in outputs.items()
        )
        + "</Outputs></member>"
        for name, outputs in named
    )
    return (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>'
        f"<Stacks>{members}</Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ).encode()


@pytest.fixture
def dry_run(run, deployment, says, environment):
    """A dry run against AWS as `deployment` answers for it; gives the functions that were asked."""

    def invoke(*args, fails=None, env=None):
        name = "/2015-03-31/functions/{}/invocations"
        for function in ("dev-function", "prod-function"):
            deployment.script(name.format(function), says(body={"v": 1, "answer": "listing"}))
        words = ("telemetry", "backfill", "--from", "lake", "--to", "new", "--since", "7d", "--dry-run", *args)
        result = run(*words, fails=fails, env={**environment, **(env or {})})
        return result, [one.path.split("/")[3] for one in deployment.asked if one.path.startswith("/2015")]

    return invoke


DEV = ("Fieldline-dev-Data", {"CoreTableName": "core", "BackfillFunctionName": "dev-function"})
PROD = ("Fieldline-prod-Data", {"BackfillFunctionName": "prod-function"})
OTHER = ("Someone-Else", {"BackfillFunctionName": "theirs"})


def test_the_stacks_say_what_the_function_is_called(dry_run, deployment, says):
    deployment.script("/", says(body=stacks(("Fieldline-dev-Api", {}), DEV, OTHER)))
    assert dry_run("--endpoint-url", deployment.url)[1] == ["dev-function"]


def test_of_several_deployments_one_is_chosen_by_its_stage(dry_run, deployment, says):
    deployment.script("/", *[says(body=stacks(DEV, PROD))] * 2)
    result, asked = dry_run("--endpoint-url", deployment.url, fails=2)
    assert "(Fieldline-dev-Data, Fieldline-prod-Data): choose one with --stage." in " ".join(result.stderr.split())
    assert asked == []
    assert dry_run("--endpoint-url", deployment.url, "--stage", "prod")[1] == ["prod-function"]


def test_an_account_without_a_deployment_is_told(dry_run, deployment, says):
    deployment.script("/", says(body=stacks(OTHER)))
    result, _ = dry_run("--endpoint-url", deployment.url, fails=4)
    assert "No stack Fieldline-* of this account and region names a BackfillFunctionName." in result.stderr


def test_who_may_not_look_at_stacks_is_told_so(dry_run, deployment, says):
    denied = (
        b'<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
        b"<Code>AccessDenied</Code><Message>not authorized</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    deployment.script("/", says(403, denied))
    assert "AWS refuses: not authorized" in dry_run("--endpoint-url", deployment.url, fails=5)[0].stderr


@pytest.fixture
def laptop(tmp_path, monkeypatch, url):
    """A laptop cloud was started here."""

    def started(port=8420, **changes):
        folder = tmp_path / "checkout" / ".local" / str(port)
        folder.mkdir(parents=True)
        known = {
            "api": "http://127.0.0.1:8420/v1",
            "user": "admin",
            "password": "x",
            "aws": url,
            "account": "123456789012",
            "region": "eu-west-1",
            "outputs": {"BackfillFunctionName": FUNCTION},
        }
        (folder / "instance.json").write_text(json.dumps({**known, **changes}))
        monkeypatch.chdir(tmp_path / "checkout")

    return started


def local(run, environment, *args, fails=None):
    words = ("telemetry", "backfill", "--from", "lake", "--to", "new", "--since", "2025-11-01", "--local")
    without = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_REGION": None}
    return run(*words, *args, fails=fails, env={**environment, **without})


def test_the_laptops_cloud_is_found_by_its_file_and_needs_no_credentials(run, laptop, cloud, environment):
    laptop()
    cloud.take(message(0, NOW, (NOW, "good", {"temperature": 1})))
    cloud.deliver()
    local(run, environment)
    assert len(everything(cloud.new, "pump-1", NOW)) == 1


def test_of_several_laptop_clouds_one_is_chosen_by_its_port(run, laptop, environment):
    laptop(8420)
    laptop(8520)
    assert "choose one with --port (8420, 8520)" in local(run, environment, fails=2).stderr
    local(run, environment, "--port", 8520)


def test_a_laptop_cloud_of_before_has_no_such_function(run, laptop, environment):
    laptop(outputs={})
    assert "has no function that moves history" in local(run, environment, fails=4).stderr


def test_a_file_that_names_another_machine_is_not_believed(run, laptop, environment):
    laptop(aws="http://example.com")
    assert "names another machine" in local(run, environment, fails=2).stderr
