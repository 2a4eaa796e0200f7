import pytest

from tests.simulation.kernel import Crash, Kernel


@pytest.fixture
def kernel():
    kernel = Kernel(0.0)
    yield kernel
    kernel.close()


def test_what_waits_gives_way_to_what_comes_before_it(kernel):
    seen = []

    def job(name, ms):
        def run(_task):
            for step in range(3):
                seen.append((kernel.now, name, step))
                kernel.pause(ms)

        return run

    kernel.at(0.0, lambda: kernel.start(job("slow", 10.0)))
    kernel.at(1.0, lambda: kernel.start(job("quick", 4.0)))
    kernel.at(9.5, lambda: seen.append((kernel.now, "event", 0)))
    kernel.run(100.0)
    assert seen == [
        (0.0, "slow", 0),
        (1.0, "quick", 0),
        (5.0, "quick", 1),
        (9.0, "quick", 2),
        (9.5, "event", 0),
        (10.0, "slow", 1),
        (20.0, "slow", 2),
    ]
    assert kernel.now == 100.0


def test_what_a_task_raises_ends_the_run(kernel):
    def job(_task):
        kernel.pause(5.0)
        raise ValueError("wrong")

    kernel.at(0.0, lambda: kernel.start(job))
    with pytest.raises(ValueError, match="wrong"):
        kernel.run(10.0)


def test_a_dead_task_gets_no_further_than_its_next_call(kernel):
    seen = []

    def job(task):
        task.dead = True
        try:
            kernel.pause(1.0)
        except Crash:
            seen.append("crashed")
        seen.append("over")

    kernel.at(0.0, lambda: kernel.start(job))
    kernel.run(10.0)
    assert seen == ["crashed", "over"]


def test_a_run_that_is_closed_leaves_nothing_waiting():
    kernel, ends = Kernel(0.0), []

    def job(_task):
        try:
            kernel.pause(1000.0)
        except Crash:
            ends.append("crashed")
            raise

    kernel.at(0.0, lambda: kernel.start(job))
    kernel.run(10.0)
    assert ends == []
    kernel.close()
    assert ends == ["crashed"]
