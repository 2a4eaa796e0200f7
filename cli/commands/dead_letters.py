"""dlq list, show, replay: what no function could handle, and moving it back once the reason is mended."""

from base64 import b64decode
from collections import Counter
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.errors import InputError
from cli.output import note, print_fields, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown

app = typer.Typer(no_args_is_help=True, help="Look at messages that no function could handle, and move them back.")

_AT_ONCE = 100
_QueueArgument = Annotated[
    str, typer.Argument(metavar="QUEUE", help="The queue's name, as `fieldline dlq list` has it.")
]


@app.command("list")
def list_queues(*, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """List the queues of dead letters, and of what topic rules could not deliver, with how much is in each.

    Example: fieldline dlq list
    """
    with signed_in(profile) as api:
        document = api.get("/dlq")
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    rows = (
        [printable(one["name"]), shown(one["waiting"]), shown(one["hidden"]), age(one["oldest_at"], now)]
        for one in document["items"]
    )
    print_table(["Queue", "Waiting", "Looked at", "Oldest seen"], rows, right=["Waiting", "Looked at"])


@app.command("show")
def show_letters(
    queue: _QueueArgument,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="The most messages to show.")] = 10,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Look at some messages of a queue, oldest first. They stay where they are.

    Example: fieldline dlq show ingest --limit 3
    """
    with signed_in(profile) as api:
        document = api.get(f"/dlq/{quote(queue, safe='')}", [("limit", str(limit))])
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    for one in document["items"]:
        print_heading(printable(one["id"]))
        payload = b64decode(one["payload"])
        beginning = f", of which {len(payload)} are shown" if len(payload) < one["bytes"] else ""
        print_fields(
            [
                ("device", shown(one["device"])),
                ("topic", shown(one["topic"])),
                ("queued", age(one["sent_at"], now)),
                ("received", shown(one["receives"])),
                ("why", shown(one["why"])),
                ("bytes", f"{one['bytes']}{beginning}"),
                ("message", printable(payload.decode(errors="backslashreplace"))),
            ]
        )
    note(f"{document['queue']['waiting']} messages wait in {printable(queue)}.")


@app.command("replay")
def replay(
    queue: _QueueArgument,
    messages: Annotated[
        list[str] | None, typer.Argument(metavar="[MESSAGE...]", help="Ids, as `fieldline dlq show` has them.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Move all that are there now.")] = False,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Move messages back to where they came from, each once. Those that fail again come back to the queue.

    Example: fieldline dlq replay ingest --all

    Example: fieldline dlq replay rule-errors 5fea7756-0ea4-451a-a703-a558b933e274
    """
    if bool(messages) == every:
        raise InputError("Say what to move: the ids of messages, or --all.")
    if messages and len(messages) > _AT_ONCE:
        raise InputError(f"At most {_AT_ONCE} messages can be named at once; got {len(messages)}.")
    moved = _moved(profile, f"/dlq/{quote(queue, safe='')}/replay", {"messages": messages} if messages else {})
    if as_json:
        print_json(moved)
        return
    print_line(f"Moved {moved['moved']} messages back; {moved['left']} are in {printable(queue)} now.")
    if not moved["done"]:
        note("There was no time to look at all of them: ask again.")
    for why, count in Counter(one["why"] for one in moved["refused"]).items():
        note(f"{count} stayed: {printable(why)}")
    for missing in moved["missing"]:
        note(f"There is no message {printable(missing)} in it.")


def _moved(profile: str, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """All of them call after call, each of some seconds; those that are named with one."""
    total = 0
    with signed_in(profile) as api:
        while True:
            answer = api.change("POST", path, wanted)
            total += answer["moved"]
            # What cannot go back is looked at again by each call: one that moves nothing is the last.
            if answer["done"] or not answer["moved"] or wanted:
                return {**answer, "moved": total}
            note(f"Moved {total} so far, {answer['left']} left.")
