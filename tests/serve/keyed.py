"""A server with keys for the tests: two applications with people of the same name, an operator, and tokens of people."""

from dataclasses import dataclass
from typing import Any

from idiolect.serve import gates, idempotent
from idiolect.serve.app import create
from idiolect.store.accounts import Accounts
from tests.serve.conftest import Serving, gateway_of, told


@dataclass
class Keys:
    """A running server, and who can call it: a secret each."""

    serving: Serving
    accounts: Accounts
    operator: str
    shop: str
    toys: str
    ann: str  # the token of the shop's ann

    def call(self, secret, method, path, **more) -> Any:
        """A request with a secret in the header; None for none."""
        headers = {**({"Authorization": f"Bearer {secret}"} if secret else {}), **more.pop("headers", {})}
        return self.serving.http.request(method, path, headers=headers, **more)

    def get(self, secret, path, **more):
        return self.call(secret, "GET", path, **more)

    def post(self, secret, path, body=None, **more):
        return self.call(secret, "POST", path, json=body if body is not None else {}, **more)

    def delete(self, secret, path, **more):
        return self.call(secret, "DELETE", path, **more)

    def id_of(self, secret):
        return self.accounts.holder(secret).id

    def log(self, **params):
        return self.get(self.operator, "/v1/audit", params=params).json()["data"]


def app_of(gateway, limits=None, middleware=True):
    """The application with everything that guards it."""
    app = create(gateway, gates.gate_for(gateway.settings, gateway.store, limits))
    if not middleware:
        app.user_middleware = [one for one in app.user_middleware if one.cls is not idempotent.Idempotent]
    return app


def filled(place):
    """A gateway whose store has the shop's ann, another ann of the toys', and the keys."""
    gateway = gateway_of(place)
    gateway.store.add("shop\x1fann", told("I live in Oslo.", "Please answer briefly."))
    gateway.store.add("toys\x1fann", told("I live in Lima.", "I play the cello."))
    return gateway


def keys_of(serving):
    """Its keys, made."""
    kept = Accounts(serving.gateway.store._session)
    operator, _ = kept.add("", "operator", "the operator's")
    shop, made = kept.add("shop", "application", "the shop's")
    toys, _ = kept.add("toys", "application", "the toys'")
    ann, _ = kept.issue("shop\x1fann", made.id, None)
    return Keys(serving, kept, operator, shop, toys, ann)


def first(app, router):
    """Add a test's routes before the server's own of the same paths."""
    before = len(app.router.routes)
    app.include_router(router)
    app.router.routes[:0] = [app.router.routes.pop() for _ in range(len(app.router.routes) - before)][::-1]
