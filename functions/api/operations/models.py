"""What devices of a type measure, do and can be set to."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Path

from contract import models
from contract.models import DeviceModel
from functions.api.answer import Answer, answer, answers
from functions.api.parameters import model_name
from functions.errors import NotFoundError


class ModelItem(msgspec.Struct, frozen=True):
    """`interval_ms` is how often such a device is expected to report."""

    name: str
    title: str
    version: str
    interval_ms: int
    metrics: tuple[str, ...]
    actuators: tuple[str, ...]


class ModelsView(msgspec.Struct, frozen=True):
    items: tuple[ModelItem, ...]
    cursor: str | None


class ModelOperations:
    def __init__(self, known: Mapping[str, DeviceModel]) -> None:
        self._known = known

    @answers(ModelsView)
    def list_models(self) -> Answer:
        """The models of this deployment, by name, on one page."""
        return answer(ModelsView(tuple(_item(self._known[name]) for name in sorted(self._known)), None))

    @answers(dict[str, Any], etag=True)
    def show_model(self, model: Annotated[str, Path(max_length=100)]) -> Answer:
        """A model as a W3C WoT Thing Model; an action's `input` is the JSON Schema of a command's parameters."""
        known = self._known.get(model_name(model))
        if known is None:
            raise NotFoundError(f"there is no model {model!r}")
        text = models.encode(known)
        tag = int.from_bytes(blake2b(text, digest_size=6).digest(), "big")
        return answer(msgspec.Raw(text), etag=tag)


def _item(model: DeviceModel) -> ModelItem:
    return ModelItem(
        model.name, model.title, model.version, model.interval_ms, tuple(model.metrics), tuple(model.actuators)
    )
