"""PersonalSum: whose pairs are shown, never the article itself, and what is counted of how somebody sums up."""

import pytest

from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.personal_sum import SHOTS, PersonalSum, plot, structure, topics
from idiolect.types import History, Record, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation, marks, text_of

ASK = "Summarize this article:\n\n"
NEWS = [
    Record(f"{ASK}Storm {i} hits Bergen harbour. Boats sank {i}. Council met at night.", f"Bergen: boats sank {i}.", i) for i in range(4)
]
READER = User("reader", NEWS)


def told(method, user, question):
    return method.personalize(method.enroll([user], ScriptedLM([]))[0], ask(question), ScriptedLM([]))


def test_shots_are_pairs_of_article_and_own_summary_oldest_first():
    text = told(PersonalSum(k=2, signals=()), READER, f"{ASK}Boats and storms.").messages[0].content
    assert text.startswith(f"{SHOTS}\n\nArticle: Storm 2") and text.endswith("Summary: Bergen: boats sank 3.")
    assert text.count("Article: ") == 2 == text.count("Summary: ")


def test_the_article_itself_is_never_among_the_shots():
    for record in NEWS:
        bent = told(PersonalSum(k=4), READER, record.prompt)
        assert record.answer not in bent.messages[0].content and len(bent.because) == 1 + 3


def test_shots_are_the_readers_own_and_there_are_as_many_as_asked_for():
    for user in (ANN, BOB):
        for k in range(4):
            found = marks(text_of(told(PersonalSum(k=k, signals=()), user, "Of foxes")))
            assert len(found) == k and {name for name, _ in found} <= {user.id}


def test_without_pairs_nothing_is_shown():
    bare = User("bare", [Record("", "a note without an article", 0.0)])
    for user in (NOBODY, bare):
        method = PersonalSum(signals=("topics", "plot"))
        assert method.personalize(method.enroll([user], ScriptedLM([]))[0], conversation(), ScriptedLM([])) == conversation()


def test_topics_are_the_words_that_the_reader_keeps_of_the_articles():
    assert topics(NEWS) == "This reader's summaries keep: bergen, boats, sank."
    assert topics([Record("An article", "Other words", i) for i in range(3)]) == ""


@pytest.mark.parametrize("summary, third", [("alpha beta", "beginning 100%"), ("gamma", "middle 100%"), ("omega alpha", "end 50%")])
def test_the_plot_is_where_in_the_article_the_words_stand(summary, third):
    assert third in plot([Record("alpha beta xx gamma delta xx omega sigma xx", summary)])


def test_the_structure_is_the_middle_length_in_words_and_sentences():
    records = [
        Record("a", "One. Two three.", 0),
        Record("a", "One two three four", 1),
        Record("a", "Much much longer. Than. The others", 2),
    ]
    assert structure(records) == "This reader's summaries have about 4 words in 2 sentences."
    assert structure([]) == "" == plot([]) == topics([])


def test_signals_stand_before_the_shots_and_wrong_ones_are_refused():
    text = told(PersonalSum(signals=("structure", "topics")), READER, f"{ASK}Boats").messages[0].content
    assert text.startswith("This reader's summaries have about 4 words in 1 sentences.\nThis reader's summaries keep:") and SHOTS in text
    with pytest.raises(MethodError, match="'mood'; there are topics, plot, structure"):
        PersonalSum(signals=("mood",)).enroll([READER], ScriptedLM([]))


def test_an_article_is_clipped_and_the_newest_are_counted():
    text = told(PersonalSum(article_words=2, signals=()), READER, "boats").messages[0].content
    assert "Article: Storm 3 ...\n" in text
    assert "ann" not in PersonalSum(newest=1).enroll([User("r", History([*ANN.records, *NEWS]))], ScriptedLM([]))[0].text
