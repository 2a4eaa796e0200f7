"""Role × scope × operation: what the domain's matrix says of each cell, and the request that asks the API.

The same cells are asked in memory (tests/functions/api/test_matrix.py) and of a laptop cloud (tests/e2e/…).
Everything is about a device `mx-own` in a group of its own and what belongs to it; scopes cover it, or something else.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from functions.domain.access import GRANTABLE, Grant, Kind, Permission, Principal, Role, Target
from functions.routes import ROUTES, Route

OWN, OTHER, LINE, GROUP, ELSEWHERE = "mx-own", "mx-other", "mx/line", "mx", "mx-elsewhere"
SPARE = f"{LINE}/spare"
SCOPES = {
    "everything": "*",
    "its group": f"group:{GROUP}",
    "another group": f"group:{ELSEWHERE}",
    "the device": f"device:{OWN}",
    "another device": f"device:{OTHER}",
}
MODEL = "machine"
RULE, SPARE_MODEL = "mx-rule", "mx-model"
RECIPIENT = "mx-on-call"


class Verdict(Enum):
    ALLOWED = "allowed"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    MISSING = "404"


@dataclass(frozen=True)
class Person:
    """Somebody of the matrix; `principal` is what the domain judges, None for whoever has no token at all."""

    name: str
    principal: Principal | None


def people() -> list[Person]:
    """Nobody, somebody without a grant, each role over each scope, and the keys of both devices."""

    def person(name: str, kind: Kind, *grants: Grant) -> Person:
        return Person(name, Principal(f"{kind}:{name}", kind, name, grants))

    return [
        Person("nobody", None),
        person("without a grant", Kind.USER),
        *(
            person(f"{role} over {name}", Kind.USER, Grant(role, scope))
            for role in GRANTABLE
            for name, scope in SCOPES.items()
        ),
        person("key of the device", Kind.DEVICE, Grant(Role.DEVICE, f"device:{OWN}")),
        person("key of another device", Kind.DEVICE, Grant(Role.DEVICE, f"device:{OTHER}")),
    ]


@cache
def signing_request(thing: str) -> str:
    """As a device makes one, of a key that nobody keeps."""
    from device_agent import identity

    with TemporaryDirectory() as folder:
        return identity.create(thing, Path(folder)).csr.read_text()


# --- what is right

Rule = Callable[[Principal, Permission], Verdict]


def anywhere(_who: Principal, _permission: Permission) -> Verdict:
    """Whoever holds the permission over something; what is answered is filtered by its scope."""
    return Verdict.ALLOWED


def seen_through(seeing: Permission, target: Target) -> Rule:
    """Of a thing that has a place: who may not see it must not learn that it is there."""

    def rule(who: Principal, permission: Permission) -> Verdict:
        if who.may(permission, target):
            return Verdict.ALLOWED
        return Verdict.FORBIDDEN if who.may(seeing, target) else Verdict.MISSING

    return rule


def demanded(target: Target) -> Rule:
    """Of a place that the caller names himself: nothing is told by refusing it."""
    return lambda who, permission: Verdict.ALLOWED if who.may(permission, target) else Verdict.FORBIDDEN


def everywhere(who: Principal, permission: Permission) -> Verdict:
    """Of what is kept by day and not by place."""
    return Verdict.ALLOWED if who.reach(permission).everything else Verdict.FORBIDDEN


def owned(who: Principal, permission: Permission) -> Verdict:
    """Of something that somebody else began."""
    return Verdict.ALLOWED if who.reach(permission).everything else Verdict.MISSING


def of_a_person(who: Principal, permission: Permission) -> Verdict:
    """No key changes who may sign in or makes another key."""
    return Verdict.ALLOWED if who.kind is Kind.USER else Verdict.FORBIDDEN


DEVICE = seen_through(Permission.DEVICES_READ, Target(OWN, LINE))
DEVICE_RULES = seen_through(Permission.DEVICES_READ, Target(OWN, LINE))
RULES = seen_through(Permission.RULES_READ, Target(OWN, LINE))
IN_GROUP = seen_through(Permission.GROUPS_READ, Target(group=LINE))


def expected(route: Route, rule: Rule, person: Person) -> Verdict:
    if route.public:
        return Verdict.ALLOWED
    if person.principal is None:
        return Verdict.UNAUTHORIZED
    permission = Permission(str(route.permission))
    return rule(person.principal, permission) if person.principal.anywhere(permission) else Verdict.FORBIDDEN


# --- how it is asked


@dataclass(frozen=True)
class Plan:
    """How to ask for an operation so that nothing but access decides.

    `body` and `query` may be made for each cell from the ids in `Seeds`; `restore` undoes what an allowed call did.
    """

    rule: Rule
    body: Any = None
    query: Any = None
    headers: Callable[["Seeds"], dict[str, str]] = lambda _: {}
    restore: Callable[["Seeds"], None] | None = None

    def rest(self, seeds: "Seeds") -> dict[str, Any]:
        """Of the request, besides method and path."""
        made = {
            name: one(seeds) if callable(one) else one for name, one in (("query", self.query), ("body", self.body))
        }
        return {**made, "headers": self.headers(seeds)}


@dataclass
class Answer:
    status: int
    document: Any
    headers: dict[str, str]

    @property
    def verdict(self) -> Verdict | None:
        """None for what decides nothing, such as a conflict or a wrong parameter."""
        named = {401: Verdict.UNAUTHORIZED, 403: Verdict.FORBIDDEN, 404: Verdict.MISSING}
        return Verdict.ALLOWED if 200 <= self.status < 300 else named.get(self.status)


Ask = Callable[..., Answer]
"""`ask(person's name, method, path, query=…, body=…, headers=…)`; the administrator's name is `root`."""


class Seeds:
    """What the requests are about, made by an administrator through the API itself."""

    def __init__(
        self,
        ask: Ask,
        quarantined: Callable[[str], str],
        alarmed: Callable[[str], str],
        failed: Callable[[str], str],
        unique: str = "",
    ) -> None:
        """`failed` gives a delivery about the device's alarm that has failed, the same one each time."""
        self.ask = ask
        self._failed = failed
        self._unique = unique
        self._numbers = itertools.count()
        for thing, group in ((OWN, LINE), (OTHER, ELSEWHERE)):
            self.device(thing, group)
        self.spare()
        command = {"name": "relay", "parameters": {"on": True}, "expires_in_s": 3600}
        command_id = self._made("/devices/" + OWN + "/commands", command)["id"]
        bulk = self._made("/commands/bulk", {**command, "devices": [OTHER]})["id"]
        soon = self.unused_key()
        self.device_key = self._made(f"/devices/{OWN}/keys", {"name": "gateway"})
        self.other_device_key = self._made(f"/devices/{OTHER}/keys", {"name": "gateway"})
        key = self._made("/keys", soon)["id"]
        self.user = self._made("/users", {"email": self.email(), "grants": []})["id"]
        self.rule()
        self.save_model()
        self.ids = {}
        self.certificate()
        self.ids |= {
            "id": OWN,
            "command": command_id,
            "bulk": bulk,
            "entry": quarantined(OWN),
            "alarm": alarmed(OWN),
            "delivery": failed(OWN),
            "recipient": self.recipient(),
            "window": self._made("/maintenance", _window(self))["id"],
            "group": LINE.replace("/", ":"),
            "model": MODEL,
            "rule": RULE,
            "backtest": self._made("/rules/backtests", _backtest(self))["id"],
            "user": self.user,
            "key": key,
            "day": self._today(),
            "queue": "events",
        }

    def _made(self, path: str, body: Any) -> Any:
        answer = self.ask("root", "POST", path, body=body)
        assert answer.verdict is Verdict.ALLOWED, f"POST {path}: {answer}"
        return answer.document

    def _today(self) -> str:
        from datetime import UTC, datetime

        now = self.ask("root", "GET", "/health").document["time"]
        return f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d}"

    def device(self, thing: str = OWN, group: str = LINE) -> None:
        """Made, or brought back."""
        body = {"id": thing, "name": "Matrix", "model": MODEL, "group": group}
        answer = self.ask("root", "POST", "/devices", body=body)
        assert answer.status in {201, 409}, answer

    def device_again(self) -> None:
        """Its certificate went with it."""
        self.device()
        self.certificate()

    def spare(self) -> None:
        answer = self.ask("root", "POST", "/groups", body={"group": SPARE, "title": "To be deleted"})
        assert answer.status in {201, 409}, answer

    def email(self) -> str:
        return f"mx-{self._unique}{next(self._numbers)}@fieldline.local"

    def thing(self) -> str:
        return f"mx-{self._unique}{next(self._numbers)}"

    def unused_key(self) -> dict[str, Any]:
        now = self.ask("root", "GET", "/health").document["time"]
        grants = [{"role": "viewer", "scope": f"device:{OWN}"}]
        return {"name": "matrix", "grants": grants, "expires_at": now + 3_600_000}

    def recipient(self) -> str:
        answer = self.ask("root", "POST", "/recipients", body={"id": RECIPIENT, **_RECIPIENT})
        assert answer.status in {201, 409}, answer
        return RECIPIENT

    def new_recipient(self) -> dict[str, Any]:
        return {"id": self.thing(), **_RECIPIENT}

    def recipient_again(self) -> None:
        self.recipient()

    def recipient_version(self) -> dict[str, str]:
        return self._version_of(f"/recipients/{RECIPIENT}")

    def failed_again(self) -> None:
        assert self._failed(OWN) == self.ids["delivery"]

    def rule(self) -> None:
        answer = self.ask("root", "POST", "/rules", body={"document": _rule(RULE)})
        assert answer.status in {201, 409}, answer

    def rule_version(self) -> dict[str, str]:
        return self._version_of(f"/rules/{RULE}")

    def model_to_save(self) -> Any:
        """The one that there is, under the name that there is none of."""
        return {**self.ask("root", "GET", f"/models/{MODEL}").document, "fieldline:name": SPARE_MODEL}

    def saved_model_version(self) -> dict[str, str]:
        return self._version_of(f"/models/{SPARE_MODEL}")

    def save_model(self) -> None:
        answer = self.ask("root", "PUT", f"/models/{SPARE_MODEL}", body=self.model_to_save())
        assert answer.status in {200, 428}, answer

    def _version_of(self, path: str) -> dict[str, str]:
        shown = self.ask("root", "GET", path)
        tags = [value for name, value in shown.headers.items() if name.lower() == "etag"]
        return {"If-Match": tags[0]} if tags else {}

    def revoke_newest_device_key(self) -> None:
        """A device may have a few only."""
        keys = self.ask("root", "GET", f"/devices/{OWN}/keys").document["items"]
        spare = next(one["id"] for one in keys if one["status"] == "live" and one["id"] != self.device_key["id"])
        assert self.ask("root", "DELETE", f"/devices/{OWN}/keys/{spare}").status == 204

    def certificate(self) -> None:
        made = self._made(f"/devices/{OWN}/certificates", {"csr": signing_request(OWN)})
        self.ids["certificate"] = made["certificate_id"]

    def revoke_newest_certificate(self) -> None:
        """A device may have two only."""
        found = self.ask("root", "GET", f"/devices/{OWN}/certificates").document["items"]
        active = [one["id"] for one in found if one["status"] == "active" and one["id"] != self.ids["certificate"]]
        for spare in active:
            assert self.ask("root", "DELETE", f"/devices/{OWN}/certificates/{spare}").status == 204

    def another_user(self) -> None:
        self.user = self.ids["user"] = self._made("/users", {"email": self.email(), "grants": []})["id"]

    def grants_version(self) -> dict[str, str]:
        shown = self.ask("root", "GET", f"/users/{self.user}/grants")
        return {"If-Match": next(value for name, value in shown.headers.items() if name.lower() == "etag")}


def _telemetry(seeds: Seeds) -> dict[str, Any]:
    now = seeds.ask("root", "GET", "/health").document["time"]
    point = {"ts": now, "q": "good", "values": {"temperature": 20.5}}
    return {"v": 1, "boot": "00000000000000aa", "seq": 1, "sent": now, "m": [point]}


def _rule(name: str) -> dict[str, Any]:
    condition = {"metric": "temperature", "above": 1e6}
    return {"rule": name, "scope": f"device:{OWN}", "severity": "info", "when": condition}


def _backtest(seeds: Seeds) -> dict[str, Any]:
    now = seeds.ask("root", "GET", "/health").document["time"]
    return {"device": OWN, "rule": RULE, "from": now - 3_600_000}


_TEST = {
    "test": "all is well",
    "rule": "mx-rule-to-be",
    "series": {"temperature": [{"at": "0s", "value": 1}]},
    "expect": [],
}


def _window(seeds: Seeds) -> dict[str, Any]:
    now = seeds.ask("root", "GET", "/health").document["time"]
    return {"scope": f"device:{OWN}", "from": now + 3_600_000, "to": now + 7_200_000, "reason": "Matrix"}


_RECIPIENT = {"name": "Matrix", "channel": "webhook", "address": "https://hooks.example.com/"}
_COMMAND = {"name": "relay", "parameters": {"on": True}}
_BULK = {**_COMMAND, "devices": [OWN]}

PLANS: dict[str, Plan] = {
    "me": Plan(anywhere),
    "system": Plan(anywhere),
    "why": Plan(anywhere, query={"permission": "self:read"}),
    "list_devices": Plan(anywhere),
    "create_device": Plan(
        demanded(Target(group=LINE)),
        body=lambda seeds: {"id": seeds.thing(), "name": "New", "model": MODEL, "group": LINE},
    ),
    "show_device": Plan(DEVICE),
    "update_device": Plan(DEVICE, body={"name": "Matrix"}),
    "decommission_device": Plan(DEVICE, restore=Seeds.device_again),
    "device_latest": Plan(DEVICE),
    "device_loss": Plan(DEVICE),
    "device_telemetry": Plan(DEVICE, query={"metric": "temperature"}),
    "send_telemetry": Plan(DEVICE, query={"device": OWN}, body=_telemetry),
    "device_events": Plan(DEVICE),
    "device_quarantine": Plan(DEVICE),
    "show_quarantined": Plan(DEVICE),
    "replay_quarantined": Plan(DEVICE),
    "replay_quarantine": Plan(DEVICE, body={"device": OWN}),
    "list_quarantine": Plan(everywhere, query=lambda seeds: {"day": seeds.ids["day"]}),
    "list_alarms": Plan(anywhere),
    "alarms_summary": Plan(anywhere),
    "show_alarm": Plan(DEVICE),
    "acknowledge_alarm": Plan(DEVICE),
    "unacknowledge_alarm": Plan(DEVICE),
    "assign_alarm": Plan(DEVICE, body={"assignee": None}),
    "comment_on_alarm": Plan(DEVICE, body={"text": "seen"}),
    "clear_alarm": Plan(DEVICE),
    "change_alarms": Plan(anywhere, body=lambda seeds: {"action": "acknowledge", "alarms": [seeds.ids["alarm"]]}),
    "device_alarms": Plan(DEVICE),
    "list_commands": Plan(DEVICE),
    "send_command": Plan(DEVICE, body=_COMMAND),
    "show_command": Plan(DEVICE),
    "cancel_command": Plan(DEVICE),
    "send_bulk": Plan(anywhere, body=_BULK),
    "show_bulk": Plan(owned),
    "list_bulk": Plan(owned),
    "cancel_bulk": Plan(owned),
    "show_state": Plan(DEVICE),
    "desire_state": Plan(DEVICE, body={"values": {"relay": {"on": True}}}),
    "state_history": Plan(DEVICE),
    "show_config": Plan(DEVICE),
    "desire_config": Plan(DEVICE, body={"values": {}}),
    "config_history": Plan(DEVICE),
    "list_device_keys": Plan(DEVICE),
    "create_device_key": Plan(DEVICE, body={"name": "another"}, restore=Seeds.revoke_newest_device_key),
    "revoke_device_key": Plan(DEVICE),
    "list_certificates": Plan(DEVICE),
    "create_certificate": Plan(
        DEVICE, body=lambda _: {"csr": signing_request(OWN)}, restore=Seeds.revoke_newest_certificate
    ),
    "revoke_certificate": Plan(DEVICE, restore=Seeds.certificate),
    "show_agent_config": Plan(DEVICE),
    "list_groups": Plan(anywhere),
    "create_group": Plan(
        demanded(Target(group=LINE)), body=lambda seeds: {"group": f"{LINE}/{seeds.thing()}", "title": "New"}
    ),
    "show_group": Plan(IN_GROUP),
    "update_group": Plan(IN_GROUP, body={"title": "Line"}),
    "delete_group": Plan(IN_GROUP, restore=Seeds.spare),
    "list_models": Plan(anywhere),
    "show_model": Plan(anywhere),
    "save_model": Plan(anywhere, body=Seeds.model_to_save, headers=Seeds.saved_model_version),
    "delete_model": Plan(anywhere, restore=Seeds.save_model),
    "model_versions": Plan(anywhere),
    "list_rules": Plan(anywhere),
    "create_rule": Plan(demanded(Target(OWN, LINE)), body=lambda seeds: {"document": _rule(seeds.thing())}),
    "validate_rule": Plan(anywhere, body={"document": _rule("mx-rule-to-be")}),
    "create_backtest": Plan(DEVICE_RULES, body=_backtest),
    "show_backtest": Plan(DEVICE_RULES),
    "device_rules": Plan(DEVICE),
    "explain_rule": Plan(DEVICE),
    "test_rules": Plan(anywhere, body={"rules": [_rule("mx-rule-to-be")], "tests": [_TEST]}),
    "show_rule": Plan(RULES),
    "replace_rule": Plan(RULES, body={"document": _rule(RULE)}, headers=Seeds.rule_version),
    "delete_rule": Plan(RULES, restore=Seeds.rule),
    "rule_versions": Plan(RULES),
    "fleet_summary": Plan(anywhere),
    "list_recipients": Plan(anywhere),
    "create_recipient": Plan(anywhere, body=Seeds.new_recipient),
    "show_recipient": Plan(anywhere),
    "replace_recipient": Plan(anywhere, body=_RECIPIENT, headers=Seeds.recipient_version),
    "delete_recipient": Plan(anywhere, restore=Seeds.recipient_again),
    "rotate_recipient_secret": Plan(anywhere),
    "test_recipient": Plan(anywhere),
    "list_maintenance": Plan(anywhere),
    "create_maintenance": Plan(DEVICE, body=_window),
    "show_maintenance": Plan(DEVICE),
    "end_maintenance": Plan(DEVICE),
    "list_deliveries": Plan(anywhere),
    "show_delivery": Plan(DEVICE),
    "replay_delivery": Plan(DEVICE, restore=Seeds.failed_again),
    "alarm_deliveries": Plan(DEVICE),
    "list_users": Plan(anywhere),
    "invite_user": Plan(of_a_person, body=lambda seeds: {"email": seeds.email(), "grants": []}),
    "show_user": Plan(anywhere),
    "update_user": Plan(of_a_person, body={"enabled": True}),
    "delete_user": Plan(of_a_person, restore=Seeds.another_user),
    "reset_user": Plan(of_a_person),
    "show_grants": Plan(anywhere),
    "replace_grants": Plan(
        demanded(Target(OWN, LINE)),
        body={"grants": [{"role": "viewer", "scope": f"device:{OWN}"}]},
        headers=Seeds.grants_version,
    ),
    "list_grants": Plan(demanded(Target(OWN, LINE)), query={"scope": f"device:{OWN}"}),
    "list_keys": Plan(anywhere),
    "create_key": Plan(of_a_person, body=Seeds.unused_key),
    "show_key": Plan(anywhere),
    "revoke_key": Plan(anywhere),
    "list_audit": Plan(anywhere),
    "audit_chains": Plan(anywhere),
    "live_ticket": Plan(anywhere),
    "list_dead_letter_queues": Plan(anywhere),
    "peek_dead_letters": Plan(anywhere),
    "replay_dead_letters": Plan(anywhere, body={}),
}
PROTECTED = [route for route in ROUTES if not route.public]


def path_of(route: Route, seeds: Seeds) -> str:
    ids = dict(seeds.ids)
    if route.operation == "delete_group":
        ids["group"] = SPARE.replace("/", ":")
    if route.operation in {"save_model", "delete_model"}:
        ids["model"] = SPARE_MODEL
    if route.path.startswith("/devices/{id}/keys"):
        ids["key"] = seeds.device_key["id"]
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], route.path)


@dataclass(frozen=True)
class Cell:
    route: Route
    person: Person
    right: Verdict

    def __str__(self) -> str:
        return f"{self.person.name}: {self.route.method} {self.route.path} ({self.route.permission})"


def cells(route: Route) -> list[Cell]:
    """Of one operation: those that are refused first, since an allowed one may change what the others ask about."""
    plan = PLANS[route.operation]
    made = [Cell(route, person, expected(route, plan.rule, person)) for person in people()]
    return sorted(made, key=lambda cell: cell.right is Verdict.ALLOWED)


def wrong_cells(route: Route, seeds: Seeds) -> list[str]:
    """Ask every cell of an operation; what was not as the domain has it, in words."""
    wrong = []
    for cell in cells(route):
        answer = asked(cell, seeds)
        if answer.verdict is not cell.right:
            wrong.append(
                f"{cell}: expected {cell.right.value}, got {answer.status} {json.dumps(answer.document)[:300]}"
            )
        elif answer.verdict is Verdict.ALLOWED and (restore := PLANS[route.operation].restore):
            restore(seeds)
    return wrong


def asked(cell: Cell, seeds: Seeds) -> Answer:
    plan = PLANS[cell.route.operation]
    return seeds.ask(cell.person.name, cell.route.method, path_of(cell.route, seeds), **plan.rest(seeds))


def ask_all(seeds: Seeds, workers: int) -> tuple[list[str], Counter[Verdict]]:
    """Every cell of every operation: what is wrong, and how many of each verdict are right by the domain."""
    # What changes the device or takes it away goes alone; nothing else stands in another's way.
    alone = [route for route in PROTECTED if PLANS[route.operation].restore]
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda route: wrong_cells(route, seeds), [one for one in PROTECTED if one not in alone])
        wrong = list(itertools.chain.from_iterable(found))
    for route in alone:
        wrong += wrong_cells(route, seeds)
    return wrong, Counter(cell.right for route in PROTECTED for cell in cells(route))


# --- from outside: an id that is there, and one that never was

_NEVER = {
    "id": "mx-never",
    "command": "01AAAAAAAAAAAAAAAAAAAAAAAA",
    "alarm": "mx-never.1",
    "delivery": "mx-never.1.0.00",
    "window": "01AAAAAAAAAAAAAAAAAAAAAAAA",
    "bulk": "01AAAAAAAAAAAAAAAAAAAAAAAA",
    "group": "mx-never",
    "rule": "mx-never",
    "backtest": "01AAAAAAAAAAAAAAAAAAAAAAAA",
}


def outside_attempts(route: Route) -> list[tuple[str, Person]]:
    """For each id in the path that has a scope: everybody who holds the permission, but not over this."""
    names = [name for name in re.findall(r"{(\w+)}", route.path) if name in _NEVER]
    plan = PLANS[route.operation]
    return [(name, one) for name in names for one in people() if expected(route, plan.rule, one) is Verdict.MISSING]


def telling_apart(route: Route, seeds: Seeds) -> list[str]:
    """What an answer to an outsider tells of whether something exists; empty where nothing does."""
    told = []
    for name, person in outside_attempts(route):
        real = path_of(route, seeds)
        there, never = seeds.ids[name], _NEVER[name]
        if route.operation == "delete_group":
            there = SPARE.replace("/", ":")
        rest = PLANS[route.operation].rest(seeds)
        answers = [
            seeds.ask(person.name, route.method, path, **rest)
            for path in (real, real.replace(f"/{there}", f"/{never}"))
        ]
        said = [_impersonal(one, {there, there.replace(":", "/")}, never) for one in answers]
        if said[0] != said[1]:
            told.append(f"{person.name}: {route.method} {route.path}: {said[0]} is not {said[1]}")
    return told


def _impersonal(answer: Answer, names: set[str], never: str) -> tuple[int, str]:
    document = {key: value for key, value in answer.document.items() if key != "request_id"}
    text = json.dumps(document, sort_keys=True)
    for name in {*names, never}:
        text = text.replace(name, "…")
    return answer.status, text
