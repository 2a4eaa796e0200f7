"""The real API's code over in-memory adapters, called as API Gateway calls it. The command line's tests use it too."""

import json
from itertools import count
from types import SimpleNamespace

import msgspec
from aws_lambda_powertools import Logger

from contract.models import shipped
from functions.adapters.memory import (
    MemoryEventLog,
    MemoryQuarantine,
    MemoryStateStore,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.adapters.memory_alarm_queues import MemoryActionsQueue, MemoryAlarmsQueue, MemoryBacktestsQueue
from functions.adapters.memory_alarms import MemoryAlarms
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_certificates import MemoryBroker, MemoryCertificates, MemoryIdentities
from functions.adapters.memory_commands import MemoryCommandQueue, MemoryCommands
from functions.adapters.memory_dead_letters import MemoryDeadLetters
from functions.adapters.memory_deliveries import MemoryDeliveries
from functions.adapters.memory_idempotency import MemoryRequestMemory
from functions.adapters.memory_live import MemoryLivePublisher, MemoryLiveTickets
from functions.adapters.memory_principals import MemoryDirectory, MemoryKeys, MemoryPrincipals
from functions.adapters.memory_rates import MemoryRateBuckets
from functions.adapters.memory_recipients import MemoryRecipients, MemoryWindows
from functions.adapters.memory_registry import MemoryGroups, MemoryRegistry
from functions.adapters.memory_replays import MemoryReplays
from functions.adapters.memory_rules import MemoryBacktests, MemoryRules
from functions.adapters.memory_shadows import MemoryShadows, MemoryWishes
from functions.adapters.memory_telemetry_queue import MemoryTelemetryQueue
from functions.adapters.signing_requests import checked
from functions.api.admission import admitting
from functions.api.app import resolver, serve
from functions.api.idempotency import Once
from functions.api.operations.service import Deployment, SignIn
from functions.api.request import Request
from functions.api.rooms import rooms
from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.domain.devices import Source
from functions.domain.rates import Limit
from functions.services.alarms import Alarms
from functions.services.alarms_at_engine import AtEngine
from functions.services.api import ApiServices
from functions.services.audit import ReadAudit
from functions.services.backtests import Backtests
from functions.services.bulk_alarms import BulkAlarms
from functions.services.bulk_commands import BulkCommands
from functions.services.certificates import Certificates
from functions.services.commands import Commands, Creating
from functions.services.dead_letters import ManageDeadLetters
from functions.services.deliveries import Deliveries
from functions.services.device_logs import DeviceLogs
from functions.services.devices import Devices
from functions.services.engine import Engine
from functions.services.explaining import Explaining
from functions.services.gate import Gate
from functions.services.grants import Grants
from functions.services.groups import Groups
from functions.services.intake import Intake
from functions.services.keys import ManageKeys
from functions.services.live_tickets import Tickets
from functions.services.losses import ReadLosses
from functions.services.maintenance import Maintenance
from functions.services.models import DeviceModels
from functions.services.quarantine_replays import QuarantineReplays
from functions.services.queries import Queries
from functions.services.rates import Rates
from functions.services.recipients import ManageRecipients
from functions.services.rule_trials import Trials
from functions.services.rulebook import Rulebook
from functions.services.rules import Rules
from functions.services.series import History
from functions.services.shadows import DeviceShadows
from functions.services.users import Users
from functions.services.waking import Waking
from functions.services.whois import WhoIs
from functions.services.why import Why
from tests.functions import api_description

DAY = 86_400_000
DEAD_LETTERS = ("ingest", "events", "presence", "commands", "shadows", "live", "rule-errors", "answer-errors")


def person(*grants, name="ann"):
    """A user with grants such as `"viewer"` (over everything) or `("operator", "group:plant-1")`."""
    held = [(one, EVERYTHING) if isinstance(one, str) else one for one in grants]
    return Principal(f"user:{name}", Kind.USER, name, tuple(Grant(Role(role), scope) for role, scope in held))


class ApiHarness(SimpleNamespace):
    """Every fake is an attribute; `who` is the caller of the next request."""

    def call(self, method, path, *query, **options):
        """`(status, document)`; the document is None for an empty body and text where it is no JSON."""
        status, text = self.ask(method, path, *query, **options)
        is_json = "json" in self.headers.get("Content-Type", "")
        return status, json.loads(text) if text and is_json else text or None

    def ask(self, method, path, *query, body=None, headers=None, who=None, authorizer=True, raw_body=None):
        """`(status, text)`, after a look at whether that is what the OpenAPI says."""
        several = {}
        for name, value in query:
            several.setdefault(name, []).append(value)
        context = {"requestId": "request-1", "stage": "v1", "identity": {"sourceIp": "192.0.2.1"}}
        if authorizer:
            principal = who or self.who
            context["authorizer"] = {"principal": msgspec.json.encode(principal).decode()}
        sent = {"Content-Type": "application/json"} if body is not None or raw_body is not None else {}
        sent |= headers or {}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
            "multiValueQueryStringParameters": several or None,
            "requestContext": context,
            "body": raw_body if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.app.resolve(event, SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 9000))
        self.headers = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
        text = answer.get("body") or ""
        api_description.check(method, path, event["body"], answer["statusCode"], self.headers, text)
        return answer["statusCode"], text

    def get(self, path, *query, **options):
        return self.call("GET", path, *query, **options)

    def register(self, thing, group="plant-1", model="climate", name=None):
        self.registry.register(thing, name or thing.title(), model, group, Source.FLEET, self.clock.now_ms())


def api_harness(clock, who=None):
    world, journal = MemoryWorld(), MemoryJournal()
    keys = MemoryKeys(journal)
    commands = MemoryCommands(journal)
    api = ApiHarness(
        clock=clock,
        who=who or person("viewer"),
        world=world,
        registry=MemoryRegistry(world, journal),
        store=MemoryTelemetryStore(clock=clock, retention_ms=90 * DAY),
        quarantine=MemoryQuarantine(world),
        events=MemoryEventLog(),
        journal=journal,
        live=MemoryLivePublisher(),
        shadows=MemoryShadows(),
        identities=MemoryIdentities(clock),
        certificates=MemoryCertificates(journal),
        telemetry_queue=MemoryTelemetryQueue(),
        dead_letters=MemoryDeadLetters(clock, DEAD_LETTERS, no_source=("rule-errors", "answer-errors")),
        keys=keys,
        principals=MemoryPrincipals(journal, keys),
        directory=MemoryDirectory(clock),
        commands=commands,
        command_queue=MemoryCommandQueue(),
        alarms_queue=MemoryAlarmsQueue(),
        actions_queue=MemoryActionsQueue(),
        states=MemoryStateStore(world, journal),
        alarms=MemoryAlarms(world, journal),
        recipients=MemoryRecipients(journal),
        windows=MemoryWindows(journal),
        deliveries=MemoryDeliveries(world.alarms.outbox, journal),
        rules=MemoryRules(journal),
        backtests=MemoryBacktests(),
        backtests_queue=MemoryBacktestsQueue(),
    )
    api.rulebook = Rulebook(api.rules, api.registry, clock, shipped=shipped())
    chances = count()
    api.services = _services(api, lambda size=16: next(chances).to_bytes(size, "little"))
    sign_in = SignIn("eu-west-1", "client", "https://issuer", "https://cognito")
    api.app = resolver()
    request, logger = Request(api.app), Logger(service="test")
    serve(
        api.app,
        rooms(request, api.services, sign_in, Deployment("dev", "eu-west-1", "dynamodb", 90)),
        logger,
        admission=admitting(api.services.rates),
        once=Once(request, api.services.requests, clock, lambda: str(next(chances)), logger),
    )
    return api


def _services(api, chance):
    """As the bootstrap wires them. `chance` gives other bytes at each call, and the same in each run."""
    clock, models = api.clock, api.rulebook.models
    gate = Gate(api.registry)
    whois = WhoIs(api.principals, api.keys)
    grants = Grants(api.principals, api.directory, api.registry, whois, clock)
    creating = Creating(store=api.commands, models=models, live=api.live, clock=clock, chance=chance, attempts=range(3))
    rules = Rules(
        store=api.rules,
        rulebook=api.rulebook,
        registry=api.registry,
        recipients=api.recipients,
        queue=api.alarms_queue,
        clock=clock,
    )
    alarms = Alarms(
        store=api.alarms,
        gate=gate,
        at_engine=AtEngine(
            engine=Engine(states=api.states, actions=api.actions_queue, live=api.live, clock=clock),
            rulebook=api.rulebook,
            alarms=api.alarms,
            clock=clock,
        ),
        principals=api.principals,
        live=api.live,
        clock=clock,
        attempts=lambda: range(3),
    )
    certificates = Certificates(
        gate=gate,
        identities=api.identities,
        records=api.certificates,
        broker=MemoryBroker(api.identities.ca),
        known=models,
        shipped=shipped(),
        check=checked,
        clock=clock,
    )
    return ApiServices(
        clock=clock,
        cursor_key=lambda: b"k" * 32,
        audit=ReadAudit(api.journal, clock, keep_days=365),
        rates=Rates(MemoryRateBuckets(), Limit(per_second=100, burst=1000), clock, lambda exc: None),
        requests=MemoryRequestMemory(),
        tickets=Tickets(MemoryLiveTickets(), "wss://live.example/ws", clock, chance),
        queries=Queries(
            registry=api.registry, gate=gate, statuses=api.world, models=models, alarms=api.alarms, clock=clock
        ),
        devices=Devices(
            registry=api.registry,
            gate=gate,
            models=models,
            live=api.live,
            waking=Waking(api.alarms_queue),
            retire=certificates.revoke_all,
            clock=clock,
            attempts=lambda: range(3),
        ),
        groups=Groups(MemoryGroups(api.registry), clock),
        models=DeviceModels(
            store=api.rules, rulebook=api.rulebook, registry=api.registry, queue=api.alarms_queue, clock=clock
        ),
        rules=rules,
        trials=Trials(rules),
        explaining=Explaining(gate=gate, rulebook=api.rulebook, states=api.states, series=api.store, clock=clock),
        backtests=Backtests(
            store=api.backtests,
            rules=rules,
            rulebook=api.rulebook,
            gate=gate,
            statuses=api.world,
            queue=api.backtests_queue,
            clock=clock,
            chance=chance,
        ),
        logs=DeviceLogs(gate=gate, statuses=api.world, events=api.events, quarantine=api.quarantine),
        replays=QuarantineReplays(
            gate=gate,
            statuses=api.world,
            quarantine=api.quarantine,
            replays=MemoryReplays(api.quarantine, api.journal),
            queue=api.telemetry_queue,
            clock=clock,
        ),
        dead_letters=ManageDeadLetters(api.dead_letters, api.journal, clock),
        history=History(gate, api.store, api.world, clock),
        losses=ReadLosses(gate, MemoryStateStore(api.world), clock),
        intake=Intake(gate, api.telemetry_queue, api.journal, clock),
        why=Why(gate),
        grants=grants,
        users=Users(api.principals, api.directory, api.journal, grants, whois, clock),
        certificates=certificates,
        keys=ManageKeys(api.keys, gate, whois, chance, clock),
        alarms=alarms,
        bulk_alarms=BulkAlarms(alarms),
        recipients=ManageRecipients(
            recipients=api.recipients,
            deliveries=api.deliveries,
            queue=api.actions_queue,
            key=lambda: b"m" * 64,
            clock=clock,
            chance=chance,
            mails=True,
            loopback=False,
        ),
        maintenance=Maintenance(windows=api.windows, registry=api.registry, gate=gate, clock=clock, chance=chance),
        deliveries=Deliveries(
            deliveries=api.deliveries, registry=api.registry, gate=gate, queue=api.actions_queue, clock=clock
        ),
        commands=Commands(
            store=api.commands, gate=gate, creating=creating, queue=api.command_queue, live=api.live, clock=clock
        ),
        bulks=BulkCommands(store=api.commands, models=models, queue=api.command_queue, clock=clock, chance=chance),
        shadows=DeviceShadows(
            gate=gate,
            wishes=MemoryWishes(api.journal),
            shadows=api.shadows,
            models=models,
            live=api.live,
            clock=clock,
            attempts=lambda: range(3),
        ),
    )
