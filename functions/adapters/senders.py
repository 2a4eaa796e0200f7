"""The channels on which recipients are told: webhooks, Slack and its like, e-mail by SES, SMS by SNS."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.adapters.guarded_http import Answered, GuardedHttp, Refused, Unreachable
from functions.domain import webhook_signatures
from functions.domain.deliveries import GIVE_UP_MS, Answer, Outcome
from functions.domain.messages import Message, email, slack_body, sms, webhook_body
from functions.domain.recipients import Recipient
from functions.domain.webhook_addresses import parse_url
from functions.errors import RequestError
from functions.ports.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient

SHOWN_CHARS: Final = 200
"""Of what a receiver answered."""

_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_JSON: Final = {"Content-Type": "application/json", "User-Agent": "Fieldline"}
_PASSES: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "KMSThrottling",
        "LimitExceededException",
        "ServiceUnavailable",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class WebhookSender:
    """`key` gives the secret of the deployment that those of recipients are derived from."""

    def __init__(self, http: GuardedHttp, key: Callable[[], bytes], clock: Clock) -> None:
        self._http = http
        self._key = key
        self._clock = clock

    def send(self, recipient: Recipient, message: Message) -> Answer:
        """Raises SecretError."""
        now = self._clock.now_ms()
        master = self._key()
        secrets = [webhook_signatures.secret_of(master, recipient, one) for one in recipient.generations(now)]
        body = webhook_body(message)
        headers = _JSON | webhook_signatures.headers(secrets, message.id, now // 1000, body)
        return _posted(self._http, recipient, headers, body, now)


class SlackSender:
    def __init__(self, http: GuardedHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def send(self, recipient: Recipient, message: Message) -> Answer:
        return _posted(self._http, recipient, _JSON, slack_body(message), self._clock.now_ms())


class SesEmail:
    def __init__(self, client: "SESV2Client", sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, recipient: Recipient, message: Message) -> Answer:
        subject, text = email(message)
        try:
            sent = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [recipient.address]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    }
                },
            )
        except (BotoCoreError, ClientError) as exc:
            return _not_sent("SES", exc)
        return Answer(outcome=Outcome.DELIVERED, note=f"SES took it as {sent['MessageId']}")


class NoEmail:
    """What there is where no sender of e-mail was chosen."""

    def send(self, _recipient: Recipient, _message: Message) -> Answer:
        return Answer(outcome=Outcome.REFUSED, note="this deployment sends no e-mail: its setting mail_from is empty")


class SnsText:
    def __init__(self, client: "SNSClient") -> None:
        self._client = client

    def send(self, recipient: Recipient, message: Message) -> Answer:
        try:
            sent = self._client.publish(
                PhoneNumber=recipient.address,
                Message=sms(message),
                MessageAttributes={
                    # Otherwise it may wait behind advertisements.
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
                },
            )
        except (BotoCoreError, ClientError) as exc:
            return _not_sent("SNS", exc)
        return Answer(outcome=Outcome.DELIVERED, note=f"SNS took it as {sent['MessageId']}")


def retry_after_ms(text: str | None, now: int) -> int | None:
    """How long a receiver wants to be left alone, by the header in either of its forms; None for anything else."""
    if text is None:
        return None
    asked = text.strip()
    if asked.isascii() and asked.isdigit():
        return min(int(asked[:9]) * 1000, GIVE_UP_MS)
    try:
        at = parsedate_to_datetime(asked)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, min(_ms(moment) - now, GIVE_UP_MS))


def _posted(http: GuardedHttp, recipient: Recipient, headers: dict[str, str], body: bytes, now: int) -> Answer:
    try:
        answered = http.post(parse_url(recipient.address, loopback=http.loopback), headers, body)
    except RequestError as exc:
        return Answer(outcome=Outcome.REFUSED, note=str(exc))
    except Refused as exc:
        return Answer(outcome=Outcome.REFUSED, note=str(exc))
    except Unreachable as exc:
        return Answer(outcome=Outcome.FAILED, note=str(exc))
    return _answer(answered, now)


def _answer(answered: Answered, now: int) -> Answer:
    status = answered.status
    note = f"answered {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(outcome=Outcome.DELIVERED, status=status, note=note)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        note = f"{note}: redirects are not followed, so it needs the address that this one leads to"
        return Answer(outcome=Outcome.REFUSED, status=status, note=note)
    said = " ".join("".join(one if one.isprintable() else " " for one in answered.text).split())
    note = f"{note}: {said[:SHOWN_CHARS]}" if said else note
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _AGAIN:
        wait = retry_after_ms(answered.retry_after, now)
        return Answer(outcome=Outcome.FAILED, status=status, note=note, retry_after_ms=wait)
    return Answer(outcome=Outcome.REFUSED, status=status, note=note)


def _not_sent(service: str, exc: Exception) -> Answer:
    """A service that is busy or does not answer is asked again; what it refuses it would refuse again."""
    if isinstance(exc, ClientError):
        response: Any = exc.response
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST))
        code = error_code(exc)
        passes = code in _PASSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _AGAIN
        note = f"{service} refused it: {code}: {response.get('Error', {}).get('Message', '')}"
        return Answer(outcome=Outcome.FAILED if passes else Outcome.REFUSED, status=status, note=note)
    return Answer(outcome=Outcome.FAILED, note=f"{service} was not reached: {type(exc).__name__}")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
