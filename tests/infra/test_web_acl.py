"""The firewall before the REST API: in prod only, with AWS's rules and a bound for each address."""


def test_prod_has_one_before_its_api_and_dev_has_none(deployment):
    acls, associations = deployment.all("AWS::WAFv2::WebACL"), deployment.all("AWS::WAFv2::WebACLAssociation")
    if deployment.stage != "prod":
        assert not acls
        assert not associations
        return
    (acl,), (association,) = acls, associations
    stage = deployment.one("AWS::ApiGateway::Stage")
    assert deployment.render(association.properties["WebACLArn"]) == f"{acl.id}.Arn"
    assert stage.id in deployment.render(association.properties["ResourceArn"])


def test_it_blocks_what_is_known_to_be_bad_and_too_much_of_one_address(prod):
    acl = prod.one("AWS::WAFv2::WebACL").properties
    managed = [rule["Statement"].get("ManagedRuleGroupStatement", {}).get("Name") for rule in acl["Rules"]]
    assert managed == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
        None,
    ]
    assert all(rule["OverrideAction"] == {"None": {}} for rule in acl["Rules"][:3])
    bound = acl["Rules"][3]
    assert bound["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert bound["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429


def test_its_log_holds_what_was_blocked_and_no_token(prod):
    logging = prod.one("AWS::WAFv2::LoggingConfiguration").properties
    redacted = {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]}
    assert redacted == {"authorization", "cookie"}
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
