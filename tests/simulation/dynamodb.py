"""DynamoDB in memory, with the semantics that AWS documents.

Each operation is one step: nobody sees half a transaction. What is not consistent on AWS (reads that do not ask for
it, every index) is answered as of a moment ago; how long ago, and what a batch leaves out, `Chance` says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from tests.simulation import expressions, updates
from tests.simulation.attributes import Invalid, Item, kept, weight
from tests.simulation.expressions import Scope
from tests.simulation.tables import KEYS, Key, Table
from tests.simulation.wires import cancelled, client_error

MAX_ITEM_BYTES = 400 * 1024
MAX_PAGE_BYTES = 1024 * 1024
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
TOKEN_MS = 600_000
_KEY_NAMES = set(KEYS)
_LONG = (str, bytes)
_ANY = (str, bytes, dict, list)
_T = TypeVar("_T")


class Chance(Protocol):
    def lag_ms(self) -> float:
        """How stale an eventually consistent read is."""
        ...

    def left_out(self, count: int) -> Iterable[int]:
        """Which of so many keys or requests of a batch DynamoDB does not process this time."""
        ...

    def shuffled(self, items: list[_T]) -> list[_T]: ...


class Kind:
    """No chance at all: everything is fresh, whole and in order."""

    def lag_ms(self) -> float:
        return 0.0

    def left_out(self, count: int) -> Iterable[int]:
        return ()

    def shuffled(self, items: list[_T]) -> list[_T]:
        return items


class _Write(NamedTuple):
    """What one request would make of an item; `refused` where its condition does not hold."""

    table: Table
    key: Key
    before: Item | None
    after: Item | None
    refused: bool
    shows: bool
    heavy: bool = False


class Database:
    """`complaints` are requests that DynamoDB refuses whatever it holds: bugs of whoever sent them."""

    def __init__(self, tables: Mapping[str, Table], now: Callable[[], float], chance: Chance | None = None) -> None:
        self.tables = tables
        self.complaints: list[str] = []
        self._now = now
        self._chance = chance or Kind()
        self._tokens: dict[str, tuple[float, Any]] = {}

    def run(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self, f"_{operation}")(dict(request))
        except Invalid as exc:
            self.complaints.append(f"{operation}: {exc}")
            raise client_error(operation, "ValidationException", str(exc)) from exc
        return answer

    def _get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        table = self._table(request)
        key = _key(request.pop("Key"))
        scope = _scope(request)
        project = _projection(request, scope)
        item = table.get(key, self._moment(request))
        _done(request, scope)
        return {} if item is None else {"Item": project(item)}

    def _batch_get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = request.pop("RequestItems")
        _done(request)
        keys = [(name, _key(key)) for name, one in asked.items() for key in one["Keys"]]
        _expect(1 <= len(keys) <= 100, f"Too many items requested for the BatchGetItem call: {len(keys)}")
        _expect(len(set(keys)) == len(keys), "Provided list of item keys contains duplicates")
        left = set(self._chance.left_out(len(keys)))
        answers: dict[str, list[Item]] = {}
        unprocessed: dict[str, Any] = {}
        position = 0
        for name, one in asked.items():
            part = {**one, "TableName": name}
            table = self._table(part)
            scope = _scope(part)
            project = _projection(part, scope)
            moment = self._moment(part)
            found = answers.setdefault(name, [])
            for key in part.pop("Keys"):
                if position in left:
                    unprocessed.setdefault(name, {**one, "Keys": []})["Keys"].append(key)
                elif (item := table.get(_key(key), moment)) is not None:
                    found.append(project(item))
                position += 1
            answers[name] = self._chance.shuffled(found)
            _done(part, scope)
        return {"Responses": answers, "UnprocessedKeys": unprocessed}

    def _put_item(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._one("PutItem", self._put_write(request), request)

    def _update_item(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._one("UpdateItem", self._update_write(request), request)

    def _delete_item(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._one("DeleteItem", self._delete_write(request), request)

    def _one(self, operation: str, write: _Write, request: dict[str, Any]) -> dict[str, Any]:
        values = request.pop("ReturnValues", "NONE")
        _done(request)
        if write.refused:
            shown = {"Item": dict(write.before)} if write.shows and write.before else {}
            message = "The conditional request failed"
            raise client_error(operation, "ConditionalCheckFailedException", message, **shown)
        write.table.put(write.key, write.after, self._now())
        match values:
            case "ALL_OLD" if write.before is not None:
                return {"Attributes": dict(write.before)}
            case "ALL_NEW" if write.after is not None:
                return {"Attributes": dict(write.after)}
            case "NONE" | "ALL_OLD":
                return {}
        raise Invalid(f"the simulation knows no ReturnValues {values} of {operation}")

    def _put_write(self, request: dict[str, Any]) -> _Write:
        table = self._table(request)
        item = {name: kept(value) for name, value in request.pop("Item").items()}
        key = _key({name: item.get(name, {}) for name in KEYS})
        return self._write(table, key, request, _scope(request), lambda _before: item)

    def _delete_write(self, request: dict[str, Any]) -> _Write:
        table = self._table(request)
        key = _key(request.pop("Key"))
        return self._write(table, key, request, _scope(request), lambda _before: None)

    def _check_write(self, request: dict[str, Any]) -> _Write:
        table = self._table(request)
        key = _key(request.pop("Key"))
        _expect("ConditionExpression" in request, "The expression can not be empty")
        return self._write(table, key, request, _scope(request), lambda before: before)

    def _update_write(self, request: dict[str, Any]) -> _Write:
        table = self._table(request)
        key = _key(request.pop("Key"))
        scope = _scope(request)
        compiled: updates.Update = updates.update(request.pop("UpdateExpression", "")).resolve(scope)
        paths = compiled.paths(scope)
        tops = {path[0] for path in paths}
        _expect(tops.isdisjoint(KEYS), "Cannot update attribute pk or sk. This attribute is part of the key")
        if len(tops) < len(paths):
            _check_overlaps(paths)

        def become(before: Item | None) -> Item:
            empty = {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
            return compiled.run(scope, empty if before is None else before)

        return self._write(table, key, request, scope, become)

    def _write(
        self,
        table: Table,
        key: Key,
        request: dict[str, Any],
        scope: Scope,
        become: Callable[[Item | None], Item | None],
    ) -> _Write:
        before = table.current(key)
        shows = request.pop("ReturnValuesOnConditionCheckFailure", "NONE") == "ALL_OLD"
        holds = True
        if "ConditionExpression" in request:
            test = expressions.condition(request.pop("ConditionExpression")).resolve(scope)
            holds = test(scope, before or {})
        scope.check_used()
        if not holds:
            return _Write(table, key, before, before, refused=True, shows=shows)
        after, heavy = become(before), False
        if after is not None and after is not before:
            table.check(after)
            heavy = _is_heavy(after)
            if heavy and weight(after) > MAX_ITEM_BYTES:
                raise Invalid(f"Item size has exceeded the maximum allowed size: {weight(after)} bytes of {key}")
        return _Write(table, key, before, after, refused=False, shows=shows, heavy=heavy)

    def _batch_write_item(self, request: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = request.pop("RequestItems")
        _done(request)
        writes = [(name, one) for name, some in asked.items() for one in some]
        _expect(1 <= len(writes) <= 25, f"expected 1 to 25 requests in a batch, got {len(writes)}")
        made: list[_Write] = []
        for name, one in writes:
            ((kind, inner),) = one.items()
            make = {"PutRequest": self._put_write, "DeleteRequest": self._delete_write}[kind]
            made.append(make({**inner, "TableName": name}))
        places = {(id(write.table), write.key) for write in made}
        _expect(len(places) == len(made), "Provided list of item keys contains duplicates")
        left = set(self._chance.left_out(len(writes)))
        unprocessed: dict[str, Any] = {}
        for at, ((name, one), write) in enumerate(zip(writes, made, strict=True)):
            if at in left:
                unprocessed.setdefault(name, []).append(one)
            else:
                write.table.put(write.key, write.after, self._now())
        return {"UnprocessedItems": unprocessed}

    def _transact_write_items(self, request: dict[str, Any]) -> dict[str, Any]:
        items: Sequence[dict[str, Any]] = request.pop("TransactItems")
        token = request.pop("ClientRequestToken")
        _done(request)
        _expect(1 <= len(items) <= 100, f"expected 1 to 100 items in a transaction, got {len(items)}")
        known = self._tokens.get(token)
        if known is not None and known[0] > self._now():
            if known[1] != items:
                message = "the token came with another request before"
                raise client_error("TransactWriteItems", "IdempotentParameterMismatchException", message)
            return {}
        makers = {
            "Put": self._put_write,
            "Update": self._update_write,
            "Delete": self._delete_write,
            "ConditionCheck": self._check_write,
        }
        writes: list[_Write] = []
        for item in items:
            ((kind, inner),) = item.items()
            part = dict(inner)
            writes.append(makers[kind](part))
            _done(part)
        places = {(id(write.table), write.key) for write in writes}
        _expect(len(places) == len(writes), "Transaction request cannot include multiple operations on one item")
        heavy = [write.after for write in writes if write.after is not None and write.heavy]
        _expect(sum(map(weight, heavy)) <= MAX_TRANSACTION_BYTES, "a transaction of more than 4 MB")
        if any(write.refused for write in writes):
            raise cancelled([_reason(write) for write in writes])
        for write in writes:
            if write.after is not write.before:
                write.table.put(write.key, write.after, self._now())
        self._tokens[token] = (self._now() + TOKEN_MS, items)
        return {}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        table = self._table(request)
        index = request.pop("IndexName", None)
        _expect(index is None or index in table.indexes, f"The table does not have the specified index: {index}")
        pk_name, sk_name = KEYS if index is None else table.indexes[index][:2]
        _expect(index is None or not request.get("ConsistentRead"), "Consistent reads are not supported on indexes")
        scope = _scope(request)
        condition: expressions.KeyCondition = expressions.key_condition(request.pop("KeyConditionExpression")).resolve(
            scope
        )
        _expect(scope.name(condition.partition[0]) == pk_name, "Query condition missed key schema element")
        _expect(condition.sort is None or scope.name(condition.sort) == sk_name, "Query key condition not supported")
        partition = scope.value(condition.partition[1]).get("S", "")
        start = request.pop("ExclusiveStartKey", None)
        if start is not None:
            expected = {*KEYS, pk_name, sk_name}
            _expect(start.keys() == expected and start[pk_name].get("S") == partition, "The provided key is invalid")
        forward = bool(request.pop("ScanIndexForward", True))
        moment = self._moment(request)
        rows = (
            table.walk(partition, moment, start, forward=forward)
            if index is None
            else table.walk_index(index, partition, moment, start, forward=forward)
        )
        wanted = ((key, item) for key, item in rows if condition.holds(scope, item))
        return self._page(request, scope, wanted, dict.fromkeys((*KEYS, pk_name, sk_name)))

    def _scan(self, request: dict[str, Any]) -> dict[str, Any]:
        table = self._table(request)
        scope = _scope(request)
        start = request.pop("ExclusiveStartKey", None)
        moment = self._moment(request)
        after = None if start is None else _key(start)
        keyed = ((_key({name: item[name] for name in KEYS}), item) for item in table.everything())
        fresh = ((key, table.get(key, moment)) for key, _ in keyed if after is None or key > after)
        rows = ((key, item) for key, item in fresh if item is not None)
        return self._page(request, scope, rows, dict.fromkeys(KEYS))

    def _page(
        self, request: dict[str, Any], scope: Scope, rows: Iterable[tuple[Key, Item]], keys: Iterable[str]
    ) -> dict[str, Any]:
        limit = request.pop("Limit", None)
        _expect(limit is None or limit >= 1, "Limit must be at least 1")
        project = _projection(request, scope)
        chosen = None
        if "FilterExpression" in request:
            chosen = expressions.condition(request.pop("FilterExpression")).resolve(scope)
        _done(request, scope)
        items: list[Item] = []
        looked_at = size = 0
        last: Item | None = None
        for _, item in rows:
            looked_at += 1
            size += _rough_weight(item)
            if chosen is None or chosen(scope, item):
                items.append(project(item))
            if looked_at == limit or size > MAX_PAGE_BYTES:
                last = {name: item[name] for name in keys}
                break
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": looked_at}
        if last is not None:
            answer["LastEvaluatedKey"] = last
        return answer

    def _table(self, request: dict[str, Any]) -> Table:
        name = request.pop("TableName")
        if name not in self.tables:
            raise client_error("any", "ResourceNotFoundException", f"Requested resource not found: {name}")
        return self.tables[name]

    def _moment(self, request: dict[str, Any]) -> float:
        return float("inf") if request.pop("ConsistentRead", False) else self._now() - self._chance.lag_ms()


def _rough_weight(item: Item) -> int:
    """Of what is long in it."""
    return sum([len(value) for attribute in item.values() for value in attribute.values() if type(value) in _LONG])


def _is_heavy(item: Item) -> bool:
    """Whether it is worth weighing: hardly any is."""
    for attribute in item.values():
        for value in attribute.values():
            if type(value) in _ANY and len(value) > 1_000:
                return True
    return False


def _reason(write: _Write) -> dict[str, Any]:
    if not write.refused:
        return {"Code": "None"}
    shown = {"Item": dict(write.before)} if write.shows and write.before else {}
    return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", **shown}


def _expect(holds: bool, why: str) -> None:  # noqa: FBT001
    if not holds:
        raise Invalid(why)


def _check_overlaps(paths: Sequence[tuple[Any, ...]]) -> None:
    known = set(paths)
    _expect(len(known) == len(paths), "Two document paths overlap with each other")
    for path in paths:
        inner = {path[:length] for length in range(1, len(path))}
        _expect(known.isdisjoint(inner), "Two document paths overlap with each other")


def _key(given: Mapping[str, Any]) -> Key:
    if given.keys() != _KEY_NAMES:
        raise Invalid(f"The provided key element does not match the schema: {given}")
    pk, sk = given["pk"].get("S"), given["sk"].get("S")
    if not pk or not sk:
        raise Invalid(f"One or more parameter values are not valid, a key is no string or empty: {given}")
    if len(pk) > 250 and (len(pk.encode()) > 2048 or len(sk.encode()) > 1024):
        raise Invalid(f"a key is too long: {given}")
    return pk, sk


def _scope(request: dict[str, Any]) -> Scope:
    names, values = request.pop("ExpressionAttributeNames", None), request.pop("ExpressionAttributeValues", None)
    _expect(names != {} and values != {}, "ExpressionAttributeNames and …Values must not be empty")
    return Scope(names, values and {name: kept(value) for name, value in values.items()})


def _projection(request: dict[str, Any], scope: Scope) -> Callable[[Item], Item]:
    if "ProjectionExpression" not in request:
        return dict
    project = expressions.projection(request.pop("ProjectionExpression")).resolve(scope)
    return lambda item: project(scope, item)


def _done(request: dict[str, Any], scope: Scope | None = None) -> None:
    """Whatever is left in a request, the simulation does not know."""
    _expect(not request, f"the simulation does not know {sorted(request)}")
    if scope is not None:
        scope.check_used()
