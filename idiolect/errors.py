"""Everything that can go wrong, in one tree. Each message is a sentence with the value and the way out.

IdiolectError
├── DataError        a history, a field map or a file that cannot be used
├── RequestError     a request that contradicts itself
├── ModelError       a model that does not exist, or cannot do what was asked of it
│   ├── EndpointError    a remote endpoint that refused, failed or timed out
│   └── BudgetError      a person's budget of calls or tokens is used up
├── StoreError       the store cannot read or write; what was there before is whole
├── MethodError      a method that is unknown, or used before `fit`
└── MissingExtra     an optional library is not installed
"""


class IdiolectError(Exception):
    """Catch this to catch everything the project raises on purpose."""


class DataError(IdiolectError):
    """A history, a field map or a file that cannot be used."""


class RequestError(IdiolectError):
    """A request that contradicts itself."""


class ModelError(IdiolectError):
    """A model that does not exist, or cannot do what was asked of it."""


class EndpointError(ModelError):
    """A remote endpoint that refused, failed or timed out; names the endpoint and what it said."""


class BudgetError(ModelError):
    """A person's budget of calls or tokens is used up; the message has the figures and when it starts anew."""


class StoreError(IdiolectError):
    """The store cannot read or write; what was there before is whole."""


class MethodError(IdiolectError):
    """A method that is unknown, or used before `fit`."""


class MissingExtra(IdiolectError):
    """An optional library is not installed; the message is the command that installs it."""
