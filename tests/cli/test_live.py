"""live watch: over a scripted socket and the API of a test deployment, and once over a real WebSocket."""

import json
import threading

import pytest
from websockets.sync.server import serve

from cli.commands.live import lines
from cli.errors import NotAllowedError, NotFoundError, UnreachableError
from cli.live import Closed, Watch, opened
from cli.live_reading import Wanted

NOW = 1_764_000_000_000
WELCOME = {"type": "welcome", "v": 1, "heartbeat_s": 240, "renew_at": NOW + 3_600_000, "closes_at": NOW + 7_200_000}
SUBSCRIBED = {"type": "subscribed", "topics": ["device:press-4"], "complete_from": NOW + 6_000}


class OverError(Exception):
    pass


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class Line:
    """A socket that says what it is told to; each silence moves the clock. None is a cut, a number a silence in s."""

    def __init__(self, clock, *frames):
        self.clock = clock
        self.frames = [WELCOME, *frames]
        self.sent, self.closed, self.answers_pings = [], False, False

    def send(self, text):
        self.sent.append(json.loads(text))
        if self.answers_pings and self.sent[-1]["type"] == "ping":
            self.frames.insert(0, {"type": "pong", "at": 1})

    def receive(self, within_s):
        frame = self.frames[0] if self.frames else within_s
        if isinstance(frame, int | float):
            passed = min(frame, within_s)
            self.clock.now += int(passed * 1000)
            if self.frames:
                self.frames[:1] = [frame - passed] if frame > passed else []
            return None
        self.frames.pop(0)
        if frame is None:
            raise Closed("cut off")
        return frame if isinstance(frame, str) else json.dumps(frame)

    def close(self):
        self.closed = True


class Api:
    """What `Watch` asks of the API; `latest` and `commands` are what it answers."""

    def __init__(self):
        self.latest, self.commands, self.listed, self.tickets = {}, {}, [], 0
        self.alarms = {}

    def change(self, method, path):
        assert (method, path) == ("POST", "/live/ticket")
        self.tickets += 1
        return {"ticket": "t", "url": f"ws://x/ws?ticket={self.tickets}"}

    def device(self, thing):
        if thing not in self.latest:
            raise NotFoundError("no such device")
        return {"id": thing, "latest": self.latest[thing]}

    def get(self, path):
        return self.commands[path]

    def pages(self, path, params, limit, *, largest=1000):
        if path == "/devices":
            yield {"items": self.listed[:limit], "cursor": None}
            return
        assert largest == 100
        asked = "&".join(f"{name}={value}" for name, value in params)
        yield {"items": self.alarms.get(f"{path}?{asked}", []), "cursor": None}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def watch(api, clock):
    """Runs `wanted` over these sockets, one after another, until `seconds` have passed."""

    def run(wanted, *sockets, seconds=None):
        said, left, waits = [], [*sockets], []

        def connect(_url):
            if not left:
                raise OverError
            return left.pop(0)

        def sleep(s):
            waits.append(s)
            clock.now += int(s * 1000)

        watched = Watch(api, wanted, say=said.append, connect=connect, sleep=sleep, chance=lambda: 1.0, clock_ms=clock)
        events = []
        try:
            for event in watched.events(None if seconds is None else NOW + seconds * 1000):
                events.append(event)  # noqa: PERF402 - what came before an end counts
        except OverError:
            pass
        return events, said, waits

    return run


def latest(ts, value, device="press-4", **more):
    data = {"temperature": {"ts": ts, "value": value, "q": "good"}}
    return {"kind": "latest", "device": device, "at": ts, "data": data, **more}


def values(events):
    return [event["data"]["temperature"]["value"] for event in events if event["kind"] == "latest"]


PRESS = Wanted(devices=("press-4",))


def test_what_is_now_comes_first_and_what_happens_after_it(api, watch, clock):
    api.latest["press-4"] = latest(1, 20.0)["data"]
    line = Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(2, 21.0)]})
    events, _, _ = watch(PRESS, line, seconds=60)
    assert values(events) == [20.0, 21.0]
    assert events[0]["read"]
    assert [one["type"] for one in line.sent] == ["hello", "subscribe"]
    assert line.closed


def test_what_was_missed_while_the_subscription_settled_is_read_once_it_has(api, watch, clock):
    api.latest["press-4"] = {}
    line = Line(clock, SUBSCRIBED, 5)

    def changed_meanwhile(within_s, receive=line.receive):
        answer = receive(within_s)
        if clock.now >= NOW + 5_000:
            api.latest["press-4"] = latest(9, 22.0)["data"]
        return answer

    line.receive = changed_meanwhile
    events, _, _ = watch(PRESS, line, seconds=20)
    assert values(events) == [22.0]


def test_what_was_shown_is_not_shown_again_and_what_is_older_neither(watch, clock):
    line = Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(5, 1.0), latest(5, 1.0), latest(4, 0.5)]})
    events, _, _ = watch(PRESS, line, seconds=60)
    assert values(events) == [1.0]


def test_a_cut_is_mended_with_another_ticket_and_the_gap_read_by_rest(api, watch, clock):
    first = Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(5, 1.0)]}, None)
    second = Line(clock, SUBSCRIBED)
    api.latest["press-4"] = latest(3, 0.5)["data"]
    events, said, waits = watch(PRESS, first, second, seconds=60)
    assert values(events) == [0.5, 1.0]
    api.latest["press-4"] = latest(7, 2.0)["data"]
    assert (api.tickets, waits, first.closed) == (2, [1.0], True)
    assert "connecting again" in said[0]


def test_the_gap_of_a_cut_shows_what_came_in_it(api, watch, clock):
    first = Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(5, 1.0)]}, None)
    second = Line(clock, SUBSCRIBED)
    api.latest["press-4"] = {}
    send = second.send

    def meanwhile(text):
        api.latest["press-4"] = latest(7, 2.0)["data"]
        send(text)

    second.send = meanwhile
    events, _, _ = watch(PRESS, first, second, seconds=60)
    assert values(events) == [1.0, 2.0]


def test_waits_grow_with_each_failure_and_are_bounded(api, watch, clock):
    lines = [Line(clock, None) for _ in range(9)]
    _, _, waits = watch(PRESS, *lines)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_deployment_that_cannot_be_reached_for_a_while_is_waited_for(api, watch, clock):
    ticket = api.change
    answers = [UnreachableError("no answer")]

    def change(*asked):
        if answers:
            raise answers.pop()
        return ticket(*asked)

    api.change = change
    events, _, waits = watch(PRESS, Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(5, 1.0)]}), seconds=60)
    assert (values(events), waits) == ([1.0], [1.0])


def test_it_pings_and_a_ping_without_answer_ends_the_connection(watch, clock):
    line = Line(clock, SUBSCRIBED, 241, {"type": "pong", "at": 1})
    second = Line(clock, SUBSCRIBED)
    _, said, _ = watch(PRESS, line, second, seconds=800)
    assert [one["type"] for one in line.sent] == ["hello", "subscribe", "ping", "ping"]
    assert "no answer to a ping" in said[0]


@pytest.mark.parametrize("how", ["asked", "by the clock"])
def test_a_connection_is_renewed_without_a_wait(watch, clock, how):
    first = Line(clock, SUBSCRIBED, *([{"type": "renew", "at": 1, "closes_at": 2}] if how == "asked" else [4000]))
    first.answers_pings = True
    second = Line(clock, SUBSCRIBED, {"type": "events", "events": [latest(5, 1.0)]})
    second.frames[0] = {**WELCOME, "renew_at": NOW + 7_000_000}
    events, said, waits = watch(PRESS, first, second, seconds=60 if how == "asked" else 3_650)
    assert (values(events), said, waits) == ([1.0], [], [])


def test_a_command_alone_is_followed_to_its_end(api, watch, clock):
    def step(status, at):
        return {"kind": "command", "device": "press-4", "command": "c1", "at": at, "data": {"status": status}}

    shown = {"name": "open", "status": "SENT", "progress": None, "result": None, "reason": None, "updated_at": 1}
    api.commands["/devices/press-4/commands/c1"] = shown
    frames = [{"type": "events", "events": [step("DELIVERED", 2), step("SUCCEEDED", 3)]}]
    events, _, _ = watch(Wanted(commands=(("press-4", "c1"),)), Line(clock, SUBSCRIBED, *frames))
    assert [event["data"]["status"] for event in events] == ["SENT", "DELIVERED", "SUCCEEDED"]


def test_devices_of_a_group_are_filled_from_its_list(api, watch, clock):
    api.listed = [{"id": "press-4"}, {"id": "press-5"}]
    api.latest = {"press-4": latest(1, 1.0)["data"], "press-5": latest(1, 2.0)["data"]}
    events, _, _ = watch(Wanted(groups=("plant-1",)), Line(clock, SUBSCRIBED), seconds=2)
    assert values(events) == [1.0, 2.0]


def alarm(version, state="active", **more):
    data = {"version": version, "severity": "major", "state": state, "message": "91 °C", "acknowledged": False}
    return {"kind": "alarm", "device": "press-4", "alarm": "press-4.1", "at": 5, "data": data, **more}


def test_alarms_are_filled_from_the_lists_and_each_version_is_shown_once(api, watch, clock):
    item = {"id": "press-4.1", "device": "press-4", "updated_at": 4, "version": 2, "severity": "major"}
    for path in ("/devices/press-4/alarms?state=active", "/alarms?state=active&group=plant-1"):
        api.alarms[path] = [item]
    wanted = Wanted(devices=("press-4",), groups=("plant-1",))
    line = Line(clock, SUBSCRIBED, {"type": "events", "events": [alarm(at) for at in (1, 3, 3, 2, 4)]})
    events, _, _ = watch(wanted, line, seconds=9)
    assert [event["data"]["version"] for event in events] == [2, 3, 4]
    assert (events[0]["alarm"], events[0]["at"], events[0]["read"]) == ("press-4.1", 4, True)


def test_alarms_of_all_devices_are_filled_from_their_list_and_no_device_is_read(api, watch, clock):
    item = {"id": "press-4.1", "device": "press-4", "updated_at": 4, "version": 2, "severity": "major"}
    api.alarms["/alarms?state=active"] = [item]
    api.listed = [{"id": "press-4"}]
    api.latest = {"press-4": latest(1, 1.0)["data"]}
    line = Line(clock, {**SUBSCRIBED, "topics": ["alarms"]}, {"type": "events", "events": [alarm(3)]})
    events, _, _ = watch(Wanted(alarms=True), line, seconds=9)
    assert [(event["kind"], event["data"]["version"]) for event in events] == [("alarm", 2), ("alarm", 3)]
    assert line.sent[1]["alarms"] is True


def test_a_word_of_this_release_is_said_only_where_it_is_needed():
    assert "alarms" not in PRESS.subscription()


def test_alarms_beside_a_command_are_followed_beyond_its_end(api, watch, clock):
    shown = {"name": "relay", "status": "SUCCEEDED", "updated_at": 1}
    api.commands["/devices/press-4/commands/c1"] = shown
    wanted = Wanted(commands=(("press-4", "c1"),), alarms=True)
    events, _, _ = watch(wanted, Line(clock, SUBSCRIBED, 3, {"type": "events", "events": [alarm(1)]}), seconds=9)
    assert [event["kind"] for event in events] == ["command", "alarm"]


def test_an_alarm_is_a_line_that_says_how_bad_it_is_and_whether_somebody_saw_it():
    (line,) = lines(alarm(1))
    assert line.split("  ")[1:] == ["press-4.1", "major", "active", "91 °C"]
    seen = alarm(2, "cleared")
    seen["data"]["acknowledged"] = True
    assert lines(seen)[0].split("  ")[1:] == ["press-4.1", "major", "cleared", "91 °C", "seen"]
    assert "read it with the API" in lines({**alarm(3), "data": None, "truncated": True})[0]


def test_what_may_not_be_watched_is_not_found(watch, clock):
    refused = {"type": "refused", "refused": [{"topic": "device:press-4", "reason": "not_found"}]}
    with pytest.raises(NotFoundError, match="device:press-4"):
        watch(PRESS, Line(clock, refused))


def test_a_part_that_may_not_be_watched_is_told_and_the_rest_is_watched(watch, clock):
    partly = {**SUBSCRIBED, "refused": [{"topic": "device:x", "reason": "not_found"}]}
    _, said, _ = watch(Wanted(devices=("press-4", "x")), Line(clock, partly), seconds=1)
    assert "device:x" in said[0]


def test_what_is_revoked_is_told_and_when_that_is_everything_it_ends(watch, clock):
    some = {"type": "revoked", "topics": ["device:press-4"]}
    _, said, _ = watch(PRESS, Line(clock, SUBSCRIBED, some), seconds=5)
    assert "no longer watch device:press-4" in said[0]
    with pytest.raises(NotAllowedError):
        watch(PRESS, Line(clock, SUBSCRIBED, {**some, "everything": True}))


@pytest.mark.parametrize("frame", ["nonsense", "[1]", {"type": "error", "slug": "rate", "message": "too much"}])
def test_what_no_server_of_ours_says_ends_the_connection(watch, clock, frame):
    _, said, _ = watch(PRESS, Line(clock, SUBSCRIBED, frame))
    assert "connecting again" in said[0]


@pytest.fixture
def real(deployment):
    """A WebSocket server that welcomes, subscribes and sends one event."""

    def serve_one(socket):
        for text in socket:
            asked = json.loads(text)
            if asked["type"] == "hello":
                far = 4_102_444_800_000
                socket.send(json.dumps({**WELCOME, "renew_at": far, "closes_at": far}))
            if asked["type"] == "subscribe":
                socket.send(json.dumps({**SUBSCRIBED, "complete_from": 4_102_444_800_000}))
                socket.send(json.dumps({"type": "events", "events": [latest(NOW, "\x1b[31mred\x7f")]}))

    with serve(serve_one, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"
        server.shutdown()


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_the_command_prints_what_happens_and_no_control_codes(deployment, signed_in, run, real, flags):
    from tests.cli.conftest import Says

    deployment.script("/v1/live/ticket", Says(201, {"ticket": "t", "expires_at": 1, "url": real}))
    result = run("live", "watch", "--device", "press-4", "--for", "1s", *flags)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert "\x7f" not in result.stdout
    if flags:
        (event,) = [json.loads(line) for line in result.stdout.splitlines()]
        assert event["data"]["temperature"]["value"] == "\x1b[31mred\x7f"
    else:
        assert "press-4  temperature" in result.stdout


def test_nothing_to_watch_and_too_much_are_said_before_anything_is_asked(run):
    run("live", "watch", fails=2)
    run("live", "watch", *(part for n in range(101) for part in ("-d", f"p-{n}")), fails=2)
    run("live", "watch", "--command", "no-slash", fails=2)
    run("live", "watch", "--device", "Not A Thing", fails=2)


def test_a_refused_handshake_is_closed():
    with pytest.raises(Closed):
        opened("ws://127.0.0.1:1/ws")
