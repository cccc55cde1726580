"""A server with its people's side, asked in this process; who asks is said in a header."""

from contextlib import contextmanager

from fastapi.testclient import TestClient

from idiolect.models.scripted import ScriptedLM
from idiolect.models.speech import Threaded
from idiolect.serve.app import create
from idiolect.serve.callers import Caller
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store
from tests.serve.conftest import said

FAR = "http://far.example/v1#big"


class Said:
    """Whoever the header says: "application/role/person"."""

    async def caller(self, http):
        application, _, rest = http.headers.get("x-as", "").partition("/")
        role, _, whose = rest.partition("/")
        return Caller(application, role or "operator", whose or None, "test")


def gateway_of(place, lm=None, **settings):
    """Over a store at `place`, with the model "echo" of this machine and "far" elsewhere; both say their prompts back."""
    settings = Settings(**{"store": str(place), "models": ("echo", "far"), "method": "long_term", **settings})
    store = Store(place)
    lms = {"echo": lm or ScriptedLM(said, can=(), name="echo"), "far": ScriptedLM(said, can=(), name="far")}
    voices = {name: Threaded(one, settings.threads, settings.most_waiting) for name, one in lms.items()}
    return Gateway(settings, store, voices, {"echo": "echo", "far": FAR})


class Asking(TestClient):
    """A client, with what tests ask again and again."""

    def ask(self, user, question, **more):
        """The text of an answer, and its id."""
        body = {"messages": [{"role": "user", "content": question}], "user": user, **more}
        answered = self.post("/v1/chat/completions", json=body)
        assert answered.status_code == 200, answered.text
        return answered.json()["choices"][0]["message"]["content"], answered.json()["id"]

    def facts(self, user, **more):
        """What is known of somebody, by what it says."""
        return {one["text"]: one for one in self.get(f"/v1/users/{user}/facts", params={"limit": 200, **more}).json()["data"]}


@contextmanager
def opened(place, lm=None, gate=None, **settings):
    """A client of a new server; `client.desk` and `client.gateway` are its parts."""
    gateway = gateway_of(place, lm, **settings)
    app = create(gateway, gate or Said())
    with Asking(app) as client:
        gateway.desk.relearn = None  # nothing is learnt behind a test's back
        client.desk, client.gateway, client.store = gateway.desk, gateway, gateway.store
        yield client
