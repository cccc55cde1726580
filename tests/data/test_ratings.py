"""Readers of public ratings, on small files of the same shape, and on the real ones where they are at hand."""

import gzip
import json
from pathlib import Path

import pytest

from idiolect.data import ratings
from idiolect.data.splits import is_number
from idiolect.errors import DataError

SHARED = Path(__file__).parents[3] / "shared" / "data"


def zipped(folder, name, *rows):
    with gzip.open(folder / name, "wt", encoding="utf-8") as out:
        out.write("".join(json.dumps(row) + "\n" for row in rows))


def test_offensiveness_is_a_rating_by_each_rater(tmp_path):
    zipped(
        tmp_path,
        "offensiveness.jsonl.gz",
        *({"user_id": u, "instance_id": "9", "text": "hm", "offensiveness": n} for u, n in (("7", "2.0"), ("8", "5.0"))),
    )
    first, second = ratings.popquorn_offence(tmp_path)
    assert (first.id, first.records[0].answer, second.records[0].answer) == ("7", "2", "5")
    assert first.records[0].prompt == f"{ratings.OFFENCE}\n\nhm"
    assert first.records[0].id != second.records[0].id


def test_an_email_is_asked_and_its_new_wording_answered(tmp_path):
    zipped(tmp_path, "email_rewrites.jsonl.gz", *({"user": "7", "instance": i, "original": f"o{i}", "revised": f"r{i}"} for i in (5, 3)))
    (user,) = ratings.popquorn_emails(tmp_path)
    assert [(record.prompt, record.answer, record.time) for record in user.records] == [
        (f"{ratings.REWRITE}\n\no5", "r5", 0),
        (f"{ratings.REWRITE}\n\no3", "r3", 1),
    ]


def test_cuisines_that_were_not_rated_are_left_out(tmp_path):
    ask = "Please rate how much you like the traditional cuisine of"
    header = f'RespondentID,"How, much?",{ask} Algeria:,{ask}\xcaAustralia.,{ask} the Netherlands.,Gender'
    text = f"{header}\n11,Some,N/A,4,5,Male\n12,Some,,N/A,N/A,\n"
    (tmp_path / "food-world-cup-data.csv").write_bytes(text.encode("latin-1"))
    (user,) = ratings.food_world_cup(tmp_path)
    assert [(record.prompt.rpartition("\n")[2], record.answer) for record in user.records] == [
        ("The traditional cuisine of Australia", "4"),
        ("The traditional cuisine of the Netherlands", "5"),
    ]


def test_films_are_told_by_title_and_genres(tmp_path):
    (tmp_path / "movies.csv").write_text('movieId,title,genres\n1,"Boat, The (1999)",Drama|War\n2,Reel (2001),(no genres listed)\n')
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n3,1,4.0,200\n3,2,3.5,100\n")
    (user,) = ratings.movielens(tmp_path)
    assert [(record.prompt.rpartition("\n")[2], record.answer, record.time) for record in user.records] == [
        ("Reel (2001)", "3.5", 100),
        ("Boat, The (1999): Drama, War", "4", 200),
    ]


def test_a_film_has_the_first_of_the_popular_tags_that_a_person_gave_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ratings, "TAGS", 2)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Boat (1999),Drama\n2,Reel (2001),War\n")
    given = ["3,1,slow,30", "3,1,Funny,20", "3,1,dark,25", "3,2,dark,10", "4,1,funny ,5", "4,2,dark,6"]
    (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n" + "\n".join(given) + "\n")
    first, second = ratings.movielens_tag(tmp_path)
    assert [(record.prompt, record.answer) for record in first.records] == [
        (f"{ratings.TAG}\n\nReel (2001): War\nTags: dark, funny", "dark"),
        (f"{ratings.TAG}\n\nBoat (1999): Drama\nTags: dark, funny", "funny"),
    ]
    assert [record.time for record in second.records] == [5, 6]


@pytest.mark.parametrize(
    "reader", [ratings.popquorn_offence, ratings.popquorn_emails, ratings.food_world_cup, ratings.movielens, ratings.movielens_tag]
)
def test_a_folder_without_the_files_is_named(reader, tmp_path):
    with pytest.raises(DataError, match="is not there"):
        reader(tmp_path)


REAL = [
    ("popquorn_offence", "popquorn", 262),
    ("popquorn_emails", "popquorn", 220),
    ("food_world_cup", "fivethirtyeight_surveys/food-world-cup", 1276),
]


@pytest.mark.parametrize(("name", "folder", "people"), [*REAL, ("movielens", "movielens", 610)])
def test_the_real_files_are_read_whole(name, folder, people):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"the {name} data is not at hand")
    users = getattr(ratings, name)(SHARED / folder)
    assert len(users) >= people
    records = [record for user in users for record in user.records]
    assert len({record.id for record in records}) == len(records)
    assert all(is_number(record.answer) == (ratings.KIND[name] == "rating") for record in records[:2000])
