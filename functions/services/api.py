"""Everything that the API's operations call, in one value: the bootstrap makes it, tests make it of fakes."""

from dataclasses import dataclass

from functions.ports import Clock
from functions.services.gate import Gate
from functions.services.queries import Queries


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiServices:
    clock: Clock
    gate: Gate
    queries: Queries
