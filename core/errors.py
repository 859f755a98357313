"""One error tree for the whole house.

FengsuiError
|-- ConfigError        the county folder, a pack or a setting is wrong; carries `path:line` and what to do
|-- FeedError          one feed could not be pulled or read; costs that feed only
|   |-- FetchError     the bytes could not be had (network, status, deadline, size)
|   `-- ParseError     the bytes are not what the feed's format says
|-- LifeCycleError     an alert may not go from this state to that one
|-- AuthorityError     a signature, an approval or a key does not hold
|   |-- AreaError      a yes to a warning of the whole county does not name its area code
|   `-- StaleError     the time of a signature does not fit: it may be signed again
|-- DeliveryError      a channel refused, or its outcome is unknown
`-- StoreError         lake or ledger cannot be read or written

`retryable` says whether trying again can help. No error text carries a telephone number or a secret.
"""

from __future__ import annotations

from pathlib import Path


class FengsuiError(Exception):
    """Base of all errors of this house; `retryable` tells the caller whether trying again can help."""

    retryable: bool = False


class ConfigError(FengsuiError):
    """A county folder, a rule pack or a setting is wrong; nothing has been started.

    `path`, `line` and `column` (1-based, None where a whole file or line is meant) say where; `hint` says what to do.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None, column: int | None = None, hint: str = "") -> None:
        self.message, self.path, self.line, self.column, self.hint = message, path, line, column, hint
        where = ":".join(str(part) for part in (path, line, column if line else None) if part) + ": " if path else ""
        super().__init__(f"{where}{message}" + (f" -> {hint}" if hint else ""))


class ConfigErrors(ConfigError):
    """Several configuration errors found in one reading, all told at once."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors
        Exception.__init__(self, "\n".join(str(error) for error in errors))


class FeedError(FengsuiError):
    """One feed failed; `layer` names the first failing layer of the health ladder."""

    def __init__(self, message: str, *, layer: str, retryable: bool = False) -> None:
        super().__init__(message)
        self.layer, self.retryable = layer, retryable


class FetchError(FeedError):
    """The bytes of a feed could not be had (layer `network` or `source`)."""

    def __init__(self, message: str, *, layer: str = "network", retryable: bool = True) -> None:
        super().__init__(message, layer=layer, retryable=retryable)


class ParseError(FeedError):
    """The bytes of a feed are not what its format says (layer `content`); `where` points into the document."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, layer="content")
        self.where = where


class LifeCycleError(FengsuiError):
    """An alert may not go from one state to another."""


class AuthorityError(FengsuiError):
    """A signature, an approval or a key does not hold; nothing was sent."""


class AreaError(AuthorityError):
    """A yes to a warning of the whole county that does not name its area code; nothing was signed, it may be said again with the code."""


class StaleError(AuthorityError):
    """A signature from before somebody put the version off to look closer, or from the future; nothing was decided, it may be signed again."""


class DeliveryError(FengsuiError):
    """A channel refused a message for good (`retryable` False) or for now (True)."""

    def __init__(self, message: str, *, code: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.code, self.retryable = code, retryable


class StoreError(FengsuiError):
    """The lake or the ledger cannot be read or written."""
