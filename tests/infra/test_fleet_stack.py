"""Device policies, and what the fleet file declares."""

import json

import pytest

from contract import topics
from infra.check import sample_fleet
from infra.devices import MAX_DEVICES, RESERVED, RESOURCES_PER_DEVICE, STACK_LIMIT, declared
from infra.errors import DeclarationError

SELF = "${iot:Connection.Thing.ThingName}"
# The longest partition and region that have AWS IoT.
LONGEST = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "123456789012"}


def policy_statements(deployment):
    return [
        deployment.render(statement)
        for policy in deployment.all("AWS::IoT::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]


def resources_of(deployment, action):
    prefix = "arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:"
    found = [s["Resource"] for s in policy_statements(deployment) if s["Action"] == f"iot:{action}"]
    return {resource.removeprefix(prefix) for resources in found for resource in resources}


def test_a_device_connects_as_itself_only_and_only_when_attached(dev):
    (connect,) = (s for s in policy_statements(dev) if s["Action"] == "iot:Connect")
    assert connect["Resource"] == [f"arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:client/{SELF}"]
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}


@pytest.mark.parametrize(
    ("action", "kind", "names"),
    [
        ("Publish", "topic", topics.policy_publish()),
        ("Subscribe", "topicfilter", topics.policy_subscribe()),
        ("Receive", "topic", topics.policy_receive()),
    ],
)
def test_a_device_may_use_the_contracts_topics_and_no_others(dev, action, kind, names):
    assert resources_of(dev, action) == {f"{kind}/{name}" for name in names}


def test_every_topic_of_the_policy_names_the_device_itself(dev):
    for action in ("Publish", "Subscribe", "Receive"):
        for resource in resources_of(dev, action):
            assert SELF in resource.split("*", maxsplit=1)[0], resource


def test_basic_ingest_is_pinned_to_the_telemetry_rule(dev):
    assert f"topic/$aws/rules/{topics.TELEMETRY_RULE_NAME}/dt/{SELF}/telemetry" in resources_of(dev, "Publish")


def test_only_the_four_data_plane_actions_are_allowed(dev):
    assert {s["Action"] for s in policy_statements(dev)} == {
        "iot:Connect",
        "iot:Publish",
        "iot:Subscribe",
        "iot:Receive",
    }


def test_each_policy_fits_into_what_aws_accepts(dev):
    for policy in dev.all("AWS::IoT::Policy"):
        text = json.dumps(dev.render(policy.properties["PolicyDocument"]), separators=(",", ":"))
        for name, value in LONGEST.items():
            text = text.replace(name, value)
        assert len(text) <= 2048, policy.id


def test_a_declared_device_gets_a_thing_and_an_active_certificate_that_belong_together(dev):
    things = {thing.properties["ThingName"]: thing for thing in dev.all("AWS::IoT::Thing")}
    assert things.keys() == {"press-4", "van-12"}
    attributes = things["press-4"].properties["AttributePayload"]["Attributes"]
    assert attributes == {"model": "machine", "group": "plant-1/line-2"}
    certificates = {c.id: c.properties for c in dev.all("AWS::IoT::Certificate")}
    assert {properties["Status"] for properties in certificates.values()} == {"ACTIVE"}
    policies = {policy.id for policy in dev.all("AWS::IoT::Policy")}
    for attachment in dev.all("AWS::IoT::ThingPrincipalAttachment"):
        name = attachment.properties["ThingName"]
        certificate = dev.render(attachment.properties["Principal"]).removesuffix(".Arn")
        assert certificates[certificate]["CertificateSigningRequest"].splitlines()[1] == name
        attached = {
            dev.render(a.properties["PolicyName"])
            for a in dev.all("AWS::IoT::PolicyPrincipalAttachment")
            if dev.render(a.properties["Principal"]) == f"{certificate}.Arn"
        }
        assert attached == policies


def test_another_device_leaves_the_ids_of_those_before_it_alone(dev, synthesized, tmp_path):
    fleet = sample_fleet(tmp_path, ("a-new-one", "press-4", "van-12"))
    grown = synthesized(tmp_path, stage="dev", fleet=str(fleet))
    before = {c.properties["CertificateSigningRequest"]: c.id for c in dev.all("AWS::IoT::Certificate")}
    after = {c.properties["CertificateSigningRequest"]: c.id for c in grown.all("AWS::IoT::Certificate")}
    assert before.items() < after.items()


def test_the_registry_learns_of_the_same_devices(dev):
    registration = dev.one("Custom::FieldlineFleet").properties
    assert registration["Devices"] == [
        {"name": name, "model": "machine", "group": "plant-1/line-2"} for name in ("press-4", "van-12")
    ]
    # A function that never answers must not hold the deployment for CloudFormation's hour.
    assert int(registration["ServiceTimeout"]) <= 300


def test_the_stack_has_room_for_as_many_devices_as_it_takes(deployment):
    resources = deployment.templates["Fleet"]["Resources"]
    per_device = [id_ for id_ in resources if id_.startswith("Devices")]
    assert len(per_device) == 2 * RESOURCES_PER_DEVICE
    assert len(resources) - len(per_device) <= RESERVED
    assert RESERVED + MAX_DEVICES * RESOURCES_PER_DEVICE <= STACK_LIMIT


def test_more_devices_than_a_stack_holds_are_refused_with_the_number(tmp_path):
    fleet = sample_fleet(tmp_path, [f"press-{n}" for n in range(MAX_DEVICES + 1)])
    with pytest.raises(DeclarationError, match=f"at most {MAX_DEVICES} declared devices, got {MAX_DEVICES + 1}"):
        declared([fleet])


def test_a_device_in_two_files_is_refused_by_name(tmp_path):
    fleets = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        fleets.append(sample_fleet(tmp_path / folder))
    with pytest.raises(DeclarationError, match="name: expected each in one file only, got more than one with press-4"):
        declared(fleets)


def test_devices_come_in_the_order_of_their_names_whatever_the_files_say(tmp_path):
    fleet = sample_fleet(tmp_path, ("van-12", "press-4"))
    assert [device.name for device in declared([fleet])] == ["press-4", "van-12"]


def test_iot_logs_with_a_role_of_its_own(deployment):
    logging = deployment.one("AWS::IoT::Logging").properties
    assert logging["DefaultLogLevel"] == {"dev": "WARN", "prod": "ERROR"}[deployment.stage]
    groups = {group.properties.get("LogGroupName") for group in deployment.all("AWS::Logs::LogGroup", "Fleet")}
    assert "AWSIotLogsV2" in groups


def test_the_repositorys_own_fleet_file_is_valid_and_empty():
    from infra.config import DEFAULT_FLEET

    assert declared([DEFAULT_FLEET]) == ()
