"""The web application firewall before the REST API: AWS's managed rules, and a bound for each address.

WAF looks at a request before the authorizer does, so that a flood of wrong tokens costs no invocation. It is paid for
by the rule and by the million requests: only stages that say so have one (`StagePolicy.web_acl`).
"""

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.edge_functions import EDGE, VIEWER
from infra.stage import StagePolicy

REQUESTS_IN_FIVE_MINUTES = 3000
"""Of one address, through CloudFront or not: ten a second for as long as it likes. A plant behind one shares it."""
# Bodies of telemetry are larger than the 8 KB that this rule takes, and are bounded by the API itself.
_COUNTED = ("SizeRestrictions_BODY",)

_AS_IT_IS = waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")


class WebAcl(Construct):
    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy, resource_arn: str, edge_key: str) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            description="What is known to be bad, and too much of one address, before the HTTP API of Fieldline.",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen("acl"),
            rules=[
                _managed(0, "AWSManagedRulesAmazonIpReputationList"),
                _managed(1, "AWSManagedRulesKnownBadInputsRuleSet"),
                _managed(2, "AWSManagedRulesCommonRuleSet", _COUNTED),
                _too_much(3, "TooMuchOfOneAddress", _counted("IP", _not(_from_edge(edge_key)))),
                # Behind CloudFront many share its addresses: there each counts by his own.
                _too_much(4, "TooMuchOfOneViewer", _counted("CUSTOM_KEYS", _from_edge(edge_key), VIEWER)),
            ],
        )
        waf.CfnWebACLAssociation(self, "Association", resource_arn=resource_arn, web_acl_arn=self.acl.attr_arn)
        self._log(stage)

    def _log(self, stage: StagePolicy) -> None:
        """What was blocked, without the tokens that came with it."""
        group = logs.LogGroup(
            self,
            "Blocked",
            # WAF writes to groups of this beginning only.
            log_group_name=f"aws-waf-logs-{Stack.of(self).stack_name}",
            retention=stage.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        arn = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        configuration = waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[arn],
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in ("authorization", "cookie")
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                    }
                ],
            },
        )
        configuration.node.add_dependency(group)


def _managed(priority: int, name: str, counted: tuple[str, ...] = ()) -> waf.CfnWebACL.RuleProperty:
    overrides = [
        waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=waf.CfnWebACL.RuleActionProperty(count={}))
        for rule in counted
    ]
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name, rule_action_overrides=overrides or None
            )
        ),
        visibility_config=_seen(name),
    )


def _too_much(priority: int, name: str, counted: waf.CfnWebACL.StatementProperty) -> waf.CfnWebACL.RuleProperty:
    retry = waf.CfnWebACL.CustomHTTPHeaderProperty(name="retry-after", value="60")
    answer = waf.CfnWebACL.CustomResponseProperty(response_code=429, response_headers=[retry])
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        action=waf.CfnWebACL.RuleActionProperty(block=waf.CfnWebACL.BlockActionProperty(custom_response=answer)),
        statement=counted,
        visibility_config=_seen(name),
    )


def _counted(
    by: str, which: waf.CfnWebACL.StatementProperty, header: str | None = None
) -> waf.CfnWebACL.StatementProperty:
    keys = [_key(header)] if header else None
    return waf.CfnWebACL.StatementProperty(
        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
            limit=REQUESTS_IN_FIVE_MINUTES,
            aggregate_key_type=by,
            custom_keys=keys,
            evaluation_window_sec=300,
            scope_down_statement=which,
        )
    )


def _key(header: str) -> waf.CfnWebACL.RateBasedStatementCustomKeyProperty:
    return waf.CfnWebACL.RateBasedStatementCustomKeyProperty(
        header=waf.CfnWebACL.RateLimitHeaderProperty(name=header, text_transformations=[_AS_IT_IS])
    )


def _from_edge(key: str) -> waf.CfnWebACL.StatementProperty:
    return waf.CfnWebACL.StatementProperty(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(single_header={"Name": EDGE}),
            positional_constraint="EXACTLY",
            search_string=key,
            text_transformations=[_AS_IT_IS],
        )
    )


def _not(statement: waf.CfnWebACL.StatementProperty) -> waf.CfnWebACL.StatementProperty:
    return waf.CfnWebACL.StatementProperty(not_statement=waf.CfnWebACL.NotStatementProperty(statement=statement))


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=f"fieldline-{name}", sampled_requests_enabled=False
    )
