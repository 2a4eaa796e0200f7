"""What devices of a type measure, do and can be set to."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.operations.rules import VersionsView, version_view
from functions.api.parameters import Cursor, model_name
from functions.api.request import Request
from functions.services.models import CurrentModel, DeviceModels

_Model = Annotated[str, Path(max_length=100)]
_Force = Annotated[bool, Query()]


class ModelItem(msgspec.Struct, frozen=True):
    """`interval_ms` is how often such a device is expected to report. `stored` is 0 for a model as it is shipped."""

    name: str
    title: str
    version: str
    interval_ms: int
    metrics: tuple[str, ...]
    actuators: tuple[str, ...]
    stored: int


class ModelsView(msgspec.Struct, frozen=True):
    items: tuple[ModelItem, ...]
    cursor: str | None


class ModelOperations:
    def __init__(self, request: Request, models: DeviceModels, cursors: Cursors) -> None:
        self._request = request
        self._models = models
        self._cursors = cursors

    @answers(ModelsView)
    def list_models(self) -> Answer:
        """The models of this deployment, by name, on one page."""
        return answer(ModelsView(tuple(map(_item, self._models.listed())), None))

    @answers(dict[str, Any], etag=True)
    def show_model(self, model: _Model) -> Answer:
        """A model as a W3C WoT Thing Model; an action's `input` is the JSON Schema of a command's parameters."""
        return _answer(self._models.show(model_name(model)))

    @answers(dict[str, Any], etag=True, problems=("conflict",))
    def save_model(
        self,
        model: _Model,
        document: Annotated[dict[str, Any], Body()],  # noqa: ARG002 - read as it came, for keys that stand twice
        force: _Force = False,  # noqa: FBT002 - a parameter of the query
    ) -> Answer:
        """Store a model, or the next version of one, which then `If-Match` has to name.

        Refused where installed rules would be broken, unless forced.
        """
        tag = self._request.if_match()
        return _answer(self._models.save(self._request.actor, model_name(model), self._request.body, tag, force=force))

    @answers(None, status=204, problems=("conflict",))
    def delete_model(self, model: _Model, force: _Force = False) -> Answer:  # noqa: FBT002
        """Take a stored model away; the one that is shipped under its name stands again."""
        self._models.delete(self._request.actor, model_name(model), self._request.if_match(), force=force)
        return nothing()

    @answers(VersionsView)
    def model_versions(
        self, model: _Model, limit: Annotated[int, Query(ge=1, le=20)] = 20, cursor: Cursor = None
    ) -> Answer:
        """Every version of a model that was stored, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "model_versions")
        found, more = self._models.versions(model_name(model), limit, inner)
        return answer(VersionsView(tuple(map(version_view, found)), self._cursors.close(more, who, "model_versions")))


def _item(current: CurrentModel) -> ModelItem:
    model = current.model
    return ModelItem(
        model.name,
        model.title,
        model.version,
        model.interval_ms,
        tuple(model.metrics),
        tuple(model.actuators),
        0 if current.definition is None else current.definition.version,
    )


def _answer(current: CurrentModel) -> Answer:
    return answer(msgspec.Raw(current.text), etag=current.tag)
