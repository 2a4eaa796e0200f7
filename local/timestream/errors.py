"""What the engine raises.

EngineError
├── DirectoryInUseError      another process has the directory open
├── JournalDamagedError      a file of the journal is damaged where nothing can be cut off
├── StorageError             a write could not be made durable; nothing of it counts
│   └── StorageFullError     … because the disk or a quota is full
├── OverloadedError          too much waits for DuckDB; try again later
├── ExistsError              a database or table of that name is there already
├── MissingError             there is no database or table of that name
├── InterruptedQueryError    the query was cancelled
└── QueryError               DuckDB refused or could not finish a statement
    └── TooLargeError        … because its answer is larger than one may be
"""


class EngineError(Exception):
    pass


class DirectoryInUseError(EngineError):
    pass


class JournalDamagedError(EngineError):
    pass


class StorageError(EngineError):
    pass


class StorageFullError(StorageError):
    pass


class OverloadedError(EngineError):
    pass


class ExistsError(EngineError):
    pass


class MissingError(EngineError):
    pass


class InterruptedQueryError(EngineError):
    pass


class QueryError(EngineError):
    pass


class TooLargeError(QueryError):
    pass
