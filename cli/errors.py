"""What can go wrong, as a person reads it and as a script sees it.

CliError                 exit 1   anything else
├── InputError           exit 2   an argument, or a file that an argument names
├── NotSignedInError     exit 3   no session, or one that has ended
├── NotFoundError        exit 4
├── NotAllowedError      exit 5   signed in, but the role does not allow it
├── UnreachableError     exit 6   nothing answered: address, network, TLS, time-out
├── BusyError            exit 7   throttled, and still so after the retries
├── ServerFaultError     exit 8   the other side failed, or answered what no Fieldline API answers
├── ConflictError        exit 9   it cannot be done as things stand, or they have changed meanwhile
└── AuditBrokenError     exit 10  entries of the audit were edited, removed or put in

`str(error)` is one or two full sentences, for standard error; `details` are further lines, such as a file's problems.
"""

from collections.abc import Sequence
from typing import ClassVar


class CliError(Exception):
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


class InputError(CliError):
    exit_code = 2


class NotSignedInError(CliError):
    exit_code = 3


class NotFoundError(CliError):
    exit_code = 4


class NotAllowedError(CliError):
    exit_code = 5


class UnreachableError(CliError):
    exit_code = 6


class BusyError(CliError):
    exit_code = 7


class ServerFaultError(CliError):
    exit_code = 8


class ConflictError(CliError):
    exit_code = 9


class AuditBrokenError(CliError):
    exit_code = 10
