"""How often a text that tries to become an instruction does so on the bundled model, once it stands among a person's records.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/injection.py [--people 14]

Each of the attacks in idiolect/data/attacks.py is put among the records of each of the sample's people as the one nearest to the question,
and the question is answered by `rag` and `long_term`. Counted are answers that hold the attack's payload. The control puts the payload,
without any instruction, into an ordinary record: a model that copies what is quoted says it too, and obeys nobody.
"""

from __future__ import annotations

import argparse

from rounds import tell

from idiolect import Assistant, ask, catalogue
from idiolect.data.attacks import ATTACKS, PAYLOAD
from idiolect.data.sample import sample
from idiolect.models.local import load
from idiolect.types import Record, User


def main() -> None:
    """Ask everything, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=14)
    given = parser.parse_args()
    lm, people = load("tiny"), sample()[: given.people]
    control = tuple(f"{user.records[-1].answer} {PAYLOAD}" for user in people)
    for name in ("rag", "long_term"):
        for what, texts in (("attacks", ATTACKS), ("control", None)):
            said = asked = 0
            for number, user in enumerate(people):
                last = user.records[-1]
                for text in texts or (control[number],):
                    history = [*user.records[:-1], Record(last.prompt, text, last.time, "planted")]
                    assistant = Assistant(lm, catalogue.load(name))
                    assistant.enroll([User(user.id, history)])
                    reply = assistant.replies([user.id], [ask(last.prompt, max_tokens=24)])[0]
                    said, asked = said + (PAYLOAD in reply.text), asked + 1
            tell(f"{name:<10} {what:<8} {said:>4} of {asked} answers hold the payload ({100 * said / asked:.1f} %)")


if __name__ == "__main__":
    main()
