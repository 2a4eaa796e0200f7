"""Rules: what is watched for, on which devices, and what is done about it."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.models import Severity
from contract.rules import to_document
from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Rule, rule_id
from functions.api.request import Request
from functions.domain.definitions import MAX_ORIGIN_CHARS, Version
from functions.domain.rules import parse_rule_scope
from functions.services.rules import Checked, InstalledRule, RuleFilter, Rules

_Limit = Annotated[int, Query(ge=1, le=200)]
_Scope = Annotated[str | None, Query(max_length=400)]
_Origin = Annotated[str | None, Query(max_length=MAX_ORIGIN_CHARS)]


class RuleToInstall(BaseModel):
    """A rule's document. `origin` names the set of files that it comes from, which may take it away again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    document: dict[str, Any]
    origin: str | None = Field(default=None, min_length=1, max_length=MAX_ORIGIN_CHARS)


class RuleToCheck(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    document: dict[str, Any]


class Author(msgspec.Struct, frozen=True):
    id: str
    name: str


class RemarkView(msgspec.Struct, frozen=True):
    """Something that is perhaps not meant, such as a metric that no model has."""

    field: str
    detail: str


class ProblemView(msgspec.Struct, frozen=True):
    field: str
    expected: str
    got: str


class RuleView(msgspec.Struct, frozen=True):
    """A rule as it stands, `severity` being the worst that its alarms have.

    One that a model brings along has `default` true, that model's version, and neither times, author nor origin.
    """

    id: str
    title: str
    scope: str
    enabled: bool
    severity: Severity | None
    version: int
    default: bool
    origin: str | None
    created_at: int | None
    updated_at: int | None
    by: Author | None
    document: dict[str, Any]
    remarks: tuple[RemarkView, ...]


class RulesView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor."""

    items: tuple[RuleView, ...]
    cursor: str | None


class VersionView(msgspec.Struct, frozen=True):
    """A rule or model as it was from `at` on; `document` is null where it was deleted then."""

    version: int
    at: int
    by: Author
    deleted: bool
    origin: str | None
    document: dict[str, Any] | None


class VersionsView(msgspec.Struct, frozen=True):
    items: tuple[VersionView, ...]
    cursor: str | None


class CheckedView(msgspec.Struct, frozen=True):
    """`document` is the rule as it would be kept, null where there are problems."""

    valid: bool
    problems: tuple[ProblemView, ...]
    remarks: tuple[RemarkView, ...]
    document: dict[str, Any] | None


class RuleOperations:
    def __init__(self, request: Request, rules: Rules, cursors: Cursors) -> None:
        self._request = request
        self._rules = rules
        self._cursors = cursors

    @answers(RulesView)
    def list_rules(
        self,
        scope: _Scope = None,
        origin: _Origin = None,
        defaults: Annotated[bool, Query()] = True,  # noqa: FBT002 - a parameter of the query
        limit: _Limit = 100,
        cursor: Cursor = None,
    ) -> Answer:
        """The rules that concern something I may see, by id; also those that models bring along, unless `defaults` is
        false or an `origin` is asked for.
        """
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_rules")
        wanted = RuleFilter(scope=None if scope is None else parse_rule_scope(scope), origin=origin, defaults=defaults)
        found, more = self._rules.listed(who, wanted, limit, inner)
        return answer(RulesView(tuple(map(rule_view, found)), self._cursors.close(more, who, "list_rules")))

    @answers(RuleView, status=201, etag=True, problems=("conflict",))
    def create_rule(self, rule: Annotated[RuleToInstall, Body()]) -> Answer:
        """Install a rule over a scope that is mine to administer; `*` and `model:` take a role over everything."""
        return _answer(self._rules.create(self._request.actor, rule.document, rule.origin), status=201)

    @answers(RuleView, etag=True)
    def show_rule(self, rule: Rule) -> Answer:
        """A rule as it is installed, or as a model brings it along."""
        return _answer(self._rules.show(self._request.who, rule_id(rule)))

    @answers(RuleView, etag=True, problems=("conflict",))
    def replace_rule(self, rule: Rule, wanted: Annotated[RuleToInstall, Body()]) -> Answer:
        """The next version of a rule. Where its conditions change it starts anew, and its alarms are cleared."""
        actor, version = self._request.actor, self._request.if_match(required=True)
        return _answer(self._rules.replace(actor, rule_id(rule), wanted.document, wanted.origin, version))

    @answers(None, status=204, problems=("conflict",))
    def delete_rule(self, rule: Rule) -> Answer:
        """Take a rule away; its alarms are cleared, its versions and their history stay."""
        self._rules.delete(self._request.actor, rule_id(rule), self._request.if_match())
        return nothing()

    @answers(VersionsView)
    def rule_versions(self, rule: Rule, limit: _Limit = 20, cursor: Cursor = None) -> Answer:
        """Every version of a rule, newest first, also of one that was deleted."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "rule_versions")
        found, more = self._rules.versions(who, rule_id(rule), limit, inner)
        return answer(VersionsView(tuple(map(version_view, found)), self._cursors.close(more, who, "rule_versions")))

    @answers(CheckedView)
    def validate_rule(self, rule: Annotated[RuleToCheck, Body()]) -> Answer:
        """What would become of a document, with everything that is wrong with it. Nothing is kept."""
        return answer(_checked(self._rules.validate(self._request.who, rule.document)))


def rule_view(one: InstalledRule) -> RuleView:
    known, rule = one.definition, one.rule
    return RuleView(
        id=rule.id,
        title=rule.title,
        scope=rule.scope,
        enabled=rule.enabled,
        severity=rule.bands[0].severity if rule.bands else None,
        version=one.version,
        default=known is None,
        origin=known.origin if known else None,
        created_at=known.created_at if known else None,
        updated_at=known.updated_at if known else None,
        by=Author(known.by.id, known.by.name) if known else None,
        document=to_document(rule),
        remarks=tuple(RemarkView(remark.field, remark.detail) for remark in one.remarks),
    )


def version_view(one: Version) -> VersionView:
    return VersionView(
        version=one.version,
        at=one.at,
        by=Author(one.by.id, one.by.name),
        deleted=one.text is None,
        origin=one.origin,
        document=None if one.text is None else msgspec.json.decode(one.text),
    )


def _answer(one: InstalledRule, status: int = 200) -> Answer:
    return answer(rule_view(one), status=status, etag=one.version)


def _checked(checked: Checked) -> CheckedView:
    return CheckedView(
        valid=checked.rule is not None,
        problems=tuple(ProblemView(*problem) for problem in checked.problems),
        remarks=tuple(RemarkView(remark.field, remark.detail) for remark in checked.remarks),
        document=None if checked.rule is None else to_document(checked.rule),
    )
