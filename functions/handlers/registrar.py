"""The custom resource that enters the fleet file's devices into the registry."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.adapters import cloudformation
from functions.services.registrar import Registrar, declared

logger = Logger(service="registrar")
PHYSICAL_ID = "fieldline-fleet"


@cache
def _registrar() -> Registrar:
    return bootstrap.registrar(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> None:
    problem = None
    try:
        devices = declared(event["ResourceProperties"])
        request_id = str(event.get("RequestId", "unknown"))
        if event["RequestType"] == "Delete":
            outcome = _registrar().declare((), before=devices, request_id=request_id)
        else:
            before = declared(event.get("OldResourceProperties", {}))
            outcome = _registrar().declare(devices, before=before, request_id=request_id)
        logger.info("fleet registered", changed=outcome.changed, decommissioned=outcome.decommissioned)
    except Exception as exc:  # whatever it was, the deployment must not wait an hour for an answer that will not come
        logger.exception("the fleet could not be registered")
        problem = f"{type(exc).__name__}: {exc}"
    cloudformation.answer(event, PHYSICAL_ID, problem)
