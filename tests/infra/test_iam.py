"""What each role may do: exactly its catalogue entry, and a wildcard only where AWS knows no name."""

CONSUMERS = {"actions", "alarms", "backtests", "commands", "ingest", "events", "presence", "push", "shadows"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}
# What AWS documents for a function in a VPC, besides the log group that each function has of its own.
PLACE = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}
WITHOUT_RESOURCE = PLACE | {"timestream:DescribeEndpoints", "iot:CreateCertificateFromCsr", "iot:DescribeEndpoint"}


def arns(deployment):
    def arn(kind, name, attribute="Arn"):
        found = [r.id for r in deployment.all(kind) if r.id.startswith(name)]
        return f"{found[0]}.{attribute}" if found else None

    def table(name):
        return arn("AWS::DynamoDB::GlobalTable", name)

    def secret(name):
        return (arn("AWS::SecretsManager::Secret", name) or "").removesuffix(".Arn")

    bucket = arn("AWS::S3::Bucket", "LakeBucket")
    audit = arn("AWS::S3::Bucket", "AuditBucket")
    dashboard = arn("AWS::S3::Bucket", "OriginFiles")
    return {
        "core": table("CoreTable"),
        "core/listing": f"{table('CoreTable')}/index/listing",
        "core/by_model": f"{table('CoreTable')}/index/by_model",
        "core/due": f"{table('CoreTable')}/index/due",
        "commands-queue": arn("AWS::SQS::Queue", "CommandsFeedQueue"),
        "alarms-queue": arn("AWS::SQS::Queue", "AlarmsQueue"),
        "actions-queue": arn("AWS::SQS::Queue", "ActionsQueue"),
        "backtests-queue": arn("AWS::SQS::Queue", "BacktestsQueue"),
        "webhook-key": secret("WebhookKey"),
        "mail": (),  # none of these deployments has a sender of e-mail
        "sms": "all but arn:AWS::Partition:sns:*:*:*",
        "command-requests": "arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:topic/cmd/*/req",
        "state": table("StateTable"),
        "state/by_status": f"{table('StateTable')}/index/by_status",
        "ingest-queue": arn("AWS::SQS::Queue", "IngestFeedQueue"),
        **{
            f"shadows/{name}": f"arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:thing/*/{name}"
            for name in ("state", "config")
        },
        "device-things": "arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:thing/*",
        "device-certificates": "arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:cert/*",
        "device-requests": "*",
        "events": table("EventsTable"),
        "events/by_day": f"{table('EventsTable')}/index/by_day",
        "events/by_subject": f"{table('EventsTable')}/index/by_subject",
        "audit-bucket": audit,
        "audit-bucket/chains": f"{audit}/chains/*",
        "audit-bucket/manifests": f"{audit}/manifests/*",
        "cursor-key": secret("CursorKey"),
        "telemetry": table("TelemetryTable"),
        "user-pool": arn("AWS::Cognito::UserPool", "UsersPool"),
        "live": table("LiveTable"),
        "live-queue": arn("AWS::SQS::Queue", "PushQueue"),
        **{
            f"live-connections/{method.lower()}": "arn:AWS::Partition:execute-api:AWS::Region:AWS::AccountId:"
            f"{deployment.one('AWS::ApiGatewayV2::Api').id}/ws/{method}/@connections/*"
            for method in ("POST", "DELETE")
        },
        "lake": f"{deployment.one('AWS::KinesisFirehose::DeliveryStream').id}.Arn",
        "dashboard-archive": "arn:AWS::Partition:s3:::"
        + "/".join(
            deployment.render(deployment.one("Custom::FieldlineDashboard").properties[name])
            for name in ("ArchiveBucket", "ArchiveKey")
        ),
        "dashboard-bucket": dashboard,
        "dashboard-bucket/files": f"{dashboard}/*",
        "lake-bucket": bucket,
        "lake-bucket/raw": f"{bucket}/raw/*",
        "presence-queue": arn("AWS::SQS::Queue", "PresenceFeedQueue"),
        "influx-admin": arn("AWS::Timestream::InfluxDBInstance", "Influx", "InfluxAuthParametersSecretArn"),
        "influx-write-token": secret("InfluxWriteToken"),
        "influx-read-token": secret("InfluxReadToken"),
        "series-function": arn("AWS::Lambda::Function", "SeriesFunction"),
        "store-admin-function": arn("AWS::Lambda::Function", "StoreAdminFunction"),
        "timestream": arn("AWS::Timestream::Table", "LiveAnalytics"),
        "timestream-endpoints": "*",
        # Its name, which stands for it, begins with a slash.
        "dead-letters-places": "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter"
        f"{deployment.one('AWS::SSM::Parameter').id}",
        **dead_letters(deployment),
    }


def dead_letters(deployment):
    """Every queue that others have as their place of dead letters, or topic rules for errors; and those others."""
    queues = deployment.all("AWS::SQS::Queue")
    # What a function was called with in vain is in no queue that it could go back to.
    of_functions = {
        deployment.render(function.properties["DeadLetterConfig"]["TargetArn"])
        for function in deployment.all("AWS::Lambda::Function")
        if "DeadLetterConfig" in function.properties
    }
    sources = {f"{queue.id}.Arn" for queue in queues if "RedrivePolicy" in queue.properties}
    terminal = {f"{queue.id}.Arn" for queue in queues} - sources - of_functions
    return {"dead-letters": tuple(terminal), "dead-letters/sources": tuple(sources)}


def role_of(deployment, function):
    name = deployment.render(function.properties["Role"]).removesuffix(".Arn")
    (role,) = (role for role in deployment.all("AWS::IAM::Role", function.stack) if role.id == name)
    return role


def granted(deployment, statements_of, listed, role):
    """(action, resource) pairs."""
    pairs = set()
    for statement in statements_of(deployment, role):
        assert statement["Effect"] == "Allow"
        reached = (
            [f"all but {one}" for one in listed(statement["NotResource"])]
            if "NotResource" in statement
            else listed(statement["Resource"])
        )
        pairs |= {(action, resource) for action in listed(statement["Action"]) for resource in reached}
    return pairs


def expected(deployment, spec):
    """The catalogue's grants for these stores, and what running takes: a log group, a queue, a place in a network."""
    function = deployment.function(spec.name)
    store, previous = deployment.store_of(spec)
    by_name = arns(deployment)
    grants = spec.grants_with(store, previous)
    pairs = {
        (action, arn)
        for grant in grants
        for arn in ([by_name[grant.resource]] if isinstance(by_name[grant.resource], str) else by_name[grant.resource])
        for action in grant.actions
    }
    log_group = deployment.render(function.properties["LoggingConfig"]["LogGroup"]) + ".Arn"
    pairs |= {("logs:CreateLogStream", log_group), ("logs:PutLogEvents", log_group)}
    if spec.name in CONSUMERS:
        names = (f"{spec.name.capitalize()}FeedQueue", f"{spec.name.capitalize()}Queue")
        (queue,) = (q for q in deployment.all("AWS::SQS::Queue") if q.id.startswith(names) and "Policy" not in q.id)
        pairs |= {(action, f"{queue.id}.Arn") for action in CONSUME}
    if dead_letters := function.properties.get("DeadLetterConfig"):
        pairs.add(("sqs:SendMessage", deployment.render(dead_letters["TargetArn"])))
    if spec.runs_in_store_network(store, previous):
        pairs |= {(action, "*") for action in PLACE}
    return pairs


def test_a_function_may_do_what_its_entry_grants_and_nothing_else(any_deployment, statements_of, listed):
    for spec in any_deployment.specs:
        role = role_of(any_deployment, any_deployment.function(spec.name))
        assert granted(any_deployment, statements_of, listed, role) == expected(any_deployment, spec), spec.name
        assert "ManagedPolicyArns" not in role.properties


def test_no_two_functions_share_a_role(any_deployment):
    functions = any_deployment.all("AWS::Lambda::Function")
    assert len({any_deployment.render(f.properties["Role"]) for f in functions}) == len(functions)


def _enrols(resource, actions):
    """Things are only made and looked at, so that none that is not a device's can be changed or taken away."""
    allowed = {
        "thing/*": {"iot:CreateThing", "iot:ListThingPrincipals"},
        "cert/*": {
            f"iot:{name}"
            for name in (
                "AttachPolicy",
                "AttachThingPrincipal",
                "DescribeCertificate",
                "DetachPolicy",
                "DetachThingPrincipal",
                "UpdateCertificate",
            )
        },
    }
    return actions <= allowed.get(resource.removeprefix("arn:AWS::Partition:iot:AWS::Region:AWS::AccountId:"), set())


def test_no_role_holds_a_wildcard_where_a_name_is_possible(any_deployment, statements_of, listed):
    checked = 0
    for role in any_deployment.all("AWS::IAM::Role"):
        for statement in statements_of(any_deployment, role):
            checked += 1
            if "NotResource" in statement:
                # A phone number has no ARN.
                assert statement["NotResource"] == "arn:AWS::Partition:sns:*:*:*"
                assert listed(statement["Action"]) == ["sns:Publish"]
                continue
            assert not [action for action in listed(statement["Action"]) if "*" in action], (role.id, statement)
            if statement["Resource"] == "*":
                assert {*listed(statement["Action"])} <= WITHOUT_RESOURCE, (role.id, statement)
                continue
            wide = [r for r in listed(statement["Resource"]) if "*" in r]
            # Firehose names its objects by time, the export of the audit by what they hold; the prefix is as narrow as
            # it can be, for whoever reads them too.
            named_by_content = (".Arn/raw/*", ".Arn/errors/*", ".Arn/chains/*", ".Arn/manifests/*", "/@connections/*")
            # Devices come and go without a deployment: of each, these shadows and its commands' topic are reached.
            of_devices = (":thing/*/state", ":thing/*/config", ":topic/cmd/*/req")
            # The dashboard's bucket holds what its build is made of, and nothing else.
            others = [r for r in wide if not (r.startswith("OriginFiles") and r.endswith(".Arn/*"))]
            # A device's name is anybody's, and a certificate's id AWS IoT's: only these are done to any of them.
            others = [r for r in others if not _enrols(r, {*listed(statement["Action"])})]
            assert all(r.endswith((*named_by_content, *of_devices)) for r in others), (role.id, wide)
    assert checked > len(any_deployment.specs)


def test_only_api_gateway_uses_a_managed_policy(any_deployment):
    managed = [role for role in any_deployment.all("AWS::IAM::Role") if "ManagedPolicyArns" in role.properties]
    (role,) = managed
    assert role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "apigateway.amazonaws.com"
    }


def test_iot_assumes_a_role_only_for_this_account_and_a_rule_only_for_itself(deployment):
    rules = {rule.properties["RuleName"] for rule in deployment.all("AWS::IoT::TopicRule")}
    pinned = set()
    for role in deployment.all("AWS::IAM::Role"):
        (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if trust["Principal"] != {"Service": "iot.amazonaws.com"}:
            continue
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        if source := trust["Condition"].get("ArnEquals"):
            pinned.add(deployment.render(source["aws:SourceArn"]).rpartition("/")[2])
    assert pinned == rules
