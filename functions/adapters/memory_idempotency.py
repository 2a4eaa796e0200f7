"""The memory of requests in memory."""

from functions.domain.idempotency import Begun, Claim, KeptAnswer, KeyedRequest, Standing, claimed, finished


class MemoryRequestMemory:
    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], Claim] = {}

    def begin(self, request: KeyedRequest, owner: str, now: int) -> Begun:
        stands = self.claims.get((request.principal, request.key))
        if stands is not None and not stands.free_for(request, now):
            return stands.seen_by(request, owner, now)
        self.claims[request.principal, request.key] = claimed(request, owner, now)
        return Begun(Standing.MINE)

    def finish(self, request: KeyedRequest, owner: str, answer: KeptAnswer | None, now: int) -> None:
        if self._owned(request, owner):
            self.claims[request.principal, request.key] = finished(request, owner, answer, now)

    def abandon(self, request: KeyedRequest, owner: str) -> None:
        if self._owned(request, owner):
            del self.claims[request.principal, request.key]

    def _owned(self, request: KeyedRequest, owner: str) -> bool:
        stands = self.claims.get((request.principal, request.key))
        return stands is not None and stands.owner == owner and not stands.done
