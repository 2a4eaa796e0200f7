"""The set-up of an InfluxDB instance: it makes, mends, keeps and takes back, however it was interrupted."""

from contextlib import contextmanager

import pytest

from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.memory_influx_admin import MemoryInfluxAdmin
from functions.domain.store_setup import RETENTION_POLICY, Access, Credentials, Order, description
from functions.errors import RequestError, StoreAdminError, StoreUnreachableError
from functions.services.store_admin import StoreAdmin
from tests.functions.adapters.influx_admin_server import PASSWORD, USER

DAY_S = 86_400
PROPERTIES = {
    "Database": "telemetry",
    "Organization": "fieldline",
    "Bucket": "telemetry",
    "RetentionDays": "97",
    "Version": "1",
}


class Secret:
    """A token's secret in memory."""

    def __init__(self, value=None):
        self.value = value
        self.writes = 0

    def read(self):
        return self.value

    def write(self, token):
        self.value = token
        self.writes += 1


class Deployment:
    """An instance, the secrets beside it and the use case, as a stack has them."""

    def __init__(self, world, signed_in):
        self.world = world
        self.signed_in = signed_in
        self.secrets = {access: Secret() for access in Access}
        self.attempts = []

    def order(self, request, *, deployment="fieldline-prod", attempts=1, previous=None, **properties):
        """`previous` are the properties that differed before an update."""
        admin = StoreAdmin(self.signed_in, self.secrets, attempts=self.turns(attempts), parting_attempts=self.turns(2))
        before = {} if previous is None else {**PROPERTIES, **previous}
        declared = {**PROPERTIES, **properties}
        return admin.carry_out(Order(request=request, deployment=deployment, properties=declared, previous=before))

    def turns(self, number):
        for turn in range(number):
            self.attempts.append(turn)
            yield turn

    def works(self):
        return {
            access: self.world.works(secret.value or "", access, "telemetry") for access, secret in self.secrets.items()
        }

    def everything(self):
        return (
            dict(self.world.buckets),
            dict(self.world.databases),
            dict(self.world.tokens),
            {access: secret.value for access, secret in self.secrets.items()},
        )


def in_memory(_request):
    world = MemoryInfluxAdmin()
    return Deployment(world, world.signed_in)


def behind_http(request):
    server = request.getfixturevalue("influx_admin_server")
    api = InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD))
    return Deployment(server.world, api.signed_in)


@pytest.fixture(params=[in_memory, behind_http])
def stack(request):
    return request.param(request)


WORKING = dict.fromkeys(Access, True)


def test_a_new_instance_is_made_ready(stack):
    outcome = stack.order("Create")
    assert stack.world.buckets["telemetry"].retention_s == 97 * DAY_S
    ((mapping,),) = stack.world.databases.values()
    assert (mapping.policy, mapping.default) == (RETENTION_POLICY, True)
    assert stack.works() == WORKING
    assert {token.authorization.description for token in stack.world.tokens.values()} == {
        "fieldline fieldline-prod: write, version 1",
        "fieldline fieldline-prod: read, version 1",
    }
    assert outcome.problem is None
    assert len(outcome.done) == 4


def test_each_token_can_do_what_it_is_for_and_nothing_else(stack):
    stack.order("Create")
    for access, secret in stack.secrets.items():
        assert [one for one in Access if stack.world.works(secret.value, one, "telemetry")] == [access]


@pytest.mark.parametrize("request_", ["Create", "Update"])
def test_what_is_right_already_is_left_alone(stack, request_):
    stack.order("Create")
    before = stack.everything()
    for _ in range(2):
        assert stack.order(request_).done == ()
        assert stack.everything() == before
    assert [secret.writes for secret in stack.secrets.values()] == [1, 1]


def test_another_retention_is_applied_and_the_tokens_stay(stack):
    stack.order("Create")
    before = stack.everything()
    stack.order("Update", RetentionDays="9")
    assert stack.world.buckets["telemetry"].retention_s == 9 * DAY_S
    assert stack.everything()[1:] == before[1:]


def test_only_a_token_that_does_not_work_is_replaced(stack):
    stack.order("Create")
    kept = stack.secrets[Access.READ].value
    stack.secrets[Access.WRITE].value = "broken by hand"
    assert stack.order("Update").done == ("made a token to write",)
    assert stack.works() == WORKING
    assert stack.secrets[Access.READ].value == kept
    assert len(stack.world.tokens) == 2, "the one whose token nobody has any more is revoked"


def test_a_raised_version_replaces_tokens_that_work(stack):
    stack.order("Create")
    before = {access: secret.value for access, secret in stack.secrets.items()}
    assert stack.order("Update", Version="2", previous={}).done == ("made a token to write", "made a token to read")
    assert stack.works() == WORKING
    assert not any(stack.world.works(token, access, "telemetry") for access, token in before.items())
    assert {one.authorization.description for one in stack.world.tokens.values()} == {
        "fieldline fieldline-prod: write, version 2",
        "fieldline fieldline-prod: read, version 2",
    }
    after = stack.everything()
    assert stack.order("Update", Version="2").done == ()
    assert stack.everything() == after


def test_a_token_is_not_revoked_before_its_successor_is_stored(request):
    stack = in_memory(request)
    stack.order("Create")
    revoke = stack.world.revoke

    def watch(authorization):
        assert stack.works() == WORKING
        revoke(authorization)

    stack.world.revoke = watch
    stack.order("Update", Version="2")
    assert len(stack.world.tokens) == 2


@pytest.mark.parametrize("interrupted", ["authorize", "revoke", "write"])
@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it was done"])
def test_tokens_whose_replacement_was_interrupted_are_replaced(request, interrupted, after):
    stack = in_memory(request)
    stack.order("Create")
    target = stack.secrets[Access.WRITE] if interrupted == "write" else stack.world
    real = getattr(target, interrupted)

    def fail(*arguments):
        if after:
            real(*arguments)
        raise StoreAdminError("pulled the plug")

    setattr(target, interrupted, fail)
    with pytest.raises(StoreAdminError, match="pulled the plug"):
        stack.order("Update", Version="2")
    setattr(target, interrupted, real)
    stack.order("Update", Version="2")
    assert stack.works() == WORKING
    assert len(stack.world.tokens) == 2
    assert all(one.authorization.description.endswith("version 2") for one in stack.world.tokens.values())


def mapped(stack):
    names = {bucket.id: name for name, bucket in stack.world.buckets.items()}
    return {name: [names[one.bucket] for one in found] for name, found in stack.world.databases.items() if found}


@pytest.mark.parametrize(
    ("change", "then"),
    [
        ({"Database": "points"}, {"points": ["telemetry"]}),
        ({"Bucket": "measurements"}, {"telemetry": ["measurements"]}),
        ({"Database": "points", "Bucket": "measurements"}, {"points": ["measurements"]}),
        ({"RetentionDays": "9"}, {"telemetry": ["telemetry"]}),
    ],
    ids=["database", "bucket", "both", "neither"],
)
def test_a_database_that_an_update_no_longer_names_is_removed(stack, change, then):
    stack.order("Create")
    stack.order("Update", previous={}, **change)
    assert mapped(stack) == then
    assert stack.order("Update", previous={}, **change).done == ()
    stack.order("Update", previous=change)
    assert mapped(stack) == {"telemetry": ["telemetry"]}, "rolled back"


def test_an_update_leaves_a_database_that_somebody_has_pointed_elsewhere(stack):
    stack.order("Create")
    other = stack.world.make_bucket("", "other", DAY_S)
    stack.world.databases.clear()
    stack.world.map_database("", "telemetry", RETENTION_POLICY, other)
    stack.order("Update", previous={}, Database="points")
    assert mapped(stack) == {"telemetry": ["other"], "points": ["telemetry"]}


@pytest.mark.parametrize("previous", [{"Database": "_x"}, {"Organization": "elsewhere"}, {"Bucket": "gone"}])
def test_an_update_succeeds_after_one_that_could_not(stack, previous):
    stack.order("Create")
    assert stack.order("Update", previous=previous).problem is None
    assert mapped(stack) == {"telemetry": ["telemetry"]}


def test_a_database_of_before_that_cannot_be_removed_is_left_and_said(request):
    stack = in_memory(request)
    stack.order("Create")

    def refuse(*_):
        raise StoreAdminError("it is in use")

    stack.world.unmap = refuse
    assert stack.order("Update", previous={}, Database="points").left == ("the database telemetry: it is in use",)


def test_a_secret_holds_what_its_template_generated_until_the_first_token(stack):
    for secret in stack.secrets.values():
        secret.value = "generated&%"
    stack.order("Create")
    assert stack.works() == WORKING


def test_tokens_that_were_stored_the_wrong_way_round_are_replaced(stack):
    stack.order("Create")
    write, read = (stack.secrets[access].value for access in Access)
    stack.secrets[Access.WRITE].value, stack.secrets[Access.READ].value = read, write
    stack.order("Update")
    assert stack.works() == WORKING


def test_an_instance_that_was_replaced_is_made_ready_and_gets_tokens_of_its_own(request):
    stack = in_memory(request)
    stack.order("Create")
    stack.world = MemoryInfluxAdmin()
    stack.world.make_bucket("", "before", DAY_S)  # so that its identifiers and tokens are others
    stack.signed_in = stack.world.signed_in
    stack.order("Update")
    assert stack.works() == WORKING
    assert stack.world.buckets["telemetry"].retention_s == 97 * DAY_S


def test_a_bucket_that_is_missing_is_made(stack):
    stack.order("Create", Bucket="measurements")
    assert stack.world.buckets["measurements"].retention_s == 97 * DAY_S
    assert stack.world.buckets["telemetry"].retention_s is None
    assert stack.works() == WORKING


def test_a_database_that_points_elsewhere_is_mended(stack):
    other = stack.world.make_bucket("", "other", DAY_S)
    stack.world.map_database("", "telemetry", RETENTION_POLICY, other)
    stack.order("Create")
    assert [one.bucket for one in stack.world.databases["telemetry"]] == [stack.world.buckets["telemetry"].id]
    assert stack.works() == WORKING


def test_a_database_whose_default_is_another_policy_is_mended(stack):
    stack.order("Create")
    stack.world.map_database("", "telemetry", "other", stack.world.make_bucket("", "other", DAY_S))
    assert not any(stack.works().values())
    stack.order("Update")
    assert {one.policy: one.default for one in stack.world.databases["telemetry"]} == {
        RETENTION_POLICY: True,
        "other": False,
    }
    assert stack.works() == WORKING


def test_what_others_made_is_left_alone(stack):
    bucket = stack.world.bucket("", "telemetry")
    theirs = stack.world.authorize("", bucket, Access.WRITE, "of somebody")
    other = stack.world.authorize("", bucket, Access.READ, description("fieldline-dev", Access.READ, "1"))
    stack.world.map_database("", "elsewhere", RETENTION_POLICY, bucket)
    stack.order("Create")
    stack.order("Delete")
    assert set(stack.world.tokens) == {theirs, other}
    assert len(stack.world.databases["elsewhere"]) == 1


STEPS = [
    "organization",
    "bucket",
    "keep_for",
    "mappings",
    "map_database",
    "authorizations",
    "authorize",
    "works",
    "write",
]


@pytest.mark.parametrize("interrupted", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it was done"])
@pytest.mark.parametrize("then", ["Create", "Delete"])
def test_after_an_interruption_at_any_step_it_can_be_repeated_or_rolled_back(request, interrupted, after, then):
    stack = in_memory(request)
    target = stack.secrets[Access.WRITE] if interrupted == "write" else stack.world
    real = getattr(target, interrupted)

    def fail(*arguments):
        if after:
            real(*arguments)
        raise StoreAdminError("pulled the plug")

    setattr(target, interrupted, fail)
    with pytest.raises(StoreAdminError, match="pulled the plug"):
        stack.order("Create")
    setattr(target, interrupted, real)
    outcome = stack.order(then)
    if then == "Create":
        assert stack.works() == WORKING
        assert len(stack.world.tokens) == 2
        assert stack.world.buckets["telemetry"].retention_s == 97 * DAY_S
    else:
        assert (outcome.left, outcome.problem) == ((), None)
        assert stack.world.tokens == {}
        assert not any(stack.world.databases.values())


def test_taking_back_removes_what_was_made_and_keeps_the_data(stack):
    stack.order("Create")
    outcome = stack.order("Delete")
    assert stack.world.tokens == {}
    assert not any(stack.world.databases.values())
    assert set(stack.world.buckets) == {"telemetry"}
    assert (len(outcome.done), outcome.left) == (3, ())
    assert stack.order("Delete").done == ()


@pytest.mark.parametrize("missing", ["everything", "the bucket", "the organization"])
def test_taking_back_ends_well_with_whatever_is_there(stack, missing):
    if missing == "the bucket":
        stack.order("Create")
        stack.world.buckets.clear()
    if missing == "the organization":
        stack.world.organizations.clear()
    assert stack.order("Delete").problem is None
    assert stack.world.tokens == {}


@pytest.mark.parametrize(
    "properties", [{"RetentionDays": "many"}, {"Database": None}, {"Organization": ""}], ids=["days", "database", "org"]
)
def test_taking_back_ends_well_after_a_creation_that_was_asked_for_wrongly(stack, properties):
    with pytest.raises(RequestError):
        stack.order("Create", **properties)
    outcome = stack.order("Delete", **properties)
    assert outcome.problem is None
    assert outcome.left


def test_what_cannot_be_removed_is_said_and_the_rest_is_removed(request):
    stack = in_memory(request)
    stack.order("Create")
    revoke = stack.world.revoke

    def refuse(authorization):
        if ": write" in authorization.description:
            raise StoreAdminError("it is in use")
        revoke(authorization)

    stack.world.revoke = refuse
    outcome = stack.order("Delete")
    assert outcome.left == ("a token to write: it is in use",)
    assert outcome.done == ("removed a token to read", "removed the database telemetry")


@contextmanager
def unreachable():
    raise StoreUnreachableError("https://influx:8086 does not answer")
    yield


def test_taking_back_ends_well_when_the_instance_is_gone(request):
    stack = in_memory(request)
    stack.signed_in = unreachable
    outcome = stack.order("Delete")
    assert outcome.left == ("tokens and database: https://influx:8086 does not answer",)
    assert outcome.problem is None
    assert len(stack.attempts) == 2


def test_taking_back_ends_well_when_the_administrator_is_refused(request):
    stack = in_memory(request)

    @contextmanager
    def refused():
        raise StoreAdminError("signing in as admin: refused")
        yield

    stack.signed_in = refused
    assert stack.order("Delete").left == ("tokens and database: signing in as admin: refused",)


def test_an_instance_that_is_still_starting_is_waited_for(request):
    stack = in_memory(request)
    ready, tries = stack.signed_in, []

    def starting():
        tries.append(1)
        return unreachable() if len(tries) < 4 else ready()

    stack.signed_in = starting
    stack.order("Create", attempts=10)
    assert (len(tries), stack.works()) == (4, WORKING)


def test_an_instance_that_goes_away_on_the_way_is_gone_on_with(request):
    stack = in_memory(request)
    authorize, tries = stack.world.authorize, []

    def fails_once(*arguments):
        token = authorize(*arguments)
        tries.append(token)
        if len(tries) == 2:
            raise StoreUnreachableError("the connection broke after it was made")
        return token

    stack.world.authorize = fails_once
    outcome = stack.order("Create", attempts=3)
    assert stack.works() == WORKING
    assert len(stack.world.tokens) == 2
    assert len(outcome.done) == len(set(outcome.done)) == 4


def test_an_instance_that_never_answers_is_an_error_that_says_so(request):
    stack = in_memory(request)
    stack.signed_in = unreachable
    with pytest.raises(StoreUnreachableError, match="does not answer"):
        stack.order("Create", attempts=5)
    assert len(stack.attempts) == 5


def test_a_new_instance_that_does_not_know_its_administrator_yet_is_tried_again(request):
    stack = in_memory(request)
    ready, tries = stack.signed_in, []

    @contextmanager
    def refusing():
        tries.append(1)
        if len(tries) < 4:
            raise StoreAdminError("signing in as admin: the instance refuses the user name or the password")
        with ready() as admin:
            yield admin

    stack.signed_in = refusing
    stack.order("Create", attempts=10)
    assert (len(tries), stack.works()) == (4, WORKING)


def test_a_new_instance_without_its_organization_is_tried_again(request):
    stack = in_memory(request)
    there, tries = stack.world.organization, []

    def coming(name):
        tries.append(name)
        return there(name) if len(tries) > 2 else None

    stack.world.organization = coming
    stack.order("Create", attempts=10)
    assert (len(tries), stack.works()) == (3, WORKING)


def test_a_new_instance_that_goes_on_refusing_is_given_up(stack):
    with pytest.raises(StoreAdminError, match="no organization 'elsewhere'"):
        stack.order("Create", attempts=100, Organization="elsewhere")
    assert len(stack.attempts) == 5


def test_an_error_that_stays_is_not_tried_again_on_an_instance_that_worked(stack):
    stack.order("Create")
    stack.attempts.clear()
    with pytest.raises(StoreAdminError, match="no organization 'elsewhere'"):
        stack.order("Update", attempts=5, Organization="elsewhere")
    assert len(stack.attempts) == 1


def test_a_token_that_is_refused_though_it_is_new_is_an_error(request):
    stack = in_memory(request)
    stack.world.works = lambda *_: False
    with pytest.raises(StoreAdminError, match="refuses the token to write that it has just made"):
        stack.order("Create")


WRONG = [
    ({"Database": ""}, "Database: expected 1 to 64 characters"),
    ({"Database": None}, "Database: .*got nothing"),
    ({"Bucket": "_system"}, "Bucket: expected .* do not begin with _, got '_system'"),
    ({"Organization": 7}, "Organization: expected 1 to 64 characters .*got 7"),
    ({"Organization": "x" * 65}, "Organization: expected 1 to 64"),
    ({"RetentionDays": "0"}, "RetentionDays: expected a whole number from 1 to 36500, got '0'"),
    ({"RetentionDays": "1.5"}, "RetentionDays: expected a whole number"),
    ({"RetentionDays": "٣"}, "RetentionDays: expected a whole number"),
    ({"RetentionDays": "9" * 9000}, "RetentionDays: expected a whole number"),
    ({"RetentionDays": None}, "RetentionDays: expected .* got nothing"),
    ({"Version": None}, "Version: expected 1 to 64 characters .* got nothing"),
]


@pytest.mark.parametrize(("properties", "text"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_property_is_named_with_what_was_expected_and_what_came(stack, properties, text):
    with pytest.raises(RequestError, match=text) as caught:
        stack.order("Create", **properties)
    assert len(str(caught.value)) < 200
    assert stack.world.tokens == {}


def test_numbers_come_as_numbers_or_as_text(stack):
    stack.order("Create", RetentionDays=5)
    assert stack.world.buckets["telemetry"].retention_s == 5 * DAY_S


def test_a_request_that_cloudformation_does_not_make_is_refused(stack):
    with pytest.raises(RequestError, match="RequestType: expected Create, Update or Delete, got 'Rename'"):
        stack.order("Rename")
