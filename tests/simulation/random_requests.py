"""Random requests to DynamoDB over a few keys, so that they meet."""

import random

from tests.simulation.attributes import order

PKS, SKS = ("a", "b"), ("1", "2", "3", "é")
SCALARS = {
    "N": ("0", "1", "2", "10", "-3", "2.5", "1.50", "1e2", "-0.001"),
    "S": ("x", "xy", "y", "é", "10"),
    "BOOL": (True, False),
    "B": (b"x", b"xy", b"\x00"),
}


class Maker:
    """Random requests over a few keys, so that they meet."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *some):
        return self.random.choice(some)

    def coin(self):
        return self.random.random() < 0.5

    def key(self):
        return {"pk": {"S": self.pick(*PKS)}, "sk": {"S": self.pick(*SKS)}}

    def value(self, depth=0):
        kinds = ("N", "N", "S", "BOOL", "L", "M", "SS", "B") if depth < 2 else ("N", "S")
        return self.of(self.pick(*kinds), depth)

    def of(self, kind, depth):
        match kind:
            case "L":
                value = [self.value(depth + 1) for _ in range(self.random.randrange(3))]
            case "M":
                value = {self.pick("m", "k"): self.value(depth + 1) for _ in range(self.random.randrange(3))}
            case "SS":
                value = self.random.sample(["x", "y", "z"], self.random.randrange(1, 4))
            case _:
                value = self.pick(*SCALARS[kind])
        return {kind: value}

    def item(self):
        item = {**self.key(), **{name: self.value() for name in ("v", "w") if self.coin()}}
        item |= {name: self.of(kind, 0) for name, kind in (("n", "N"), ("s", "S")) if self.coin()}
        if self.coin():
            item |= {"duepk": {"S": self.pick("D1", "D2")}, "duesk": {"S": self.pick("1", "2", "3")}}
        return item

    def condition(self, values, names):
        test = self.pick(
            "exists", "exists", "compare", "compare", "between", "begins", "contains", "in", "tree", "type"
        )
        if test == "exists":
            path = self.pick("n", "v", "w.m", "pk", "#n", "v[0]")
            if path == "#n":
                names["#n"] = self.pick("n", "status")
            return self.pick(f"attribute_exists({path})", f"attribute_not_exists({path})")
        if test == "tree":
            one, other = self.condition(values, names), self.condition(values, names)
            return self.pick(f"({one}) AND ({other})", f"{one} OR {other}", f"NOT ({one}) OR {other}")
        return self.on_values(test, values)

    def on_values(self, test, values):
        """Only of one type at a time: moto compares no others."""
        mine, other = f":c{len(values)}", f":c{len(values) + 1}"
        path, kind = self.pick(("n", "N"), ("s", "S"), ("pk", "S"))
        values[mine] = self.of(kind, 0)
        if test == "compare":
            return f"{path} {self.pick('=', '<', '<=', '>', '>=', '<>')} {mine}"
        if test in {"between", "in"}:
            values[mine], values[other] = sorted([values[mine], self.of(kind, 0)], key=order)
            return f"{path} BETWEEN {mine} AND {other}" if test == "between" else f"{path} IN ({mine}, {other})"
        values[mine] = {"S": self.pick("N", "S") if test == "type" else self.pick("x", "a")}
        function = {"begins": "begins_with", "type": "attribute_type", "contains": "contains"}[test]
        return f"{function}({'n' if test == 'type' else 's'}, {mine})"

    def conditional(self, request, chance=0.6):
        values = dict(request.get("ExpressionAttributeValues", {}))
        names = dict(request.get("ExpressionAttributeNames", {}))
        if self.random.random() < chance:
            request["ConditionExpression"] = self.condition(values, names)
            if self.coin():
                request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        return request

    def update(self):
        values, sets, names = {}, [], {}
        for path in self.random.sample(["v", "w", "duesk"], self.random.randrange(1, 3)):
            at = f":u{len(values)}"
            values[at] = {"S": self.pick("1", "9")} if path == "duesk" else self.value()
            change = self.pick("plain", "default", "sum", "list") if path != "duesk" else "plain"
            if change == "plain":
                sets.append(f"{path} = {at}")
            elif change == "default":
                sets.append(f"{path} = if_not_exists({path}, {at})")
            elif change == "list":
                values[at] = {"L": [self.value(1)]}
                values[":none"] = {"L": []}
                sets.append(f"{path} = list_append({at}, :none)")
            else:
                values[at], values[":zero"] = {"N": self.pick("1", "2.5")}, {"N": "0"}
                sets.append(f"n = {at} + :zero")
                break
        text = "SET " + ", ".join(dict.fromkeys(sets))
        if "w" not in {one.split(" ")[0] for one in sets} and self.coin():
            text += " REMOVE #w"
            names["#w"] = "w"
        used = {name: value for name, value in values.items() if name in text}
        request = {"Key": self.key(), "UpdateExpression": text, "ExpressionAttributeValues": used}
        if names:
            request["ExpressionAttributeNames"] = names
        return request

    def transaction(self):
        items, taken = [], set()
        for _ in range(self.random.randrange(1, 5)):
            kind, table = self.pick("Put", "Update", "Delete", "ConditionCheck"), self.pick("one", "two")
            part = {"Put": lambda: {"Item": self.item()}, "Update": self.update}.get(
                kind, lambda: {"Key": self.key()}
            )()
            part = self.conditional({"TableName": table, **part}, 1.0 if kind == "ConditionCheck" else 0.4)
            key = part.get("Key", part.get("Item"))
            place = (table, key["pk"]["S"], key["sk"]["S"])
            if place not in taken:
                items.append({kind: part})
                taken.add(place)
        return {"TransactItems": items}

    def query(self):
        index = self.coin()
        pk, sk = ("duepk", "duesk") if index else ("pk", "sk")
        values = {":pk": {"S": self.pick("D1", "D2") if index else self.pick(*PKS)}}
        text = f"{pk} = :pk"
        match self.pick("all", "begins", "between", "less", "more"):
            case "begins":
                text, values[":s"] = f"{text} AND begins_with({sk}, :s)", {"S": self.pick("1", "é")}
            case "between":
                text, values[":l"], values[":h"] = f"{text} AND {sk} BETWEEN :l AND :h", {"S": "1"}, {"S": "2"}
            case "less":
                text, values[":s"] = f"{text} AND {sk} < :s", {"S": "3"}
            case "more":
                text, values[":s"] = f"{text} AND {sk} >= :s", {"S": "2"}
        request = {
            "TableName": "one",
            "KeyConditionExpression": text,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": self.coin(),
        }
        if index:
            request["IndexName"] = "due"
        elif self.coin():
            request |= {"FilterExpression": "attribute_exists(n)", "ProjectionExpression": "pk, sk, n, v"}
        return request

    def operation(self):
        match self.pick("put", "put", "update", "update", "update", "delete", "get", "query", "transact", "transact"):
            case "put":
                return "put_item", self.conditional({"TableName": "one", "Item": self.item()})
            case "update":
                return "update_item", self.conditional({"TableName": "one", **self.update()})
            case "delete":
                return "delete_item", self.conditional({"TableName": "one", "Key": self.key()})
            case "get":
                return "get_item", {"TableName": self.pick("one", "two"), "Key": self.key(), "ConsistentRead": True}
            case "query":
                return "query", self.query()
        return "transact_write_items", self.transaction()
