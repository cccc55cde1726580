"""A server that is watched, for the tests: with metrics, logs and whatever else listens."""

from fastapi import Request, Response

from idiolect.serve import watch
from idiolect.serve.app import create
from idiolect.serve.heard import Heard
from tests.serve.conftest import gateway_of, told


def heard_of(place, lm=None, **settings):
    """A gateway that notes what requests cost; ann is known."""
    plain = gateway_of(place, lm, **settings)
    made = plain if isinstance(plain, Heard) else Heard(plain.settings, plain.store, plain.voices, plain.specs)
    made.store.add("ann", told("I live in Oslo.", "My dog is called Bodo."))
    return made


def app_of(gateway, *ears, gate=None):
    """The application with all that watches it, and two routes that go wrong."""
    app = create(gateway, gate)
    watch.install(app, *ears)

    @app.get("/broken/{name}")
    async def broken(name: str) -> Response:
        try:
            raise OSError(28, f"the diary of {name}")
        except OSError as error:
            raise KeyError(f"the diary of {name}") from error

    @app.post("/said/{name}")
    async def said(name: str, http: Request) -> Response:
        return Response(await http.body())

    return app
