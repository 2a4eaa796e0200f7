"""The firewall before the REST API: in prod only, with AWS's rules and a bound for each address."""

from infra.edge_functions import EDGE, VIEWER


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
        None,
    ]
    assert all(rule["OverrideAction"] == {"None": {}} for rule in acl["Rules"][:3])
    for bound in acl["Rules"][3:]:
        assert bound["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429
        assert bound["Statement"]["RateBasedStatement"]["Limit"] == 3000


def through_cloudfront(statement):
    return statement["ByteMatchStatement"]["FieldToMatch"] == {"SingleHeader": {"Name": EDGE}}


def test_who_comes_through_cloudfront_counts_by_his_own_address_which_nobody_else_may_claim(prod):
    """Many viewers share CloudFront's addresses; and whoever asks the API itself could name a new one each time."""
    acl = prod.render(prod.one("AWS::WAFv2::WebACL").properties)
    direct, viewers = (rule["Statement"]["RateBasedStatement"] for rule in acl["Rules"][3:])
    assert direct["AggregateKeyType"] == "IP"
    assert through_cloudfront(direct["ScopeDownStatement"]["NotStatement"]["Statement"])
    assert viewers["AggregateKeyType"] == "CUSTOM_KEYS"
    assert [key["Header"]["Name"] for key in viewers["CustomKeys"]] == [VIEWER]
    assert through_cloudfront(viewers["ScopeDownStatement"])
    matched = viewers["ScopeDownStatement"]["ByteMatchStatement"]
    assert matched["PositionalConstraint"] == "EXACTLY"
    distribution = prod.render(prod.one("AWS::CloudFront::Distribution").properties["DistributionConfig"])
    sent = [one["OriginCustomHeaders"] for one in distribution["Origins"] if "OriginCustomHeaders" in one]
    assert sent == [[{"HeaderName": EDGE, "HeaderValue": matched["SearchString"]}]]
    assert matched["SearchString"].endswith(".RootResourceId")


def test_its_log_holds_what_was_blocked_and_no_token(prod):
    logging = prod.one("AWS::WAFv2::LoggingConfiguration").properties
    redacted = {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]}
    assert redacted == {"authorization", "cookie"}
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
