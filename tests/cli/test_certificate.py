"""`fleet certificate` against a server that speaks as the control plane of AWS IoT does."""

import pytest

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ARN = "arn:aws:iot:eu-west-1:123456789012:cert/"
AA, BB, CC = "a" * 64, "b" * 64, "c" * 64


def certificate(says, identifier, *, status="ACTIVE", created=1.0, pem=PEM):
    return says(
        body={
            "certificateDescription": {
                "certificateArn": ARN + identifier,
                "certificateId": identifier,
                "status": status,
                "certificatePem": pem,
                "creationDate": created,
            }
        }
    )


@pytest.fixture
def fetch(run, deployment, tmp_path):
    def invoke(*args, fails=None, env=None):
        return run(
            *("fleet", "certificate", "press-4", "--out", tmp_path / "press-4.crt", "--endpoint-url", deployment.url),
            *args,
            fails=fails,
            env={
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_SESSION_TOKEN": None,
                "AWS_REGION": "eu-west-1",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_PROFILE": None,
                "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_MAX_ATTEMPTS": "1",
                "HTTP_PROXY": None,
                **(env or {}),
            },
        )

    return invoke


def test_the_certificate_of_a_thing_is_written(fetch, deployment, says, tmp_path):
    deployment.script("/things/press-4/principals", says(body={"principals": [ARN + AA]}))
    deployment.script(f"/certificates/{AA}", certificate(says, AA))
    fetch()
    assert (tmp_path / "press-4.crt").read_text() == PEM


def test_the_region_of_either_variable_will_do(fetch, deployment, says, tmp_path):
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        deployment.script("/things/press-4/principals", says(body={"principals": [ARN + AA]}))
        deployment.script(f"/certificates/{AA}", certificate(says, AA))
        fetch(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": None, variable: "eu-west-1"})
        (tmp_path / "press-4.crt").unlink()


def test_of_several_the_newest_active_one_is_taken(fetch, deployment, says, tmp_path):
    deployment.script(
        "/things/press-4/principals",
        says(body={"principals": [ARN + AA, ARN + BB], "nextToken": "more"}),
        says(body={"principals": ["us-east-1:identity", ARN + CC]}),
    )
    deployment.script(f"/certificates/{AA}", certificate(says, AA, created=5.0))
    deployment.script(f"/certificates/{BB}", certificate(says, BB, created=6.0, pem="newest"))
    deployment.script(f"/certificates/{CC}", certificate(says, CC, created=7.0, status="REVOKED"))
    fetch()
    assert (tmp_path / "press-4.crt").read_text() == "newest"


def test_a_thing_without_an_active_certificate_says_what_it_has(fetch, deployment, says, tmp_path):
    deployment.script("/things/press-4/principals", says(body={"principals": [ARN + AA]}))
    deployment.script(f"/certificates/{AA}", certificate(says, AA, status="REVOKED"))
    assert "revoked" in fetch(fails=4).stderr
    assert not (tmp_path / "press-4.crt").exists()


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("ResourceNotFoundException", 4),
        ("AccessDeniedException", 5),
        ("UnrecognizedClientException", 3),
        ("InvalidRequestException", 1),
    ],
)
def test_a_refusal_of_aws_has_its_exit_code(fetch, deployment, says, code, exit_code):
    deployment.script("/things/press-4/principals", says(400, {"message": "no"}, {"x-amzn-errortype": code}))
    assert fetch(fails=exit_code).stderr.startswith("error: AWS")


def test_without_credentials_it_says_that_aws_ones_are_needed(fetch):
    stderr = fetch(env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, fails=3).stderr
    assert "AWS credentials" in stderr


def test_without_a_region_the_option_is_named(fetch):
    assert "--region" in fetch(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, fails=2).stderr


@pytest.mark.parametrize("args", [["--endpoint-url", "nonsense"], ["--aws-profile", "absent"]])
def test_a_wrong_option_is_a_usage_error(fetch, args):
    fetch(*args, fails=2)


def test_an_aws_that_is_not_there_is_unreachable(fetch):
    fetch("--endpoint-url", "http://127.0.0.1:1", fails=6)


def test_a_file_is_replaced_only_by_force(fetch, deployment, says, tmp_path):
    (tmp_path / "press-4.crt").write_text("mine")
    assert "--force" in fetch(fails=2).stderr
    assert (tmp_path / "press-4.crt").read_text() == "mine"
    deployment.script("/things/press-4/principals", says(body={"principals": [ARN + AA]}))
    deployment.script(f"/certificates/{AA}", certificate(says, AA))
    fetch("--force")
    assert (tmp_path / "press-4.crt").read_text() == PEM


def test_out_is_a_file_and_not_a_device_or_folder(fetch, tmp_path):
    (tmp_path / "press-4.crt").mkdir()
    assert "--out" in fetch("--force", fails=2).stderr
