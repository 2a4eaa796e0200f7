"""What can go wrong in the functions, and so what a caller may catch.

    FunctionsError
    ├── SettingsError            the environment of a function is not what it needs
    ├── RequestError             the caller asked for something that cannot be (HTTP 400)
    │   ├── InvalidDocumentError a document with problems, of which `problems` has every one
    │   └── CursorError          a page cursor that this deployment did not make, or made for another question
    ├── UnauthorizedError        a token that proves nothing (401)
    ├── ForbiddenError           known, but not allowed (403)
    ├── NotFoundError            what was asked for does not exist, or not for the caller (404)
    ├── ConflictError            it cannot be done as things stand (409)
    │   ├── ContendedError           … just now: others were faster at every attempt
    │   └── InProgressError          … as long as the same request is being answered
    ├── PreconditionError        it was changed since the caller read it (412)
    ├── TooLargeError            more bytes than are taken (413)
    ├── MediaTypeError           a body of another kind than is taken (415)
    ├── ReusedKeyError           an idempotency key that came with another request before (422)
    ├── PreconditionRequiredError    a change that needs If-Match (428)
    ├── RateLimitError           too much at once; `retry_after` says in seconds when to ask again (429)
    ├── QueueMessageError        a queue body that no rule of ours wrote: it belongs in the dead-letter queue
    └── AdapterError             a service did not do what was asked; trying again may help
        ├── StoreError           the telemetry store
        │   ├── PartialWriteError    … of which only some points were not stored; `failed` says which
        │   └── UnsupportedError     … which declares that it cannot do this
        ├── StateError           the state table
        ├── RegistryError        the core table
        ├── QuarantineError      the quarantine; `failed` says which entries
        ├── EventLogError        the event log
        ├── AuditError           the audit
        ├── ArchiveError         the audit's archive
        ├── PrincipalsError      the users' directory, grants or keys
        ├── CertificatesError    the certificates of devices, or the broker that they are for
        ├── CommandsError        the ledger of commands, or the broker that carries them
        ├── AlarmsError          the alarms, their outbox, or the queues of the work on them
        ├── DeliveriesError      the ledger of deliveries, the recipients, or the maintenance windows
        ├── RulesError           the store of rules and models, or of backtests
        ├── ShadowError          the shadows of devices
        ├── LiveError            the connections of those who watch
        ├── TelemetryQueueError  the queue of telemetry
        ├── RatesError           the token buckets
        ├── IdempotencyError     the memory of requests
        ├── LakeError            the lake; `failed` says which messages
        ├── LakeReadError        the lake, when it is read
        │   └── DamagedObjectError   … of which one object, or the rest of it, can never be read
        ├── KeysError            the signing keys of the token issuer
        ├── StoreAdminError      the set-up of the telemetry store
        │   └── StoreUnreachableError  … which did not answer, or not sensibly; it may do so later
        ├── SecretError          a secret of the deployment
        └── CloudFormationError  the deployment that waits for an answer

Adapters wrap whatever their client library raises, with the cause chained. A contract.ContractError is never wrapped:
it says what a device did wrong and becomes a quarantine entry.
"""

from collections.abc import Sequence
from typing import Any


class FunctionsError(Exception):
    """The root."""


class SettingsError(FunctionsError):
    def __init__(self, name: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{name} cannot be read from the environment: " + "; ".join(problems))
        self.problems = problems


class RequestError(FunctionsError):
    """Names the parameter, what was expected of it and what came."""

    def __init__(self, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field = field
        self.expected = expected
        self.got = got


class InvalidDocumentError(RequestError):
    """`problems` has field, expected and got of everything that is wrong; it is the first that the error names."""

    def __init__(self, problems: Sequence[tuple[str, str, str]]) -> None:
        field, expected, got = problems[0]
        super().__init__(field or "document", expected, got)
        self.problems = tuple(problems)


class CursorError(RequestError):
    def __init__(self, got: str, expected: str = "a cursor from the previous page of this very query") -> None:
        super().__init__("cursor", expected, got)


class NotFoundError(FunctionsError):
    pass


class ForbiddenError(FunctionsError):
    pass


class UnauthorizedError(FunctionsError):
    pass


class ConflictError(FunctionsError):
    pass


class ContendedError(ConflictError):
    pass


class InProgressError(ConflictError):
    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PreconditionError(FunctionsError):
    pass


class TooLargeError(FunctionsError):
    pass


class MediaTypeError(FunctionsError):
    pass


class ReusedKeyError(FunctionsError):
    pass


class PreconditionRequiredError(FunctionsError):
    pass


class RateLimitError(FunctionsError):
    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueMessageError(FunctionsError):
    pass


class AdapterError(FunctionsError):
    pass


class StoreError(AdapterError):
    pass


class UnsupportedError(StoreError):
    """The store declares that it cannot do this."""


class PartialWriteError(StoreError):
    """The points at the positions `failed` of the call may not have been stored; all others were, or are `rejected`."""

    def __init__(self, message: str, failed: frozenset[int], rejected: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.failed = failed
        self.rejected = rejected


class StateError(AdapterError):
    pass


class RegistryError(AdapterError):
    pass


class QuarantineError(AdapterError):
    """The entries at the positions `failed` of the call may not have been kept; all others were."""

    def __init__(self, message: str, failed: frozenset[int] = frozenset()) -> None:
        super().__init__(message)
        self.failed = failed


class EventLogError(AdapterError):
    pass


class AuditError(AdapterError):
    pass


class ArchiveError(AdapterError):
    pass


class PrincipalsError(AdapterError):
    pass


class CertificatesError(AdapterError):
    pass


class CommandsError(AdapterError):
    pass


class AlarmsError(AdapterError):
    pass


class DeliveriesError(AdapterError):
    pass


class RulesError(AdapterError):
    pass


class ShadowError(AdapterError):
    pass


class LiveError(AdapterError):
    pass


class TelemetryQueueError(AdapterError):
    pass


class DeadLettersError(AdapterError):
    pass


class RatesError(AdapterError):
    pass


class IdempotencyError(AdapterError):
    pass


class LakeError(AdapterError):
    """The messages at the positions `failed` of the call may not be in the lake; all others are."""

    def __init__(self, message: str, failed: frozenset[int]) -> None:
        super().__init__(message)
        self.failed = failed


class LakeReadError(AdapterError):
    pass


class DamagedObjectError(LakeReadError):
    """Reading it again gives no more than it gave until here."""


class KeysError(AdapterError):
    pass


class StoreAdminError(AdapterError):
    pass


class StoreUnreachableError(StoreAdminError):
    pass


class SecretError(AdapterError):
    pass


class CloudFormationError(AdapterError):
    pass


class DashboardError(AdapterError):
    pass
