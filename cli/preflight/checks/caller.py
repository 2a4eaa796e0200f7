"""Who asks: without credentials that AWS accepts there is no deployment, and no other question either."""

from cli.preflight.account import Account
from cli.preflight.deployment import Deployment
from cli.preflight.findings import Finding, Status
from cli.preflight.refusals import code_of, has_no_address, is_unreachable, message_of, troubles

NAME = "credentials"
SIGN_IN = "Sign in again (`aws sso login`, or new keys), or choose another profile with AWS_PROFILE or --aws-profile."
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"})
_WRONG_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})


def caller(account: Account, _: Deployment) -> Finding:
    """Finds the account's number. Whatever goes wrong here is a failure: the deployment would meet it too."""
    try:
        identity = account.client("sts").get_caller_identity()
        account.number, arn = identity["Account"], identity["Arn"]
    except troubles() as exc:
        return _failure(account, exc)
    if arn.endswith(":root"):
        return Finding(
            NAME,
            Status.WARNING,
            f"You are the root user of account {account.number}.",
            "Deploy with a role or user of your own: root cannot take on the roles that the bootstrap stack made.",
        )
    return Finding(NAME, Status.OK, f"You are {arn}.", figures={"account": account.number})


def _failure(account: Account, exc: Exception) -> Finding:
    return Finding(NAME, Status.FAILED, *(_refused(account, exc) if code_of(exc) else _unanswered(account, exc)))


def _refused(account: Account, exc: Exception) -> tuple[str, str]:
    code, said = code_of(exc), message_of(exc)
    if code in _EXPIRED:
        return "The credentials have expired.", SIGN_IN
    if code in _UNKNOWN_KEY:
        elsewhere = f"If other regions accept them, enable {account.region} for the account first."
        return f"AWS does not know these credentials in {account.region}.", f"{SIGN_IN} {elsewhere}"
    if code in _WRONG_SIGNATURE:
        return f"AWS refuses the signature: {said}", "See the secret key, and this machine's clock."
    return f"AWS STS answers {code}: {said}", SIGN_IN


def _unanswered(account: Account, exc: Exception) -> tuple[str, str]:
    from botocore.exceptions import BotoCoreError

    if has_no_address(exc):
        says = f"AWS STS has no address in {account.region}, or this machine cannot look names up."
        return says, "See the region's name and the network."
    if is_unreachable(exc):
        return f"AWS cannot be reached: {exc}", "See the network, proxy and endpoint."
    if isinstance(exc, BotoCoreError):
        return f"There are no usable AWS credentials: {exc}", SIGN_IN
    return f"What answers is no AWS STS ({type(exc).__name__}: {exc}).", "See the proxy and the endpoint."
