"""The whole platform on this machine: start it, see how it does, stop it."""

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infra.config import DEFAULT_STORES, STAGES, STORES
from local import background, run_record
from local.errors import AlreadyRunningError, LocalError, NotRunningError, SetupError
from local.fleet import MAX_DEVICES, require_usable
from local.instance import Instance
from local.ports import DEFAULT_PORT

if TYPE_CHECKING:
    from local.supervisor import Options

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)

Port = Annotated[int, typer.Option("--port", "-p", help="Selects the instance; it uses this port and the next three.")]
FILE_LOGS = ("ministack", "simulator", "supervisor", "synth", "timestream")


Command = Callable[..., None]


def _told(command: Command) -> Command:
    """What goes wrong on purpose is one message and exit code 1, never a stack trace."""

    @functools.wraps(command)
    def told(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except LocalError as exc:
            _err.print(str(exc), style="red", markup=False)
            raise typer.Exit(1) from exc

    return told


@app.command()
@_told
def up(
    *,
    port: Port = DEFAULT_PORT,
    devices: Annotated[int, typer.Option(min=0, max=MAX_DEVICES, help="How many simulated devices send data.")] = 6,
    stage: Annotated[str, typer.Option(help=f"Which stage is deployed: {', '.join(STAGES)}.")] = "prod",
    store: Annotated[
        str | None, typer.Option(help=f"The telemetry store: {', '.join(STORES)}; the stage's own if absent.")
    ] = None,
    previous_store: Annotated[
        str | None, typer.Option(help="A store to keep beside it, for `fieldline telemetry backfill` to move from.")
    ] = None,
    fleet: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A fleet file whose devices are deployed as well.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is ready; it runs on.")] = False,
) -> None:
    """Start it; a second start of the same instance says that it runs. Ctrl-C stops everything."""
    from local.supervisor import Options

    instance = Instance.at(port)
    options = Options(devices, *_deployed(stage, store, previous_store), fleet)
    _require_same_stage(instance, stage)
    background.wait_while_changing(instance, _out)
    if instance.is_locked():
        _say_running(instance, options)
        return
    if fleet is not None:
        require_usable(fleet)
    try:
        if detach:
            background.start(instance, options, _out)
            _say_access(instance)
        else:
            _run(instance, options)
    except AlreadyRunningError:
        background.wait_for_the_quicker(instance, _out)
        _say_running(instance, options)


@app.command()
@_told
def status(
    *,
    port: Port = DEFAULT_PORT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say how the instance does; the exit code is 0 when it is ready, else 1."""
    from local.status import status as look

    found = look(Instance.at(port))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print_status(found)
    if not found["ready"]:
        raise typer.Exit(1)


@app.command()
@_told
def logs(
    function: Annotated[str | None, typer.Argument(help=f"A function, or one of {', '.join(FILE_LOGS)}.")] = None,
    *,
    port: Port = DEFAULT_PORT,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is said from now on.")] = False,
) -> None:
    """Show what the functions said, one or all; or a process of the instance itself."""
    instance = Instance.at(port)
    try:
        for line in _log_lines(instance, function, follow=follow):
            typer.echo(line)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
@_told
def down(
    *,
    port: Port = DEFAULT_PORT,
    purge: Annotated[bool, typer.Option(help="Delete its data, devices and user as well.")] = False,
) -> None:
    """Stop it; its state is kept for the next start unless purged."""
    instance = Instance.at(port)
    stopped = background.stop(instance)
    _out.print(f"Stopped the instance on port {port}." if stopped else f"No instance runs on port {port}.")
    if purge:
        background.purge(instance)
        _out.print(f"Deleted {instance.root}.")


@app.command(hidden=True)
@_told
def serve(
    *,
    port: Port,
    devices: Annotated[int, typer.Option()],
    stage: Annotated[str, typer.Option()],
    store: Annotated[str, typer.Option()],
    previous_store: Annotated[str | None, typer.Option()] = None,
    fleet: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """What `up --detach` runs in the background."""
    from local.supervisor import Options, Supervisor

    options = Options(devices, stage, store, previous_store, fleet)
    supervisor = Supervisor(Instance.at(port), options, lambda text: print(text, flush=True))  # noqa: T201 - its log
    try:
        asyncio.run(supervisor.run())
    except AlreadyRunningError as exc:
        raise typer.Exit(background.LOST) from exc


def _deployed(stage: str, store: str | None, previous: str | None) -> tuple[str, str, str | None]:
    """Raises SetupError naming the option that is wrong."""
    given = (("--stage", stage, STAGES), ("--store", store, STORES), ("--previous-store", previous, STORES))
    for option, value, known in given:
        if value is not None and value not in known:
            raise SetupError(f"{option}: expected one of {', '.join(known)}, got {value!r}.")
    chosen = store or DEFAULT_STORES[stage]
    if previous == chosen:
        raise SetupError(f"--previous-store: expected another store than --store, got {previous!r} for both.")
    return stage, chosen, previous


def _require_same_stage(instance: Instance, stage: str) -> None:
    """One stage for each account, here as on AWS: both would claim the same topic rules."""
    deployed = {name.split("-")[1] for name in instance.read("deployed.json")}
    if deployed - {stage}:
        other = ", ".join(sorted(deployed - {stage}))
        port = instance.ports.gateway
        raise SetupError(
            f"--stage: this instance holds stage {other}, got {stage!r}: start it with --stage {other}, choose another "
            f"--port, or delete it with `fieldline local down --purge --port {port}`."
        )


def _run(instance: Instance, options: "Options") -> None:
    from local import dashboard
    from local.supervisor import Supervisor

    with background.progress(_out) as step:
        supervisor = Supervisor(instance, options, step.say)

        async def when_ready() -> None:
            step.quiet()
            if _out.is_terminal:
                await dashboard.show(instance, _out)
            else:
                _say_access(instance)

        asyncio.run(supervisor.run(when_ready))
    _out.print("Stopped.")


def _log_lines(instance: Instance, name: str | None, *, follow: bool) -> Any:
    if name in FILE_LOGS:
        return background.file_lines(instance.log_dir / f"{name}.log", follow=follow)
    if run_record.read(instance).get("phase") != run_record.READY or not instance.is_locked():
        raise NotRunningError(
            f"No instance is ready on port {instance.ports.gateway}; its own logs are "
            f"{', '.join(FILE_LOGS)} (for example `fieldline local logs ministack`)."
        )
    from local import function_logs

    return function_logs.lines(instance.ports.aws_url, name, follow=follow)


def _say_running(instance: Instance, options: "Options") -> None:
    port = instance.ports.gateway
    _out.print(f"The instance on port {port} is already running.")
    if other := options.otherwise(run_record.read(instance).get("options", {})):
        _out.print(f"It runs with {other}; stop it with `fieldline local down --port {port}` to change that.")
    _say_access(instance)


_ACCESS = (("dashboard", "dashboard"), ("user", "user"), ("password", "password"), ("API", "api"), ("MQTT", "mqtt"))


def _say_access(instance: Instance) -> None:
    details = instance.read("instance.json")
    for title, key in _ACCESS:
        _out.print(f"  {title:9} {details.get(key)}", markup=False)


def _print_status(found: dict[str, Any]) -> None:
    if not found["ready"]:
        _err.print(f"Not ready: {found['reason']}", markup=False)
        return
    for name, value in found.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        if shown not in ("", []):
            _out.print(f"  {name:16} {shown}", markup=False)
