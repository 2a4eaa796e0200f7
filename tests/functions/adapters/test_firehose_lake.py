import pytest
from botocore.exceptions import ClientError

from contract.ingest import LakeLine, decode_line
from functions.adapters.firehose_lake import (
    MAX_CALL_BYTES,
    MAX_CALL_RECORDS,
    MAX_RECORD_BYTES,
    MESSAGES_A_RECORD,
    FirehoseLake,
)
from functions.errors import LakeError


class Firehose:
    """Takes records, except what `refuse(call, position, data)` says."""

    def __init__(self, refuse=lambda call, position, data: False):
        self.refuse = refuse
        self.taken = []
        self.calls = []

    def put_record_batch(self, DeliveryStreamName, Records):  # noqa: N803 - boto3's names
        assert DeliveryStreamName == "lake"
        assert len(Records) <= 500
        assert sum(len(record["Data"]) for record in Records) <= 4 * 1024 * 1024
        assert all(0 < len(record["Data"]) <= 1_000 * 1024 for record in Records)
        self.calls.append(len(Records))
        answers = []
        for position, record in enumerate(Records):
            if self.refuse(len(self.calls), position, record["Data"]):
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "slow down"})
            else:
                self.taken.append(record["Data"])
                answers.append({"RecordId": "r"})
        return {"FailedPutCount": sum("ErrorCode" in answer for answer in answers), "RequestResponses": answers}


def lines(count, size=100):
    return [LakeLine(thing="pump-1", received_at=at, data=b"x" * size) for at in range(count)]


def arrived(firehose):
    return [decode_line(line) for record in firehose.taken for line in record.splitlines()]


@pytest.mark.parametrize("count", [0, 1, MESSAGES_A_RECORD, MESSAGES_A_RECORD + 1, 20_000])
def test_messages_are_packed_in_order_as_json_lines(count):
    firehose = Firehose()
    FirehoseLake(firehose, "lake").append(lines(count))
    assert arrived(firehose) == lines(count)
    assert sum(firehose.calls) == -(-count // MESSAGES_A_RECORD)
    assert all(record.endswith(b"\n") for record in firehose.taken)


def test_large_messages_share_a_record_only_as_far_as_it_holds_them():
    firehose = Firehose()
    FirehoseLake(firehose, "lake").append(lines(60, 131_072))
    assert arrived(firehose) == lines(60, 131_072)
    assert max(map(len, firehose.taken)) <= MAX_RECORD_BYTES
    assert len(firehose.calls) > 60 * 131_072 * 4 // 3 // MAX_CALL_BYTES
    assert MAX_CALL_RECORDS <= 500


def test_only_what_was_refused_is_sent_again(backoff, waits):
    firehose = Firehose(lambda call, position, data: call == 1 and position % 2 == 0)
    FirehoseLake(firehose, "lake", backoff=backoff).append(lines(100))
    assert firehose.calls == [4, 2]
    assert sorted(line.received_at for line in arrived(firehose)) == list(range(100))
    assert len(waits) == 1


def test_exactly_the_messages_that_stay_refused_are_named(backoff, waits):
    firehose = Firehose(lambda call, position, data: b'"received_at":30,' in data)
    with pytest.raises(LakeError, match="ServiceUnavailableException") as caught:
        FirehoseLake(firehose, "lake", backoff=backoff).append(lines(100))
    assert caught.value.failed == frozenset(range(25, 50))
    assert len(firehose.calls) == len(waits) + 1 == 4
    assert {line.received_at for line in arrived(firehose)} == set(range(100)) - caught.value.failed


def test_a_call_that_fails_names_its_messages_and_others_go_on(backoff):
    class Failing(Firehose):
        def put_record_batch(self, **request):
            if len(self.calls) == 1:
                self.calls.append(0)
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "PutRecordBatch")
            return super().put_record_batch(**request)

    firehose = Failing()
    with pytest.raises(LakeError) as caught:
        FirehoseLake(firehose, "lake", backoff=backoff).append(lines(60, 131_072))
    kept = {line.received_at for line in arrived(firehose)}
    assert caught.value.failed
    assert kept | caught.value.failed == set(range(60))
    assert not kept & caught.value.failed
