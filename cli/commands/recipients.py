"""recipients: whom alarms are told, on which channel, and when they want to be left alone."""

import re
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, duration_of, signed_in
from cli.durations import format_duration
from cli.errors import InputError
from cli.output import note, print_fields, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown

app = typer.Typer(no_args_is_help=True, help="Say whom alarms are told, and try whether it reaches them.")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_QUIET = re.compile(r"([a-z,-]+) ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")
_LARGEST_PAGE = 100
_CHANNELS = ("email", "sms", "webhook", "slack")
_KEPT = ("name", "channel", "scope", "min_severity", "quiet_hours", "per_hour", "digest_ms")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The recipient's id, as rules call him.")]
_Email = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="He is sent e-mail.")]
_Sms = Annotated[str | None, typer.Option("--sms", metavar="NUMBER", help="He is sent SMS: +4366012345678.")]
_Webhook = Annotated[str | None, typer.Option("--webhook", metavar="URL", help="It is sent signed POSTs.")]
_Slack = Annotated[str | None, typer.Option("--slack", metavar="URL", help="Messages as Slack and others take them.")]
_Name = Annotated[str | None, typer.Option("--name", help="What people call him; his id if absent.")]
_Scope = Annotated[
    str | None, typer.Option("--scope", metavar="SCOPE", help="Of devices in *, group:PATH or device:ID; * if absent.")
]
_Severity = Annotated[str | None, typer.Option("--min-severity", help="Of what is as bad, or worse; info if absent.")]
_PerHour = Annotated[
    str | None, typer.Option("--per-hour", metavar="N", help="At most so many messages an hour; `none` for no limit.")
]
_Digest = Annotated[
    str | None,
    typer.Option("--digest", metavar="DURATION", help="Gather what is beyond for so long, 15m if absent; or `none`."),
]
_Quiet = Annotated[
    list[str] | None,
    typer.Option("--quiet", metavar="'DAYS FROM-TO'", help="Such as 'mon-fri 22:00-06:00'; or `none`. Repeatable."),
]
_Zone = Annotated[str | None, typer.Option("--zone", help="The time zone of --quiet, such as Europe/Vienna.")]
_Unless = Annotated[
    str | None,
    typer.Option("--unless", metavar="SEVERITY", help="Told in quiet hours too: what is as bad, or worse."),
]


@app.command("list")
def list_recipients(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most to list.")] = 500,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List recipients, by id.

    Example: fieldline recipients list
    """
    with signed_in(profile) as api:
        pages = list(api.pages("/recipients", (), limit, largest=_LARGEST_PAGE))

    def row(item: dict[str, Any]) -> list[str]:
        return [
            printable(item["id"]),
            printable(item["name"]),
            printable(item["channel"]),
            printable(item["address"]),
            printable(item["scope"]),
            printable(item["min_severity"]),
            shown(item["per_hour"]),
            "yes" if item["quiet_hours"] else shown(None),
        ]

    columns = ["Id", "Name", "Channel", "Address", "Scope", "Severity", "Per hour", "Quiet hours"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="recipients")


@app.command("show")
def show(recipient: _Recipient, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a recipient, without his secret.

    Example: fieldline recipients show on-call
    """
    with signed_in(profile) as api:
        document = api.get(_path(recipient))
    _print(document, as_json=as_json)


@app.command("create")
def create(
    recipient: _Recipient,
    *,
    email: _Email = None,
    sms: _Sms = None,
    webhook: _Webhook = None,
    slack: _Slack = None,
    name: _Name = None,
    scope: _Scope = None,
    min_severity: _Severity = None,
    per_hour: _PerHour = None,
    digest: _Digest = None,
    quiet: _Quiet = None,
    zone: _Zone = None,
    unless: _Unless = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Make a recipient. The secret that verifies a webhook is shown this once.

    Example: fieldline recipients create on-call --webhook https://hooks.example.com/alarms --min-severity major

    Example: fieldline recipients create ann --email ann@example.com --quiet 'mon-fri 22:00-06:00' --zone Europe/Vienna
    """
    addressed = _addressed(email, sms, webhook, slack)
    if addressed is None:
        raise InputError("Give one of --email, --sms, --webhook and --slack.")
    asked = _asked(name, scope, min_severity, per_hour, digest, quiet, zone, unless)
    with signed_in(profile) as api:
        made = api.create("/recipients", {"id": recipient, "name": recipient, **addressed, **asked})
    _print(made, as_json=as_json)


@app.command("update")
def update(
    recipient: _Recipient,
    *,
    email: _Email = None,
    sms: _Sms = None,
    webhook: _Webhook = None,
    slack: _Slack = None,
    name: _Name = None,
    scope: _Scope = None,
    min_severity: _Severity = None,
    per_hour: _PerHour = None,
    digest: _Digest = None,
    quiet: _Quiet = None,
    zone: _Zone = None,
    unless: _Unless = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Change what is said of a recipient; what is not named stays. Exit code 9: somebody changed him just now.

    Example: fieldline recipients update on-call --per-hour 20 --digest 30m
    """
    asked = _asked(name, scope, min_severity, per_hour, digest, quiet, zone, unless)
    addressed = _addressed(email, sms, webhook, slack) or {}
    if not asked and not addressed:
        raise InputError("Nothing to change: give at least one option.")
    with signed_in(profile) as api:
        known, tag = api.tagged(_path(recipient))
        kept = {key: known[key] for key in _KEPT}
        document = api.change("PUT", _path(recipient), {**kept, **addressed, **asked}, if_match=tag)
    _print(document, as_json=as_json)


@app.command("delete")
def delete(recipient: _Recipient, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Delete a recipient. What is still to be told to him fails, and is listed so.

    Example: fieldline recipients delete on-call
    """
    with signed_in(profile) as api:
        api.change("DELETE", _path(recipient))
    print_line(printable(f"Deleted {recipient}."))


@app.command("rotate")
def rotate(recipient: _Recipient, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Make a webhook's secret anew, and show it this once. The one before signs as well for 24 hours.

    Example: fieldline recipients rotate on-call
    """
    with signed_in(profile) as api:
        document = api.change("POST", f"{_path(recipient)}/secret")
    _print(document, as_json=as_json)


@app.command("test")
def send_test(recipient: _Recipient, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Send a recipient a message that says it is a test.

    Example: fieldline recipients test on-call
    """
    with signed_in(profile) as api:
        document = api.create(f"{_path(recipient)}/test", None)
    if as_json:
        print_json(document)
        return
    print_line(printable(f"It is on its way. What becomes of it: fieldline deliveries show {document['id']}"))


def _path(recipient: str) -> str:
    return f"/recipients/{quote(recipient, safe='')}"


def _addressed(*addresses: str | None) -> dict[str, str] | None:
    given = [(channel, one) for channel, one in zip(_CHANNELS, addresses, strict=True) if one is not None]
    if len(given) > 1:
        raise InputError(
            f"Give one of --{' and --'.join(channel for channel, _ in given)}: a recipient has one channel."
        )
    return {"channel": given[0][0], "address": given[0][1]} if given else None


def _asked(
    name: str | None,
    scope: str | None,
    min_severity: str | None,
    per_hour: str | None,
    digest: str | None,
    quiet: list[str] | None,
    zone: str | None,
    unless: str | None,
) -> dict[str, Any]:
    given = {"name": name, "scope": scope, "min_severity": min_severity}
    asked: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if per_hour is not None:
        asked["per_hour"] = None if per_hour == "none" else _number(per_hour)
    if digest is not None:
        asked["digest_ms"] = None if digest == "none" else duration_of("--digest", digest)
    if quiet == ["none"]:
        asked["quiet_hours"] = None
    elif quiet:
        if zone is None:
            raise InputError("--zone: expected beside --quiet, such as Europe/Vienna; got nothing.")
        asked["quiet_hours"] = {"zone": zone, "spans": [_span(text) for text in quiet], "unless": unless}
    elif zone is not None or unless is not None:
        raise InputError("--quiet: expected beside --zone and --unless; got nothing.")
    return asked


def _span(text: str) -> dict[str, Any]:
    found = _QUIET.fullmatch(text)
    if found is None:
        expected = "'mon-fri 22:00-06:00' or 'sat,sun 00:00-24:00'"
        raise InputError(f"--quiet: expected days and times, such as {expected}; got {text!r}.")
    return {"days": _days(found[1]), "from": found[2], "to": found[3]}


def _days(text: str) -> list[str]:
    days: dict[str, None] = {}
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise InputError(f"--quiet: expected days of {', '.join(_DAYS)}; got {part!r}.")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        span = range(begin, end + 1) if begin <= end else (*range(begin, len(_DAYS)), *range(end + 1))
        days.update(dict.fromkeys(_DAYS[day] for day in span))
    return list(days)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InputError(f"--per-hour: expected a number of messages, or none; got {text!r}.")
    return int(text)


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    secret = document.pop("secret", None)
    print_fields((printable(name), _field(name, value)) for name, value in document.items())
    if secret is not None:
        print_line(printable(f"secret: {secret}"))
        note("This secret verifies the webhooks. It is not shown again: keep it where secrets are kept.")


def _field(name: str, value: Any) -> str:
    if name.endswith("_at") and isinstance(value, int):
        return age(value, wall_clock_ms())
    if name == "digest_ms" and isinstance(value, int):
        return format_duration(value)
    if name == "quiet_hours" and isinstance(value, dict):
        spans = "; ".join(f"{','.join(one['days'])} {one['from']}-{one['to']}" for one in value["spans"])
        unless = f", unless {value['unless']}" if value["unless"] else ""
        return printable(f"{spans} ({value['zone']}){unless}")
    return shown(value)
