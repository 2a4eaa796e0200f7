"""CloudFormation intrinsics, as far as the transform must see through them."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
Replacements = dict[tuple[str, str | None], Json]
"""What stands for an attribute of a resource, or with None for its Ref, by logical id."""


def references(value: Json) -> Iterator[str]:
    """The logical ids that a value refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            yield from _referred(value)
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _referred(node: Mapping[str, Json]) -> Iterator[str]:
    name, argument = next(iter(node.items()))
    if name == "Ref" and isinstance(argument, str):
        yield argument
    elif name == "Fn::GetAtt":
        yield argument.split(".")[0] if isinstance(argument, str) else str(argument[0])
    elif name == "Fn::Sub":
        text = argument if isinstance(argument, str) else str(argument[0])
        yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])


def replace_references(value: Json, replacements: Replacements) -> Json:
    """The value with every Ref and Fn::GetAtt that has a replacement replaced, wherever it stands."""
    if isinstance(value, Mapping):
        if len(value) == 1 and (target := _target(value)) in replacements:
            return replacements[target]
        return {key: replace_references(item, replacements) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_references(item, replacements) for item in value]
    return value


def _target(node: Mapping[str, Json]) -> tuple[str, str | None]:
    name, argument = next(iter(node.items()))
    if name == "Fn::GetAtt":
        resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return str(resource), str(attribute)
    return (str(argument), None) if name == "Ref" else ("", None)


def merge_text(value: Json, pseudo: Mapping[str, str]) -> Json:
    """A string or Fn::Join with the pseudo parameters filled in and neighbouring texts joined.

    `{"Fn::Join": ["", ["https://x.", {"Ref": "AWS::Region"}, ".y/", {"Ref": "Pool"}]]}` becomes a Join of
    `"https://x.eu-west-1.y/"` and the Ref; a plain string when nothing but text is left.
    """
    if isinstance(value, Mapping) and len(value) == 1:
        if (name := value.get("Ref")) in pseudo:
            return pseudo[str(name)]
        if "Fn::Join" in value:
            separator, pieces = value["Fn::Join"]
            return _joined(separator, [merge_text(piece, pseudo) for piece in pieces])
    return value


def _joined(separator: str, pieces: list[Json]) -> Json:
    merged: list[Json] = []
    for position, piece in enumerate(pieces):
        for part in (separator, piece) if position else (piece,):
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            elif part != "":
                merged.append(part)
    if not merged:
        return ""
    return merged[0] if len(merged) == 1 and isinstance(merged[0], str) else {"Fn::Join": ["", merged]}


def replace_text(value: Json, old: str, new: str) -> Json:
    """A merged value with the text replaced wherever it stands."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, Mapping) and "Fn::Join" in value:
        separator, pieces = value["Fn::Join"]
        return {"Fn::Join": [separator, [replace_text(piece, old, new) for piece in pieces]]}
    return value
