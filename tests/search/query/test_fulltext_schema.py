"""The words that the databases keep are level with the pictures, whoever writes these and however."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from captioning import services as captioning_services
from gallery import services as gallery_services
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo
from search.query import fulltext_schema
from search.query.fulltext import find
from search.query.stemming import stem
from tests.search.query.rows import make_row, values

Write = Callable[[Image], object]

only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's triggers")
only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's index")


def found(user: User, words: str) -> list[int]:
    return sorted({pk for holders in find(viewer=user, words=words, limit=1000).values() for pk in holders.ids})


def _sql(statement: str) -> Write:
    def write(image: Image) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [image.pk])

    return write


def _save(image: Image) -> None:
    image.description = "A zebra"
    image.save()


def _save_again(image: Image) -> None:
    for _ in range(3):
        _save(image)


def _bulk_update(image: Image) -> None:
    image.description = "A zebra"
    Image.objects.bulk_update([image], ["description"])


def _upsert(image: Image) -> None:
    row = Image(pk=image.pk, uuid=image.uuid, **values("A zebra", owner=image.owner, name="zebra.jpg"))
    Image.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["description"])


def _caption_by_person(image: Image) -> None:
    captioning_services.caption_write_by_person(image_id=image.pk, author=image.owner, text="A zebra")


def _caption_by_model(image: Image) -> None:
    info = ModelInfo(name="x", revision="1", weights_hash="0" * 64, preprocessing="p")
    captioning_services.caption_record(
        image_id=image.pk, result=CaptionResult(text="A zebra", confidence=1.0), info=info, unsure=False
    )


EDITS: list[Write] = [
    _save,
    _save_again,
    _bulk_update,
    _upsert,
    _caption_by_person,
    _caption_by_model,
    lambda image: Image.objects.filter(pk=image.pk).update(description="A zebra"),
    lambda image: Image.objects.filter(pk=image.pk).update(file_name="MyZebra12.jpg", description=""),
    lambda image: Image.objects.update(description=Concat(Value("A zebra, no "), F("file_name"))),
    _sql("UPDATE gallery_image SET description = 'A zebra' WHERE id = %s"),
    lambda image: Image.objects.filter(pk=image.pk).update(description="", file_name="x", text_in_picture="ZEBRA"),
    lambda image: Image.objects.filter(pk=image.pk).update(
        description="Zebras", file_name="hippo.jpg", text_in_picture=""
    ),
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.django_db
def test_edits(user: User, edit: Write) -> None:
    other = make_row("A giraffe and a zebra", owner=user, name="other.jpg")
    image = make_row("A dog", owner=user, name="hippo.jpg", text_in_picture="NO\nparking")
    assert found(user, "dog hippo") == found(user, "parking") == [image.pk]

    edit(image)

    assert image.pk in found(user, "zebra")
    assert found(user, "dog") == []
    assert other.pk in found(user, "zebra")
    image.refresh_from_db()
    assert found(user, "parking") == ([image.pk] if "parking" in image.text_in_picture else [])
    _no_words_left_behind()


DELETIONS: list[Write] = [
    lambda image: image.delete(),
    lambda image: Image.objects.filter(pk=image.pk).delete(),
    lambda image: Image.objects.all().delete(),
    lambda image: gallery_services.images_delete(images=[image]),
    lambda image: gallery_services.users_delete(users=[image.owner]),
    _sql("DELETE FROM gallery_image WHERE id = %s"),
]


@pytest.mark.parametrize("delete", DELETIONS)
@pytest.mark.django_db
def test_deletions(user: User, other_user: User, delete: Write) -> None:
    image = make_row("A dog", owner=user, name="IMG2041.jpg", visibility="public", text_in_picture="EXIT")

    delete(image)

    assert found(other_user, "dog img 2041 exit") == []
    _no_words_left_behind()


@pytest.mark.django_db
def test_many_at_once(user: User) -> None:
    rows = [Image(**values(f"Dog number w{number}", owner=user, name=f"IMG{number}.jpg")) for number in range(300)]
    Image.objects.bulk_create(rows)

    assert len(found(user, "dogs")) == 300
    assert len(found(user, "w17")) == len(found(user, "img299")) == len(found(user, "42")) == 1


@pytest.mark.django_db(transaction=True)
def test_emptied_tables(user: User) -> None:
    make_row("A dog", owner=user)

    call_command("flush", interactive=False, verbosity=0)

    owner = User.objects.create_user("ada")
    again = make_row("A dog", owner=owner)
    assert found(owner, "dog") == [again.pk]
    _no_words_left_behind()


NEWEST = "newest"


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Callable[[str], None]]:
    """Migrates the app to a migration, and forth to the last one in the end."""

    def to(name: str) -> None:
        executor = MigrationExecutor(connection)
        newest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "search"]
        executor.migrate(newest if name == NEWEST else [("search", name)])

    yield to
    to(NEWEST)


def test_the_migration_takes_in_what_is_there_and_can_be_taken_back(migrate: Callable[[str], None], user: User) -> None:
    before = make_row("A dog", owner=user, name="IMG2041.jpg")
    migrate("0002_model_versions_and_index_cursor")

    between = make_row("A dog at the beach", owner=user, name="x.jpg")
    assert "search_fulltext" not in connection.introspection.table_names()
    migrate("0003_fulltext")
    written = make_row("Dogs", owner=user, text_in_picture="Beware of the DOGS\nKEEP OUT")
    migrate(NEWEST)

    after = make_row("Dogs", owner=user)
    assert found(user, "dog") == [before.pk, between.pk, written.pk, after.pk]
    assert found(user, "2041") == [before.pk]
    assert found(user, "beware") == [written.pk]
    Image.objects.all().delete()
    _no_words_left_behind()


@only_sqlite
def test_a_migration_that_remakes_the_table_is_made_up_for(transactional_db: None, user: User) -> None:
    image = make_row("A dog", owner=user)
    field = Image._meta.get_field("camera_make")
    wider = models.CharField(max_length=field.max_length + 1, blank=True)
    wider.set_attributes_from_name("camera_make")
    with connection.schema_editor() as editor:
        editor.alter_field(Image, field, wider, strict=True)
    try:
        Image.objects.filter(pk=image.pk).update(description="A cat", text_in_picture="EXIT")
        assert found(user, "cat exit") == []  # this is why

        assert fulltext_schema.ensure_level(connection)

        assert (found(user, "cat"), found(user, "exit"), found(user, "dog")) == ([image.pk], [image.pk], [])
        assert not fulltext_schema.ensure_level(connection)
        image.delete()
        _no_words_left_behind()
    finally:
        fulltext_schema.ensure_level(connection)


@pytest.mark.django_db
def test_nothing_to_make_up_for(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1 if connection.vendor == "sqlite" else 0):
        assert not fulltext_schema.ensure_level(connection)


@only_sqlite
def test_vacuum_and_backups_keep_it(transactional_db: None, user: User, tmp_path: Path) -> None:
    first, second, third = (make_row(text, owner=user) for text in ("A cat", "A dog", "A zebra"))
    first.delete()
    Image.objects.filter(pk=third.pk).update(description="A dog, too")
    vacuumed, backup = sqlite3.connect(tmp_path / "vacuumed.sqlite3"), sqlite3.connect(":memory:")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("VACUUM INTO %s", [str(tmp_path / "vacuumed.sqlite3")])
        cursor.connection.backup(backup)

    assert found(user, "dog") == [second.pk, third.pk]
    for database in (vacuumed, backup):
        database.execute("UPDATE gallery_image SET description = 'An emu' WHERE id = ?", [third.pk])
        ask = "SELECT rowid FROM search_fulltext WHERE search_fulltext MATCH ?"
        assert database.execute(ask, ["dogs"]).fetchall() == [(second.pk,)]
        assert database.execute(ask, ["emu"]).fetchall() == [(third.pk,)]
        database.close()


@only_sqlite
@pytest.mark.django_db
def test_the_index_is_asked_once(user: User) -> None:
    make_row("A dog", owner=user)
    plan = _plan(user)

    assert plan.index("SCAN search_fulltext VIRTUAL TABLE") < plan.index(
        "SEARCH gallery_image USING INTEGER PRIMARY KEY"
    )


@only_postgresql
@pytest.mark.django_db
def test_the_index_is_used(user: User) -> None:
    """Where all pictures may be listed, no other index is any help."""
    texts = ["A dog", *(f"Cat number {number}" for number in range(2_000))]
    rows = [Image(**values(text, owner=user, name="x.jpg", visibility="public")) for text in texts]
    Image.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('search_document_gin')")
        cursor.execute("ANALYZE gallery_image")
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "Bitmap Index Scan on search_document_gin" in _plan(user)


@pytest.mark.django_db
def test_stems_are_the_databases() -> None:
    words = """running runs runner ponies caresses agreed plastered hopping falling sized filing happy sky relational
    rational hesitancy digitizer radically vileness operator feudalism hopefulness formality sensitivity triplicate
    formative electrical goodness revival allowance inference airliner adjustable irritant replacement adoption
    homologous communism activate effective probate controlling dogs beaches skis dying children boxes 1960s a is
    yellow toys saying by""".split()  # noqa: SIM905

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("CREATE VIRTUAL TABLE temp.stems USING fts5 (word, tokenize = 'porter unicode61')")
            cursor.execute("CREATE VIRTUAL TABLE temp.stems_seen USING fts5vocab (temp, stems, instance)")
            cursor.executemany("INSERT INTO temp.stems (rowid, word) VALUES (%s, %s)", list(enumerate(words)))
            cursor.execute("SELECT term FROM temp.stems_seen ORDER BY doc")
        else:
            cursor.execute(
                "SELECT (ts_lexize('search_porter', word))[1] FROM unnest(%s::text[]) WITH ORDINALITY w(word, n)",
                [words],
            )
        stems = [each for (each,) in cursor.fetchall()]

    long = [(word, each) for word, each in zip(words, stems, strict=True) if len(word) > 2]
    assert long == [(word, stem(word)) for word, _ in long]


def _plan(user: User) -> str:
    with CaptureQueriesContext(connection) as asked:
        find(viewer=user, words="dog", limit=5)
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {asked[0]['sql']}")
        return "\n".join(str(row) for row in cursor.fetchall())


def _no_words_left_behind() -> None:
    """Whatever triggers took out was what they had put in: once emptied, the index holds nothing."""
    if connection.vendor != "sqlite":
        return
    Image.objects.all().delete()
    for part in fulltext_schema.PARTS:
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {part.table} ({part.table}) VALUES ('integrity-check')")
            cursor.execute(f"CREATE VIRTUAL TABLE temp.words_seen USING fts5vocab (main, {part.table}, row)")
            cursor.execute("SELECT term FROM temp.words_seen")
            left = cursor.fetchall()
            cursor.execute("DROP TABLE temp.words_seen")
        assert left == []
