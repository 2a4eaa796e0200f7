"""Runs one instance: starts everything in order, watches it, stops everything. One process, one event loop.

Children are started from the main thread, which lives as long as the instance: their tether is to that thread.
"""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from local import assembly, deploy, emulator, fleet, processes, run_record, simulation, synthesis, user
from local.errors import ChildDiedError
from local.gateway import Gateway
from local.instance import Instance
from local.ports import LOOPBACK, require_free
from local.run_record import RunRecord
from local.transform import Place

STOP_GRACE_S = 20.0
WATCH_S = 0.25
DEVICES_TIMEOUT_S = 30.0
SIMULATOR_RESTARTS = 5
_MINISTACK, _SIMULATOR = "ministack", "simulator"

Say = Callable[[str], None]
Popen = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Options:
    """What `up` was asked for."""

    devices: int = 6
    store: str = "dynamodb"
    fleet: Path | None = None

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "fleet": str(self.fleet) if self.fleet else None}


class Supervisor:
    """`run` returns when it was asked to stop, and raises a LocalError when the instance cannot go on."""

    def __init__(self, instance: Instance, options: Options, say: Say) -> None:
        self._instance = instance
        self._options = options
        self._told = say
        self._record = RunRecord(instance, options=options.as_record())
        self._children: dict[str, Popen] = {}
        self._restarts = 0
        self._upstream: str | None = None
        self._place = Place(instance.ports.aws_url, emulator.ACCOUNT, emulator.REGION)
        self._stop = asyncio.Event()

    async def run(self, when_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Raises AlreadyRunningError, PortTakenError, or what stopped it. Nothing is left running either way."""
        with self._instance.lock():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._stop.set)
            shown: asyncio.Task[None] | None = None
            error: str | None = None
            try:
                self._tidy_up()
                if await self._or_stopped(self._start()):
                    self._record.turn(run_record.READY)
                    shown = asyncio.create_task(_call(when_ready)) if when_ready else None
                    await self._or_stopped(self._watch())
            except Exception as exc:
                error = str(exc)
                raise
            finally:
                if shown is not None:
                    shown.cancel()
                    await asyncio.gather(shown, return_exceptions=True)
                await self._shut_down(error)

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
        instance.make_dirs()
        require_free(instance.ports)
        self._record.save()
        if left:
            self._say(f"ended {left} processes that an earlier run had left behind")

    async def _start(self) -> None:
        await self._start_gateway()
        devices = fleet.simulated(self._options.devices)
        fleet_file = await asyncio.to_thread(fleet.write_fleet_file, self._instance.fleet_dir, devices)
        python = await asyncio.to_thread(emulator.ensure_environment, self._say)
        self._say("starting the local AWS")
        self._launch(_MINISTACK, emulator.start(self._instance, python))
        extra = (self._options.fleet.resolve(),) if self._options.fleet else ()
        await self._synthesize(synthesis.Choice(self._options.store, (fleet_file, *extra)))
        await asyncio.to_thread(emulator.wait_until_ready, self._instance, self._children[_MINISTACK])
        outputs = await asyncio.to_thread(self._deploy, python)
        await asyncio.to_thread(self._settle, outputs, devices)
        if devices:
            self._say(f"starting {len(devices)} simulated devices")
            self._launch(_SIMULATOR, simulation.start(self._instance))
            await self._await_data(outputs["StateTableName"], devices)
        self._say(f"ready at {self._instance.ports.gateway_url}")

    async def _start_gateway(self) -> None:
        runner = web.AppRunner(Gateway(lambda: self._upstream, self._index).app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, LOOPBACK, self._instance.ports.gateway).start()

    async def _synthesize(self, choice: synthesis.Choice) -> None:
        inputs = await asyncio.to_thread(synthesis.inputs_hash, choice)
        if synthesis.is_current(self._instance, inputs):
            self._say("the synthesized template is current")
            return
        self._say("synthesizing the CDK app for this machine")
        child = synthesis.start(self._instance, choice)
        code = await asyncio.to_thread(child.wait)
        synthesis.finish(self._instance, inputs, code)

    def _deploy(self, python: Path) -> dict[str, str]:
        stacks = assembly.read(self._instance.assembly_dir)
        prepared = deploy.prepare(stacks, self._place, python)
        wanted = {stack.name: stack.fingerprint for stack in prepared}
        deployed = self._instance.read("deployed.json")
        changed = deploy.deploy(prepared, self._place, python, deployed, self._say)
        found = deploy.outputs(self._place.aws_url, tuple(wanted))
        if changed:
            # Until the snapshot is on disk a SIGKILL takes the deployment away, and then it must not count as made.
            self._instance.forget("deployed.json")
            emulator.snapshot(self._instance, self._children[_MINISTACK].pid)
            self._instance.write("deployed.json", wanted)
        else:
            self._say("the deployed stacks are current")
        return found

    def _settle(self, outputs: Mapping[str, str], devices: tuple[fleet.SimulatedDevice, ...]) -> None:
        instance = self._instance
        password = str(instance.read("instance.json").get("password") or user.new_password())
        user.ensure(self._place.aws_url, outputs["UserPoolId"], password)
        simulation.write_agents(instance, devices)
        api_id = outputs["ApiUrl"].split("//", 1)[1].split(".", 1)[0]
        instance.write("instance.json", describe(instance, outputs, password))
        self._upstream = f"{self._place.aws_url}/_aws/execute-api/{api_id}/v1"

    async def _await_data(self, state_table: str, devices: tuple[fleet.SimulatedDevice, ...]) -> None:
        """Until what each device sends is stored; one that does not come within the time is a note, not a failure.

        Not until it is online: a device that was so at the last stop counts as online until that has settled.
        """
        from local.figures import Reader

        reader = await asyncio.to_thread(Reader, self._place.aws_url, state_table, self._record.started)
        names = {device.name for device in devices}
        begun_ms = time.time() * 1000
        reporting: set[str] = set()
        while time.time() * 1000 < begun_ms + DEVICES_TIMEOUT_S * 1000:
            figures = await asyncio.to_thread(reader.read)
            reporting = {each.thing for each in figures.devices if (each.newest_ts or 0) >= begun_ms}
            if names <= reporting:
                return
            self._require_alive(_MINISTACK)
            await asyncio.sleep(0.5)
        silent = sorted(names - reporting)
        self._record.notes.append(f"silent after {DEVICES_TIMEOUT_S:.0f} s: {', '.join(silent)}")

    def _launch(self, name: str, child: Popen) -> None:
        self._children[name] = child
        with contextlib.suppress(psutil.NoSuchProcess):  # `_watch` says what became of it
            self._record.child(name, child.pid)

    def _require_alive(self, name: str) -> None:
        code = self._children[name].poll()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            tail = emulator.log_tail(self._instance)
            raise ChildDiedError(
                f"The local AWS {how}. Start again with `fieldline local up --port {self._instance.ports.gateway}`; "
                f"its log ends with:\n{tail}"
            )

    async def _watch(self) -> None:
        while True:
            self._require_alive(_MINISTACK)
            simulator = self._children.get(_SIMULATOR)
            if simulator is not None and simulator.poll() is not None:
                await self._restart_simulator(simulator.returncode)
            await asyncio.sleep(WATCH_S)

    async def _restart_simulator(self, code: int) -> None:
        del self._children[_SIMULATOR]
        self._restarts += 1
        note = f"the simulator ended with {code}"
        if self._restarts <= SIMULATOR_RESTARTS:
            await asyncio.sleep(min(2**self._restarts, 30))
            self._launch(_SIMULATOR, simulation.start(self._instance))
            note += ", started again"
        self._record.notes.append(note)
        self._record.save()

    async def _shut_down(self, error: str | None) -> None:
        self._upstream = None
        self._record.turn(run_record.STOPPING, error)
        if error is None:
            self._say("stopping")
        # The devices first, so that what they sent is stored before the state is.
        for name in (_SIMULATOR, _MINISTACK):
            child = self._children.get(name)
            if child is not None and child.poll() is None:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(child.wait, STOP_GRACE_S)
        if hasattr(self, "_runner"):
            await self._runner.cleanup()
        await asyncio.to_thread(processes.clean_up, str(self._instance.root), self._record.children.values(), 5.0)
        self._record.children.clear()
        self._record.turn(run_record.FAILED if error else run_record.STOPPED, error)

    def _index(self) -> Mapping[str, str]:
        details = self._instance.read("instance.json")
        listed = {"API": f"{self._instance.ports.gateway_url}/v1/health"}
        listed |= {name: str(details[key]) for name, key in _LISTED.items() if key in details}
        return {**listed, "State": self._record.phase}


_LISTED = {"User": "user", "MQTT over TLS": "mqtt", "CA of the broker": "ca", "Local AWS": "aws", "Lake": "lake"}


def describe(instance: Instance, outputs: Mapping[str, str], password: str) -> dict[str, Any]:
    """What instance.json says: everything that a person, a test or the command line needs to use the instance."""
    return {
        "api": f"{instance.ports.gateway_url}/v1",
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


async def _call(function: Callable[[], Awaitable[None]]) -> None:
    await function()
