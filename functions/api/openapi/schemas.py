"""JSON Schema of the structs that operations answer with."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

Json = dict[str, Any]
TEMPLATE: Final = "#/components/schemas/{name}"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.\-_]")


def of_answers(kinds: Iterable[Any]) -> tuple[list[Json], Json]:
    """A schema for each type, and the components that they refer to.

    A field that has a default is still always there in an answer, unless the struct leaves out defaults or the field
    may be unset: clients may rely on it.
    """
    listed = list(kinds)
    schemas, components = msgspec.json.schema_components(listed, ref_template=TEMPLATE)
    for cls, fields in _always_there(listed).items():
        # Types of one name in several modules are named with these.
        schema = components.get(f"{cls.__module__}.{cls.__qualname__}", components.get(_UNSAFE.sub("_", cls.__name__)))
        if schema is not None and "properties" in schema:
            schema["required"] = [field for field in schema["properties"] if field in fields]
    names = {name: _short(name) for name in components}
    if len(set(names.values())) < len(names):
        raise ValueError(f"answers must be told apart by module and name, got {sorted(names.values())}")
    named = {names[name]: _tidied(_renamed(schema, names)) for name, schema in components.items()}
    return [_tidied(_renamed(schema, names)) for schema in schemas], named


def closed(document: Any) -> Any:
    """The same with objects that have no property besides the named ones: what answers must be like in tests.

    Outside tests the schemas stay open: a field may be added at any time.
    """
    if isinstance(document, Mapping):
        inner = {key: closed(value) for key, value in document.items()}
        if document.get("type") == "object" and "properties" in document and "additionalProperties" not in document:
            inner["additionalProperties"] = False
        return inner
    return [closed(value) for value in document] if isinstance(document, list) else document


def _short(name: str) -> str:
    """`contract.audit.Who` becomes `AuditWho`: where a module is says nothing to a client."""
    *modules, last = name.split(".")
    return "".join(part.capitalize() for part in modules[-1].split("_")) + last if modules else name


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, Mapping):
        prefix, _, name = str(schema.get("$ref", "")).rpartition("/")
        link = {"$ref": f"{prefix}/{names[name]}"} if name in names else {}
        return {key: _renamed(value, names) for key, value in schema.items()} | link
    return [_renamed(value, names) for value in schema] if isinstance(schema, list) else schema


def _always_there(kinds: Iterable[Any]) -> dict[Any, set[str]]:
    """The names of the fields that every answer has, of each struct."""
    found: dict[Any, set[str]] = {}
    for struct in _structs(msgspec.inspect.multi_type_info(list(kinds)), set()):
        config: Any = struct.cls.__struct_config__
        fields = {
            field.encode_name
            for field in struct.fields
            if field.required or not (config.omit_defaults or _may_be_unset(field.type, struct.cls, field.name))
        }
        found[struct.cls] = fields | ({config.tag_field} if config.tag_field else set())
    return found


def _may_be_unset(kind: Any, cls: type, name: str) -> bool:
    # `inspect` does not tell of UNSET, the annotation does.
    hint = msgspec.structs.fields(cls)
    return any(field.name == name and "UnsetType" in str(field.type) for field in hint) or kind is msgspec.UnsetType


def _structs(kinds: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(kinds, (list, tuple)):
        for kind in kinds:
            yield from _structs(kind, seen)
        return
    if not isinstance(kinds, (msgspec.inspect.Type, msgspec.inspect.Field)) or id(kinds) in seen:
        return
    seen.add(id(kinds))
    if isinstance(kinds, msgspec.inspect.StructType):
        yield kinds
    for name in kinds.__struct_fields__:
        yield from _structs(getattr(kinds, name), seen)


def _tidied(schema: Any) -> Any:
    """Without titles, which repeat names, and defaults, which mean nothing in an answer. Enumerations say of what."""
    if isinstance(schema, Mapping):
        named = schema.get("enum")
        texts = {"type": "string"} if isinstance(named, list) and all(isinstance(one, str) for one in named) else {}
        return texts | {
            key: _tidied(value)
            for key, value in schema.items()
            if not ((key == "title" and isinstance(value, str)) or (key == "default" and not _property_of(value)))
        }
    return [_tidied(value) for value in schema] if isinstance(schema, list) else schema


def _property_of(value: Any) -> bool:
    """Whether this is the schema of a property that is called `default`, and no default."""
    return isinstance(value, Mapping) and bool({"type", "$ref", "anyOf", "enum", "const"} & set(value))
