"""The first administrator of a deployment: whoever has its AWS credentials writes him past the API, as nobody else can.

These are the items of the core table as docs/data-model.md has them (C13, C14), in DynamoDB's own JSON.
"""

from typing import Any

__all__ = ["administrator_writes", "administrators_query"]

_EVERYTHING = "*"


def administrator_writes(table: str, sub: str, email: str) -> list[dict[str, Any]]:
    """TransactItems that make the user `sub` an administrator of everything, whatever he was before."""
    principal = f"user:{sub}"
    pk = {"S": f"PRINCIPAL#{principal}"}
    known = {"kind": {"S": "user"}, "name": {"S": email}}
    meta = {
        "TableName": table,
        "Key": {"pk": pk, "sk": {"S": "META"}},
        # The version moves, so that nobody changes what he has not seen.
        "UpdateExpression": "SET #kind = :kind, #name = :name, #disabled = :no, "
        "#version = if_not_exists(#version, :zero) + :one REMOVE #expires",
        "ExpressionAttributeNames": {f"#{name}": name for name in ("kind", "name", "disabled", "version", "expires")},
        "ExpressionAttributeValues": {
            ":kind": known["kind"],
            ":name": known["name"],
            ":no": {"BOOL": False},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        },
    }
    grant = {
        "TableName": table,
        "Item": {
            "pk": pk,
            "sk": {"S": f"GRANT#{_EVERYTHING}"},
            "principal": {"S": principal},
            **known,
            "role": {"S": "admin"},
            "scope": {"S": _EVERYTHING},
            "lpk": {"S": f"GRANTS#{_EVERYTHING}"},
            "lsk": {"S": principal},
        },
    }
    return [{"Update": meta}, {"Put": grant}]


def administrators_query(table: str) -> dict[str, Any]:
    """A Query for those who administer everything; keys of apps are not among them."""
    return {
        "TableName": table,
        "IndexName": "listing",
        "KeyConditionExpression": "lpk = :everything",
        "FilterExpression": "#role = :admin AND #kind = :user",
        "ExpressionAttributeNames": {"#role": "role", "#kind": "kind"},
        "ExpressionAttributeValues": {
            ":everything": {"S": f"GRANTS#{_EVERYTHING}"},
            ":admin": {"S": "admin"},
            ":user": {"S": "user"},
        },
    }
