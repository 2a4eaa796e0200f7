"""Commands through the whole loop, with the real agent killed at the worst moments."""

import signal
import time

import httpx
import pytest

from contract import topics
from contract.documents import CommandResponse, encode
from tests.e2e.cloud import PATIENCE_S, wait_for
from tests.e2e.probe import Probe, RefusedError
from tests.e2e.test_messages import now_ms

ACTUATOR = """
[gpio]
factory = "mock"

[[actuator]]
name = "relay"
kind = "relay"
pin = 17

[[sensor]]
kind = "simulated"
interval_s = 1
home = { temperature = 40.0 }
"""


def send(cloud, device, *, expires_in_s=60, timeout_s=60, **parameters):
    answer = httpx.post(
        f"{cloud.details['api']}/devices/{device}/commands",
        headers={"Authorization": f"Bearer {cloud.token}"},
        json={
            "name": "relay",
            "parameters": parameters or {"on": True},
            "expires_in_s": expires_in_s,
            "timeout_s": timeout_s,
        },
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def command(cloud, device, name):
    return cloud.get(f"/devices/{device}/commands/{name}").raise_for_status().json()


def until(cloud, device, name, *statuses, within_s=90.0):
    return wait_for(
        f"{name} {' or '.join(statuses)}",
        lambda: (found := command(cloud, device, name))["status"] in statuses and found,
        within_s=within_s,
    )


def until_presence(cloud, device, status):
    wait_for(f"{device} {status}", lambda: cloud.device(device)["presence"]["status"] == status, within_s=90)


def history(document):
    return [step["status"] for step in document["steps"] if step["moved"]]


def test_an_agent_killed_between_sent_and_its_result_does_it_once_when_it_returns(cloud):
    config = cloud.agent_config("obedient", "machine", ACTUATOR, flush_interval_s=0.3)
    agent = cloud.start_agent(config)
    try:
        until_presence(cloud, "obedient", "online")
        assert until(cloud, "obedient", send(cloud, "obedient"), "SUCCEEDED")["result"] == {"on": True}

        # It hangs, so the broker takes the command and the agent does not.
        agent.send_signal(signal.SIGSTOP)
        in_time = send(cloud, "obedient", expires_in_s=300, on=False)
        until(cloud, "obedient", in_time, "SENT")
        agent.kill()
        agent.wait(timeout=20)
        agent = cloud.start_agent(config)
        done = until(cloud, "obedient", in_time, "SUCCEEDED", "FAILED", "TIMED_OUT")
        # The two answers of an instant may be heard in either order; what comes behind the result moves nothing.
        assert [one for one in history(done) if one != "DELIVERED"] == ["CREATED", "SENT", "SUCCEEDED"]
        # By the cloud, or by the broker that kept it for the session; the agent does it once however often it comes.
        assert done["attempted"] >= 1

        agent.send_signal(signal.SIGSTOP)
        too_late = send(cloud, "obedient", expires_in_s=30)
        until(cloud, "obedient", too_late, "SENT")
        agent.kill()
        agent.wait(timeout=20)
        until(cloud, "obedient", too_late, "TIMED_OUT")
        agent = cloud.start_agent(config)
        behind = send(cloud, "obedient", expires_in_s=300, on=False)
        assert until(cloud, "obedient", behind, "SUCCEEDED")["attempted"] >= 1
        # A broker that kept it for the session delivers it now; then the device says that it expired.
        assert history(command(cloud, "obedient", too_late))[:3] == ["CREATED", "SENT", "TIMED_OUT"]
        assert command(cloud, "obedient", too_late)["status"] in {"TIMED_OUT", "EXPIRED"}
    finally:
        agent.send_signal(signal.SIGCONT)
        agent.terminate()
        agent.wait(timeout=30)


def test_a_result_told_after_the_time_out_replaces_it_and_is_late(cloud):
    def say(device, name, status):
        said = CommandResponse(id=name, status=status, at=now_ms())
        device.publish(topics.command_response("survivor", name), encode(said))

    with Probe(cloud, "survivor") as device:
        device.subscribe(topics.filter_command_requests("survivor"))
        until_presence(cloud, "survivor", "online")
        name = send(cloud, "survivor", timeout_s=2)
        until(cloud, "survivor", name, "SENT")
        say(device, name, "DELIVERED")
        until(cloud, "survivor", name, "DELIVERED", "TIMED_OUT")
    until(cloud, "survivor", name, "TIMED_OUT")
    time.sleep(1)  # a moment without a connection, as after a kill
    with Probe(cloud, "survivor") as device:
        for _ in range(2):
            say(device, name, "FAILED")
        ended = until(cloud, "survivor", name, "FAILED")
    assert history(ended) == ["CREATED", "SENT", "DELIVERED", "TIMED_OUT", "FAILED"]
    assert ended["steps"][-1]["late"]


def test_a_device_cannot_answer_for_another_s_command(cloud):
    name = send(cloud, "obedient", expires_in_s=300)
    said = encode(CommandResponse(id=name, status="SUCCEEDED", at=now_ms()))
    with Probe(cloud, "other") as device, pytest.raises(RefusedError):
        device.publish(topics.command_response("obedient", name), said)
    with Probe(cloud, "other") as device:
        device.publish(topics.command_response("other", name), said)
        wait_for(
            "the quarantine",
            lambda: any("unknown_command" in entry["reasons"] for entry in cloud.quarantine("other")),
            within_s=90,
        )
    assert command(cloud, "obedient", name)["status"] == "CREATED"
