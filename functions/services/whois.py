"""Who a principal is now, by what is stored: what the authorizer admits, and what a change of rights is judged by."""

from typing import NamedTuple

from functions.domain.access import Kind, Principal
from functions.domain.grants import Holder, user_id
from functions.domain.keys import Key
from functions.errors import UnauthorizedError
from functions.ports.people import Keys, Principals


class Rights(NamedTuple):
    """`rest_on` are the stored ones that they come from: while these stay as they are, the rights do."""

    principal: Principal
    rest_on: tuple[Holder, ...]


class WhoIs:
    def __init__(self, principals: Principals, keys: Keys) -> None:
        self._principals = principals
        self._keys = keys

    def user(self, sub: str, name: str) -> Rights:
        """Somebody without grants is known and may nothing; raises UnauthorizedError for a disabled one."""
        holder = self._principals.find(user_id(sub))
        if holder is None:
            return Rights(Principal(user_id(sub), Kind.USER, name), ())
        if holder.disabled:
            raise UnauthorizedError(f"{holder.id} is disabled")
        return Rights(holder.principal, (holder,))

    def key(self, key: Key, now: int) -> Rights:
        """Raises UnauthorizedError for a key that has ended, or whose maker may no longer sign in."""
        if not key.live(now):
            raise UnauthorizedError(f"the key {key.id} has expired or was revoked")
        if key.kind is Kind.DEVICE:
            return Rights(key.principal(None), ())
        maker = self._principals.find(key.created_by)
        # Whoever made it has seen its secret.
        if maker is None or maker.disabled:
            raise UnauthorizedError(f"{key.created_by}, who made the key {key.id}, is disabled or deleted")
        return Rights(key.principal(maker), (maker,))

    def again(self, principal: Principal, now: int) -> Rights:
        """What he may do at this moment: the authorizer's answer may be half a minute old. Raises UnauthorizedError."""
        _, _, name = principal.id.partition(":")
        if principal.kind is Kind.USER:
            return self.user(name, principal.name)
        key = self._keys.find(name) if principal.kind is Kind.KEY else None
        if key is None:
            raise UnauthorizedError(f"{principal.id} holds no rights that are stored")
        return self.key(key, now)
