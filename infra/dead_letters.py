"""Where the queues of dead letters are, for the API: more than fits into the environment of a function."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.function import Reach


@dataclass(frozen=True)
class DeadLetters:
    """A queue of what could not be handled, and the queue that it goes back to; what a topic rule could not deliver
    goes to the queue of that rule.
    """

    queue: sqs.Queue
    source: sqs.Queue | None = None


class DeadLetterPlaces(Construct):
    """A parameter with the URLs, by the names that people see."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        stage: str,
        queues: Mapping[str, DeadLetters],
    ) -> None:
        super().__init__(scope, id)
        urls = {
            name: {
                "queue": one.queue.queue_url,
                **({"source": one.source.queue_url} if one.source else {}),
            }
            for name, one in sorted(queues.items())
        }
        self._queues = queues
        self._parameter = ssm.StringParameter(
            self,
            "Places",
            # A name that a local AWS makes has a slash, by which its ARN is spelled in another way.
            parameter_name=f"/fieldline/{stage}/dead-letters",
            description="Fieldline: the queues of dead letters, and where their messages come from.",
            string_value=Stack.of(self).to_json_string(urls),
        )

    @property
    def name(self) -> str:
        return self._parameter.parameter_name

    @property
    def resources(self) -> Mapping[str, str | Reach]:
        """By the names that the catalogue's grants use."""
        sources = [one.source for one in self._queues.values() if one.source]
        return {
            "dead-letters-places": self._parameter.parameter_arn,
            "dead-letters": Reach(arns=[one.queue.queue_arn for one in self._queues.values()]),
            "dead-letters/sources": Reach(arns=[source.queue_arn for source in sources]),
        }
