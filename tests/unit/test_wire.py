"""The wire parser: whatever the chunks, it reads the same, and knows when a reply is whole."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import wire

messages = st.lists(st.tuples(st.sampled_from("QPBDESHZTCn12IN"), st.binary(max_size=40)), max_size=12)


@given(messages, st.lists(st.integers(1, 30), max_size=40))
def test_messages_come_out_as_they_went_in_however_they_are_cut(sent: list[tuple[str, bytes]], cuts: list[int]) -> None:
    stream = b"".join(wire.pack(kind, body) for kind, body in sent)
    buffer, read = bytearray(), []
    for size in [*cuts, len(stream)]:
        buffer += stream[:size]
        stream = stream[size:]
        read += [(message.type, message.body) for message in wire.split(buffer)]
    assert read == sent
    assert not buffer


def test_what_is_no_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="not the PostgreSQL protocol"):
        wire.split(bytearray(b"HTTP/1.1 200 OK\r\n"[:1] + struct.pack("!i", 2) + b"xxxx"))


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.from_regex(r"[a-z:$ ]{1,12}", fullmatch=True))
)
def test_a_start_up_is_read_back(parameters: dict[str, str]) -> None:
    packet = wire.startup(parameters)
    assert wire.startup_code(packet) == wire.PROTOCOL_3
    assert wire.startup_parameters(packet) == parameters


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("select 1", "SELECT"),
        ("  /* why */ -- and\n UPDATE t set a = 1", "UPDATE"),
        ("BEGIN;", "BEGIN"),
        ("rollback to savepoint x", "ROLLBACK TO"),
        ("COMMIT PREPARED 'x'", "COMMIT PREPARED"),
        ("prepare transaction 'x'", "PREPARE TRANSACTION"),
        ("values(1)", "VALUES"),
        ("", "(empty)"),
        ("-- nothing", "(empty)"),
    ],
)
def test_the_word_of_a_statement(statement: str, word: str) -> None:
    assert wire.command_word(statement) == word


def parse(name: str, sql: str) -> bytes:
    return wire.pack("P", f"{name}\0{sql}\0".encode() + b"\0\0")


def bind(name: str) -> bytes:
    return wire.pack("B", b"\0" + name.encode() + b"\0" + b"\0" * 6)


DESCRIBE, EXECUTE = wire.pack("D", b"Ss1\0"), wire.pack("E", b"\0\0\0\0\0")
SYNC, FLUSH = wire.pack("S", b""), wire.pack("H", b"")
READY = wire.pack("Z", b"T")
ERROR = wire.pack("E", b"SERROR\0C40P01\0Mdeadlock detected\0\0")


def test_a_prepared_statement_is_known_by_its_name() -> None:
    requests = wire.Requests()
    asked, wanted = requests.feed(parse("s1", "select  x\n from t") + DESCRIBE + FLUSH)
    assert (asked, wanted) == (wire.Request("select x from t", "prepare SELECT"), ["P", "D"])
    asked, wanted = requests.feed(bind("s1") + EXECUTE + SYNC)
    assert (asked, wanted) == (wire.Request("select x from t", "SELECT"), ["B", "E", "S"])
    asked, wanted = requests.feed(wire.pack("C", b"Ss1\0") + SYNC)
    assert (asked.command, wanted) == ("close statement", ["C", "S"])
    assert requests.feed(wire.pack("X", b""))[0].command == "terminate"


@pytest.mark.parametrize(
    ("wanted", "answers"),
    [
        (["Q"], [wire.pack("T", b""), wire.pack("D", b""), wire.pack("C", b"SELECT 1\0"), READY]),
        (["Q"], [ERROR, READY]),
        (["P", "D"], [wire.pack("1", b""), wire.pack("t", b""), wire.pack("T", b"")]),
        (["P", "D"], [wire.pack("1", b""), wire.pack("n", b"")]),
        (["P", "D"], [ERROR]),
        (["B", "E", "S"], [wire.pack("2", b""), wire.pack("D", b""), wire.pack("C", b"SELECT 1\0"), READY]),
        (["B", "E", "S"], [wire.pack("2", b""), wire.pack("N", b""), ERROR, READY]),
        (["B", "E", "S"], [wire.pack("2", b""), wire.pack("s", b""), READY]),
        (["Q", "Q"], [wire.pack("C", b"BEGIN\0"), READY, wire.pack("C", b"COMMIT\0"), READY]),
        (["S"], [READY]),
    ],
)
def test_a_reply_is_whole_at_its_last_message_and_not_before(wanted: list[str], answers: list[bytes]) -> None:
    replies = wire.Replies()
    replies.expect(wanted)
    for answer in answers:
        assert not replies.complete
        replies.feed(answer[:3])
        assert not replies.complete
        replies.feed(answer[3:])
    assert replies.complete


def test_an_error_and_the_state_of_the_transaction_are_kept() -> None:
    replies = wire.Replies()
    replies.expect(["Q"])
    replies.feed(ERROR + wire.pack("Z", b"E"))
    assert (replies.error, replies.transaction) == ("deadlock detected", "failed")
    replies.expect(["Q"])
    assert replies.error is None


def test_copy_gives_the_word_to_the_client_and_back() -> None:
    requests, replies = wire.Requests(), wire.Replies()
    replies.expect(requests.feed(wire.pack("Q", b"copy t from stdin\0"))[1])
    replies.feed(wire.pack("G", b"\0\0\0"))
    assert replies.complete
    replies.expect(requests.feed(wire.pack("d", b"1\n"))[1])
    assert replies.complete, "the server says nothing to a piece of data"
    replies.expect(requests.feed(wire.pack("c", b""))[1])
    assert not replies.complete
    replies.feed(wire.pack("C", b"COPY 1\0") + READY)
    assert replies.complete


def test_what_is_copied_before_the_server_asks_for_it_ends_where_it_ends() -> None:
    requests, replies = wire.Requests(), wire.Replies()
    sent = wire.pack("Q", b"copy t from stdin\0") + wire.pack("d", b"1\n") + wire.pack("c", b"")
    replies.expect(requests.feed(sent)[1])
    replies.feed(wire.pack("G", b"\0\0\0"))
    assert not replies.complete
    replies.feed(wire.pack("C", b"COPY 1\0") + READY)
    assert replies.complete
    replies.expect(requests.feed(wire.pack("Q", b"select 1\0"))[1])
    assert not replies.complete, "the next request is waited for again"


@pytest.mark.parametrize(
    ("statement", "sent"),
    [
        ("PREPARE TRANSACTION 'a'", "PREPARE TRANSACTION 'run_1:a'"),
        ("begin; select 1; prepare  transaction 'a'", "begin; select 1; prepare  transaction 'run_1:a'"),
        ("commit prepared 'a'", "commit prepared 'run_1:a'"),
        (" ROLLBACK PREPARED E'a'", " ROLLBACK PREPARED E'run_1:a'"),
        ("select 'prepare transaction ' || 'a'", "select 'prepare transaction ' || 'a'"),
        ("prepare find as select 'a'", "prepare find as select 'a'"),
    ],
)
def test_prepared_transactions_are_given_the_prefix_and_nothing_else_is(statement: str, sent: str) -> None:
    asked, wanted = statement.encode() + b"\0", sent.encode() + b"\0"
    sync = wire.pack("S", b"")
    query, parse = wire.pack("Q", asked), wire.pack("P", b"stmt\0" + asked + b"\0\0") + sync
    assert wire.named(query, "run_1:") == wire.pack("Q", wanted)
    assert wire.named(parse, "run_1:") == wire.pack("P", b"stmt\0" + wanted + b"\0\0") + sync
    assert wire.named(query[:-3], "run_1:") == query[:-3]  # a message that is not whole goes on as it is
