"""What a session of the server waits for, in plain words: the events that matter here, and a word for each kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Blocker:
    """Whom a session waits for."""

    text: str
    row: str | None  # the key of its row, to go there; None: it has none


TONES = {
    "active": "busy",
    "idle in transaction": "warn",
    "idle in transaction (aborted)": "bad",
    "fastpath function call": "busy",
}
"""Of the states of a session; all others are quiet."""

EVENTS = {
    "Client/ClientRead": "for the client’s next request",
    "Client/ClientWrite": "for the client to take its reply",
    "Client/GssOpenServer": "for the client to agree on encryption",
    "Client/SslOpenServer": "for the client to agree on encryption",
    "Client/WalSenderWaitForWal": "for something new to send to a replica",
    "Client/WalSenderWaitForWAL": "for something new to send to a replica",
    "Client/WalSenderWriteData": "for a replica to take what is sent",
    "Lock/transactionid": "for another transaction to end (row lock)",
    "Lock/tuple": "for its turn at a row lock",
    "Lock/relation": "for a table lock",
    "Lock/virtualxid": "for another transaction’s snapshot",
    "Lock/advisory": "for an advisory lock",
    "Lock/extend": "for its turn to make a table longer",
    "Lock/frozenid": "for its turn to change a database’s oldest transaction",
    "Lock/object": "for a lock on something that is not a table",
    "Lock/page": "for a lock on a page of an index",
    "Lock/spectoken": "for another session’s INSERT … ON CONFLICT to decide",
    "Lock/userlock": "for a lock of an application",
    "Lock/applytransaction": "for a transaction that logical replication applies",
    "IPC/SyncRep": "for the replica to confirm",
    "IPC/BgWorkerShutdown": "for a background process to end",
    "IPC/BgWorkerStartup": "for a background process to start",
    "IPC/BtreePage": "for a page of an index that a parallel scan needs",
    "IPC/CheckpointDone": "for a checkpoint to finish",
    "IPC/CheckpointStart": "for a checkpoint to start",
    "IPC/ExecuteGather": "for parallel workers of its query",
    "IPC/MessageQueueReceive": "for a message of a parallel worker",
    "IPC/MessageQueueSend": "for a parallel worker to take a message",
    "IPC/ParallelFinish": "for parallel workers to finish",
    "IPC/ProcarrayGroupUpdate": "for the group commit it belongs to",
    "IPC/ProcArrayGroupUpdate": "for the group commit it belongs to",
    "IPC/RecoveryConflictSnapshot": "for replay to get past a conflict with a query here",
    "IPC/RecoveryConflictTablespace": "for replay to get past a conflict with a tablespace",
    "IPC/SafeSnapshot": "for a snapshot that SERIALIZABLE READ ONLY DEFERRABLE may use",
    "IPC/XactGroupUpdate": "for the group commit it belongs to",
    "IO/DataFileRead": "for a read from a table’s file",
    "IO/DataFileWrite": "for a write to a table’s file",
    "IO/DataFileSync": "for a table’s file to be safe on disk",
    "IO/DataFileExtend": "for a table’s file to grow",
    "IO/WalSync": "for the log to be safe on disk (COMMIT)",
    "IO/WALSync": "for the log to be safe on disk (COMMIT)",
    "IO/WalWrite": "for a write to the log",
    "IO/WALWrite": "for a write to the log",
    "IO/BuffileRead": "for a read from a temporary file",
    "IO/BufFileRead": "for a read from a temporary file",
    "IO/BuffileWrite": "for a write to a temporary file",
    "IO/BufFileWrite": "for a write to a temporary file",
    "LWLock/WALWrite": "for its turn to write the log",
    "LWLock/WALInsert": "for room in the log’s buffers",
    "LWLock/BufferContent": "for another session to let go of a page in memory",
    "LWLock/BufferMapping": "for its turn to look up a page in memory",
    "LWLock/LockManager": "for its turn in the table of locks",
    "LWLock/ProcArray": "for its turn to take a snapshot or to end a transaction",
    "LWLock/XactSLRU": "for its turn to look up whether a transaction committed",
    "LWLock/SerializableXactHash": "for its turn in the bookkeeping of SERIALIZABLE",
    "Timeout/PgSleep": "in pg_sleep",
    "Timeout/VacuumDelay": "between two pieces of a VACUUM, to spare the others",
    "Timeout/RecoveryApplyDelay": "since its replay is delayed on purpose",
    "Timeout/RecoveryRetrieveRetryInterval": "to ask for the log once more",
    "Timeout/SpinDelay": "for a very short lock that others hold",
    "BufferPin/BufferPin": "for another session to stop reading a page",
    "Buffer/BufferCleanup": "for another session to stop reading a page",
    "Activity/AutovacuumMain": "until autovacuum is due",
    "Activity/AutoVacuumMain": "until autovacuum is due",
    "Activity/BgwriterHibernate": "since there is nothing to write",
    "Activity/BgWriterHibernate": "since there is nothing to write",
    "Activity/BgwriterMain": "for its next round of writing",
    "Activity/BgWriterMain": "for its next round of writing",
    "Activity/CheckpointerMain": "until a checkpoint is due",
    "Activity/IoWorkerMain": "for something to read or write",
    "Activity/LogicalLauncherMain": "for a subscription to serve",
    "Activity/RecoveryWalStream": "for more of the log from its primary",
    "Activity/WalReceiverMain": "for more of the log from its primary",
    "Activity/WalSenderMain": "for something new to send to a replica",
    "Activity/WalSummarizerWal": "for more of the log to summarize",
    "Activity/WalWriterMain": "until the log is to be written",
    "Activity/WalwriterMain": "until the log is to be written",
}

KINDS = {
    "Activity": "for work to do",
    "Buffer": "for another session to let go of a page",
    "BufferPin": "for another session to let go of a page",
    "Client": "for its client",
    "Extension": "in an extension",
    "InjectionPoint": "at a point where a test holds it",
    "IO": "for the disk",
    "IPC": "for another process of the server",
    "Lock": "for a lock that another transaction holds",
    "LWLock": "for a short internal lock of the server",
    "Timeout": "until a time is up",
}


def meaning(event: str) -> str:
    """Of a wait event written `Lock/tuple`; what is not in the table is told by its kind."""
    return EVENTS.get(event) or KINDS.get(event.partition("/")[0], "")
