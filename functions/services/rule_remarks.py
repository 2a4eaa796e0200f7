"""What there is to say of a rule that may be installed all the same: what it names and there is none of."""

from contract.rules import Rule
from functions.domain.access import Permission, Principal, Target, target_of
from functions.domain.rule_checks import Remark, recipients_named, remarks
from functions.errors import DeliveriesError
from functions.ports.deliveries import RecipientStore
from functions.ports.devices import DeviceFinder
from functions.services.rulebook import Rulebook


class Remarks:
    def __init__(self, rulebook: Rulebook, registry: DeviceFinder, recipients: RecipientStore) -> None:
        self._rulebook = rulebook
        self._registry = registry
        self._recipients = recipients

    def of(self, who: Principal, rule: Rule) -> tuple[Remark, ...]:
        """To somebody who may see its scope."""
        return (*self._of_scope(rule), *self._of_recipients(who, rule))

    def _of_scope(self, rule: Rule) -> tuple[Remark, ...]:
        models = self._rulebook.models
        kind, _, name = rule.scope.partition(":")
        if kind == "device":
            device = self._registry.find([name]).get(name)
            if device is None:
                return (Remark("scope", f"no device {name!r} is registered"), *remarks(rule, models))
            return remarks(rule, models, models.get(device.model))
        return remarks(rule, models, models.get(name) if kind == "model" else None)

    def _of_recipients(self, who: Principal, rule: Rule) -> tuple[Remark, ...]:
        """To whoever may install such a rule: others must not find out here which recipients there are."""
        named = tuple(recipients_named(rule))
        if not named or not who.may(Permission.RULES_WRITE, place_of(rule.scope, self._registry)):
            return ()
        try:
            known = self._recipients.find({one for _, one in named})
        except DeliveriesError:
            # A rule that has just been installed must not look as if it had not.
            return (Remark(named[0][0], "whether there are such recipients could not be read just now"),)
        return tuple(
            Remark(field, f"there is no recipient {one!r}: nobody is told until there is")
            for field, one in named
            if one not in known
        )


def place_of(scope: str, registry: DeviceFinder) -> Target:
    """What a rule of this scope is about, a device with its group."""
    target = target_of(scope)
    if target.thing is None:
        return target
    device = registry.find([target.thing]).get(target.thing)
    return Target(target.thing, device.group if device else None)
