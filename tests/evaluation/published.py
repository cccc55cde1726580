"""Invented data in the forms of LoCoMo, PrefEval and MemPrompt, small enough to count by hand."""

import json

TALKS = [
    {
        "sample_id": f"conv-{number}",
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bo",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ann", "dia_id": "D1:1", "text": f"I adopted a {pet} called {name}."},
                {"speaker": "Bo", "dia_id": "D1:2", "text": "How lovely!"},
                {"speaker": "Ann", "dia_id": "D1:3", "text": "Look.", "blip_caption": f"a photo of a {pet} asleep"},
            ],
            "session_2_date_time": "9:05 am on 12 June, 2023",
            "session_2": [{"speaker": "Bo", "dia_id": "D2:1", "text": f"I started to paint {thing}."}],
        },
        "qa": [
            {"question": f"What is the name of Ann's {pet}?", "answer": name, "evidence": ["D1:1; D:1:03", "D1:1"], "category": 1},
            {"question": "What does Bo paint?", "answer": thing, "evidence": ["D2:1"], "category": 4},
            {"question": "When did Ann adopt?", "answer": 2023, "evidence": ["D9:9"], "category": 2},
            {"question": "What does Ann paint?", "adversarial_answer": thing, "evidence": ["D2:1"], "category": 5},
        ],
    }
    for number, (pet, name, thing) in enumerate([("fox", "Rusty", "boats"), ("hen", "Dora", "clouds")])
]


def write_locomo(folder):
    """Two conversations of four turns; three of each one's four questions have evidence."""
    (folder / "locomo10.json").write_text(json.dumps(TALKS), encoding="utf-8")
    return folder


LIKES = (
    ("I avoid hotels with noisy bars.", "Which hotels in Rome would you suggest?"),
    ("I only eat plants.", "Which soups shall I cook?"),
)


def write_prefeval(folder):
    """One topic with two preferences; three talks about other things."""
    explicit = [{"preference": likes, "question": question, "explanation": "why"} for likes, question in LIKES]
    choice = [
        {
            **one,
            "conversation": {
                "query": one["question"],
                "assistant_options": "1. This\n2. That",
                "user_selection": "I take the first, since the other is not for me.",
                "assistant_acknowledgment": "Good.",
            },
        }
        for one in explicit
    ]
    persona = [
        {
            **one,
            "conversation": {
                "0": {"user": "I plan a trip.", "assistant": "Nice."},
                "1": {"user": f"It is in May. {one['preference']} What shall I pack?", "assistant": "A coat."},
            },
        }
        for one in explicit
    ]
    options = [
        {**one, "classification_task_options": [f"right {n}", "wrong one", "wrong two", "wrong three"]} for n, one in enumerate(explicit)
    ]
    files = {"explicit_preference": explicit, "implicit_preference/choice-based": choice, "implicit_preference/persona-driven": persona}
    for place, rows in {**files, "mcq_options": options}.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "travel.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "mcq_options" / "travel copy.json").write_text("[]", encoding="utf-8")
    talks = [
        {"conversation": [{"role": role, "content": f"{role} {n} {turn}"} for turn in range(2) for role in ("user", "assistant")]}
        for n in range(3)
    ]
    (folder / "filtered_inter_turns.json").write_text(json.dumps(talks), encoding="utf-8")
    return folder


WORDINGS = {"syn": "what is like < {} > ?", "ant": "< {} > turned round ?"}


def write_memprompt(folder, rounds=4):
    """Two wordings a person, each asked `rounds` times in turn, always of another word."""
    sims = [{"ques": wording.format("sea"), "ans": "", "type": kind} for kind, wording in WORDINGS.items()]
    tasks = [
        {"meta": {"word1": f"w{n}", "word2": "x"}, "type": kind, "template_id": f"{kind}0"} for n in range(rounds) for kind in WORDINGS
    ]
    for person, file in {"linguistic": "all", "hin": "hin", "pun": "pun"}.items():
        (folder / "data" / "sim").mkdir(parents=True, exist_ok=True)
        (folder / "tasks" / person).mkdir(parents=True, exist_ok=True)
        (folder / "data" / "sim" / f"{file}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in sims), encoding="utf-8")
        (folder / "tasks" / person / "tasks_100.jsonl").write_text("".join(json.dumps(one) + "\n" for one in tasks), encoding="utf-8")
    return folder
