"""What devices say of their commands.

The thing and the command are those of the topic, which the device's policy binds to its own name: a device that answers
for another's command is looked up under its own name and found to have none such.
"""

from collections.abc import Iterable

import msgspec

from contract import documents
from contract import ingest as wrapper
from contract.documents import CommandResponse
from contract.errors import DocumentError
from contract.ingest import ResponseMessage
from functions.domain.commands import MAX_RESULT_BYTES, Command, Heard, Response, Status
from functions.domain.ingest import Fault, QuarantineEntry
from functions.errors import CommandsError, QueueMessageError
from functions.ports.commands import CommandStore
from functions.ports.live import LivePublisher
from functions.ports.logs import Quarantine
from functions.services.dispatch import Dispatch, told

_REASONS = {"too_large": "too_large", "unsupported_version": "unsupported_version"}
_NOTE_CHARS = 1024


class HearCommands:
    def __init__(
        self,
        *,
        store: CommandStore,
        quarantine: Quarantine,
        dispatch: Dispatch,
        live: LivePublisher,
        attempts: Iterable[int],
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._dispatch = dispatch
        self._live = live
        self._attempts = attempts

    def take(self, body: bytes | str) -> Heard | None:
        """One queue body; None when it went to the quarantine. Raises QueueMessageError for no wrapper of the rule."""
        try:
            message = wrapper.decode_response(body)
        except DocumentError as exc:
            raise QueueMessageError(f"not a message of the rule for answers to commands: {exc}") from exc
        try:
            said = documents.decode(CommandResponse, message.data)
        except DocumentError as exc:
            self._set_aside(message, Fault(_REASONS.get(exc.reason, "malformed"), str(exc)))
            return None
        if said.id != message.id:
            self._set_aside(message, Fault("misaddressed", f"it speaks of {said.id}, and its topic of another"))
            return None
        return self._hear(message, _bounded(said, message.received_at))

    def _hear(self, message: ResponseMessage, response: Response) -> Heard | None:
        for _ in self._attempts:
            command = self._store.read(message.thing, message.id)
            if command is None:
                self._set_aside(message, Fault("unknown_command", "the device was given no such command"))
                return None
            becomes, heard = command.heard(response)
            if heard is Heard.REFUSED:
                self._set_aside(message, Fault("unsent_command", "the command was never sent to the device"))
                return None
            written = command if becomes == command else self._store.save(command, becomes)
            if written is not None:
                self._follow(written, heard)
                return heard
        raise CommandsError(f"command {message.id} of {message.thing} was written by others at every attempt")

    def _follow(self, command: Command, heard: Heard) -> None:
        if heard in {Heard.MOVED, Heard.PROGRESS}:
            self._live.publish([told(command)])
        # Also after a repetition: the invocation that heard it first may have died before this line.
        if heard is not Heard.PROGRESS:
            self._dispatch.run(command.thing)

    def _set_aside(self, message: ResponseMessage, fault: Fault) -> None:
        self._quarantine.put(
            [QuarantineEntry(message.thing, message.received_at, message.data, (fault,), origin="command")]
        )


def _bounded(said: CommandResponse, received_at: int) -> Response:
    size = 0 if said.result is None else len(msgspec.json.encode(said.result))
    note = said.reason
    if size > MAX_RESULT_BYTES:
        left_out = f"its result of {size} bytes is more than {MAX_RESULT_BYTES} and is not kept"
        note = f"{note}; {left_out}" if note else left_out
    return Response(
        status=Status(said.status),
        at=said.at,
        received_at=received_at,
        result=said.result if size <= MAX_RESULT_BYTES else None,
        note=note[:_NOTE_CHARS] if note else None,
    )
