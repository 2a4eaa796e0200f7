"""Runs one instance: starts everything in order, watches it, stops everything. One process, one event loop.

Children are started from the main thread, which lives as long as the instance: their tether is to that thread.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.config import DEFAULT_STORES
from local import (
    assembly,
    deploy,
    emulator,
    fleet,
    mail,
    processes,
    run_record,
    simulation,
    synthesis,
    timestream_process,
    timestream_template,
    user,
)
from local.children import MINISTACK, SIMULATOR, TIMESTREAM, Children
from local.errors import LocalError
from local.gateway import Gateway, listening
from local.instance import Instance
from local.ports import LOOPBACK, require_free
from local.run_record import RunRecord
from local.transform import Place

DEVICES_TIMEOUT_S = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What `up` was asked for."""

    devices: int = 6
    stage: str = "prod"
    store: str = DEFAULT_STORES["prod"]
    previous_store: str | None = None
    fleet: Path | None = None

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "fleet": str(self.fleet.resolve()) if self.fleet else None}

    def otherwise(self, record: Mapping[str, Any]) -> str:
        """What a run with that record has otherwise than these options, in words; empty when nothing."""
        wanted = self.as_record()
        said = {
            "devices": f"{record.get('devices')} device{'' if record.get('devices') == 1 else 's'}",
            "stage": f"the stage {record.get('stage')}",
            "store": f"the store {record.get('store')}",
            "previous_store": f"{record.get('previous_store') or 'no store'} to move from",
            "fleet": f"the fleet file {record['fleet']}" if record.get("fleet") else "no fleet file",
        }
        return ", ".join(said[name] for name in said if name in record and record[name] != wanted[name])


class Supervisor:
    """`run` returns when it was asked to stop, and raises a LocalError when the instance cannot go on."""

    def __init__(self, instance: Instance, options: Options, say: Say) -> None:
        self._instance = instance
        self._options = options
        self._told = say
        self._record = RunRecord(instance, options=options.as_record())
        self._children = Children(instance, self._record)
        self._open = AsyncExitStack()
        self._upstream: str | None = None
        self._live: str | None = None
        self._stop = asyncio.Event()

    async def run(self, when_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Raises AlreadyRunningError, PortTakenError, or what stopped it. Nothing is left running either way."""
        with self._instance.lock():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._stop.set)
            error: str | None = None
            try:
                self._tidy_up()
                if await self._or_stopped(self._start()):
                    self._record.turn(run_record.READY)
                    await self._or_stopped(self._serve(when_ready))
            except Exception as exc:  # whatever it is, the record says so to `status` before it goes on
                error = str(exc)
                raise
            finally:
                await self._shut_down(error)

    @cached_property
    def _place(self) -> Place:
        ports = self._instance.ports
        password = timestream_process.password(self._instance)
        return Place(
            aws_url=ports.aws_url,
            account=emulator.ACCOUNT,
            region=emulator.REGION,
            timestream_url=ports.timestream_url,
            influx_password=password,
            origins=ports.origins,
            mqtt_endpoint=ports.mqtt_endpoint,
            ca_file=str(self._instance.ca_file),
        )

    async def _serve(self, when_ready: Callable[[], Awaitable[None]] | None) -> None:
        watching = self._children.watch(
            {
                SIMULATOR: lambda: simulation.start(self._instance),
                TIMESTREAM: lambda: timestream_process.start(self._instance),
            }
        )
        await asyncio.gather(watching, *([when_ready()] if when_ready else []))

    def _say(self, text: str) -> None:
        self._record.step(text)
        self._told(text)

    async def _or_stopped(self, work: Awaitable[None]) -> bool:
        """Whether the work ended by itself; it is cancelled when a stop is asked for first."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return True
            return False
        finally:
            for pending in (task, stop):
                pending.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    def _tidy_up(self) -> None:
        instance = self._instance
        left = processes.clean_up(str(instance.root), run_record.recorded_processes(instance))
        shutil.rmtree(instance.tmp_dir, ignore_errors=True)  # unpacked code of an earlier run
        instance.make_dirs()
        require_free(instance.ports)
        self._record.save()
        if left:
            self._say(f"ended {left} processes that an earlier run had left behind")

    async def _start(self) -> None:
        try:
            await self._start_all()
        except LocalError:
            raise
        except Exception:  # of any kind: a dead local AWS explains whatever failed
            self._children.require_cloud()
            raise

    async def _start_all(self) -> None:
        await self._start_gateway()
        devices = fleet.simulated(self._options.devices)
        fleet_file = await asyncio.to_thread(fleet.write_fleet_file, self._instance.fleet_dir, devices)
        python = await asyncio.to_thread(emulator.ensure_environment, self._say)
        self._say("starting the local AWS")
        self._children.add(MINISTACK, emulator.start(self._instance, python))
        extra = (self._options.fleet.resolve(),) if self._options.fleet else ()
        await self._synthesize(
            synthesis.Choice(
                stage=self._options.stage,
                store=self._options.store,
                previous_store=self._options.previous_store,
                fleet=(fleet_file, *extra),
            )
        )
        stacks = assembly.read(self._instance.assembly_dir)
        await self._provision(stacks)
        await asyncio.to_thread(emulator.wait_until_ready, self._instance, self._children[MINISTACK])
        outputs = await asyncio.to_thread(self._deploy, stacks, python)
        await asyncio.to_thread(self._settle, outputs, devices)
        if devices:
            self._say(f"starting {len(devices)} simulated devices")
            self._children.add(SIMULATOR, simulation.start(self._instance))
            await self._await_data(outputs["StateTableName"], devices)
        self._say(f"ready at {self._instance.ports.gateway_url}")

    async def _start_gateway(self) -> None:
        front = Gateway(lambda: self._upstream, self._index, lambda: self._live, self._instance.ports.origins)
        await self._open.enter_async_context(listening(front, LOOPBACK, self._instance.ports.gateway))

    async def _synthesize(self, choice: synthesis.Choice) -> None:
        inputs = await asyncio.to_thread(synthesis.inputs_hash, choice)
        if synthesis.is_current(self._instance, inputs):
            self._say("the synthesized template is current")
            return
        self._say("synthesizing the CDK app for this machine")
        child = synthesis.start(self._instance, choice)
        code = await asyncio.to_thread(child.wait)
        synthesis.finish(self._instance, inputs, code)

    async def _provision(self, stacks: tuple[assembly.Stack, ...]) -> None:
        """Start the Timestream look-alike where a template asks for Timestream, and make in it what AWS would."""
        wanted = tuple(one for stack in stacks for one in timestream_template.provisions(stack.template, self._place))
        if wanted:
            self._say("starting Timestream's look-alike")
            child = timestream_process.start(self._instance)
            self._children.add(TIMESTREAM, child)
            await asyncio.to_thread(timestream_process.wait_until_ready, self._instance, child)
            await asyncio.to_thread(timestream_process.provision, self._place.timestream_url, wanted)

    def _deploy(self, stacks: tuple[assembly.Stack, ...], python: Path) -> dict[str, str]:
        prepared = deploy.prepare(stacks, self._place, python)
        wanted = {stack.name: stack.fingerprint for stack in prepared}
        deployed = self._instance.read("deployed.json")
        changed = deploy.deploy(prepared, self._place, python, deployed, self._say)
        found = deploy.outputs(self._place.aws_url, tuple(wanted))
        if changed:
            # Until the snapshot is on disk a SIGKILL takes the deployment away, and then it must not count as made.
            self._instance.forget("deployed.json")
            emulator.snapshot(self._instance, self._children[MINISTACK].pid)
            self._instance.write("deployed.json", wanted)
        else:
            self._say("the deployed stacks are current")
        return found

    def _settle(self, outputs: Mapping[str, str], devices: tuple[fleet.SimulatedDevice, ...]) -> None:
        instance = self._instance
        password = str(instance.read("instance.json").get("password") or user.new_password())
        user.ensure(self._place.aws_url, outputs["UserPoolId"], outputs["CoreTableName"], password)
        mail.ensure(self._place.aws_url)
        simulation.write_agents(instance, devices)
        instance.write("instance.json", describe(instance, outputs, password))
        self._live = f"{self._place.aws_url}/_aws/execute-api/{_api_id(outputs['LiveUrl'])}/ws"
        self._upstream = f"{self._place.aws_url}/_aws/execute-api/{_api_id(outputs['ApiUrl'])}/v1"

    async def _await_data(self, state_table: str, devices: tuple[fleet.SimulatedDevice, ...]) -> None:
        """Until each device is online and what it sends is stored; one that is not in time is a note, not a failure."""
        from local.figures import Reader

        reader = await asyncio.to_thread(Reader, self._place.aws_url, state_table, self._record.started)
        names = {device.name for device in devices}
        begun_ms = time.time() * 1000
        reporting: set[str] = set()
        while time.time() * 1000 < begun_ms + DEVICES_TIMEOUT_S * 1000:
            figures = await asyncio.to_thread(reader.read)
            reporting = {each.thing for each in figures.devices if each.online and (each.newest_ts or 0) >= begun_ms}
            if names <= reporting:
                return
            self._children.require_cloud()
            await asyncio.sleep(0.5)
        silent = sorted(names - reporting)
        self._record.note(f"silent after {DEVICES_TIMEOUT_S:.0f} s: {', '.join(silent)}")

    async def _shut_down(self, error: str | None) -> None:
        self._upstream = self._live = None
        self._record.turn(run_record.STOPPING, error)
        if error is None:
            self._say("stopping")
        await self._children.stop()
        await self._open.aclose()
        self._record.turn(run_record.FAILED if error else run_record.STOPPED, error)

    def _index(self) -> Mapping[str, str]:
        details = self._instance.read("instance.json")
        here = self._instance.ports.gateway_url
        listed = {"Dashboard": f"{here}/", "API": f"{here}/v1/health"}
        listed |= {name: str(details[key]) for name, key in _LISTED.items() if key in details}
        return {**listed, "State": self._record.phase}


_LISTED = {"User": "user", "MQTT over TLS": "mqtt", "CA of the broker": "ca", "Local AWS": "aws", "Lake": "lake"}


def _api_id(url: str) -> str:
    """`scheme://ID.execute-api…`: the id that the local AWS gave an API."""
    return url.split("//", 1)[1].split(".", 1)[0]


def describe(instance: Instance, outputs: Mapping[str, str], password: str) -> dict[str, Any]:
    """What instance.json says: everything that a person, a test or the command line needs to use the instance."""
    return {
        "dashboard": f"{instance.ports.gateway_url}/",
        "api": f"{instance.ports.gateway_url}/v1",
        "live": f"{instance.ports.gateway_url.replace('http', 'ws', 1)}/ws",
        "user": user.NAME,
        "password": password,
        "mqtt": instance.ports.mqtt_endpoint,
        "ca": str(instance.ca_file),
        "aws": instance.ports.aws_url,
        "account": emulator.ACCOUNT,
        "region": emulator.REGION,
        "lake": str(instance.s3_dir / emulator.ACCOUNT / outputs["LakeBucketName"]),
        "outputs": dict(outputs),
    }
