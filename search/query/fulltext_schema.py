"""What the databases keep for full-text search: made by migration 0003, and kept level by the databases themselves.

Both hold the words of a picture's description and of its file name, without diacritics, in lower case, stemmed by
Porter's algorithm (1980; each has it built in), stop words included: those are left out of queries instead, so that
phrases mean the same on both. File names also count by their parts: "IMG2041-MyBeach.jpg" holds img, 2041, my, beach.

SQLite: the FTS5 table `search_fulltext`, written by triggers on gallery_image, in the statement that writes the row.
Its rowid is the picture's primary key, an INTEGER PRIMARY KEY, which VACUUM, backups and `.dump` keep. It is
contentless rather than external content, since the parts of file names aren't in any column of gallery_image: what
the triggers put in, they compute again to take it out.

No trigger sees the row that `INSERT OR REPLACE` takes away; Django never says that, nor do we. And a later migration
that remakes gallery_image drops the triggers with it: `ensure_level` is for after every migration.

PostgreSQL: gallery_image.search_document, a generated column with a GIN index. An index on the expression alone would
do for finding, but ranking needs the words of each match: 450 ms against 20 for a word that 38,000 of 100,000 pictures
hold. While it is there, PostgreSQL refuses to change the type of `description` or `file_name`: a migration that wants
to calls `remove` before and `install` after. A database with the locale C knows no capitals but A to Z.

With 100,000 pictures `install` took 2 s on SQLite and 12 on PostgreSQL, on 2 busy cores; a changed caption costs 0.2
and 0.3 ms more.
"""

import unicodedata
from typing import Any

TABLE = "search_fulltext"
TRIGGERS = ("search_fulltext_insert", "search_fulltext_update", "search_fulltext_delete")
# Nobody describes a picture at such length, and PostgreSQL refuses rows with over 1 MB of words.
INDEXED_CHARACTERS = 100_000

# What `remove_diacritics 2` folds, for PostgreSQL, whose own way is an extension that not every server has.
_ACCENTED = {
    chr(code): folded[0]
    for block in (range(0xC0, 0x250), range(0x1E00, 0x1F00))
    for code in block
    if len(folded := unicodedata.normalize("NFD", chr(code))) > 1 and folded[0].isascii()
}
_COMBINING = "".join(map(chr, range(0x300, 0x332)))


def _sqlite_document(row: str) -> str:
    """The values of the two columns of words, for `old`, `new` or gallery_image."""
    name = f"{row}.file_name"
    here = f"substr({name}, at, 1)"
    # letter by letter, since SQLite has no regular expressions: a blank between letters and digits, and before capitals
    return f"""substr({row}.description, 1, {INDEXED_CHARACTERS}), (
        WITH RECURSIVE split(at, text, last) AS (
            SELECT 1, '', ''
            UNION ALL
            SELECT at + 1, text || CASE WHEN last GLOB '[0-9]' AND {here} GLOB '[A-Za-z]'
                OR last GLOB '[A-Za-z]' AND {here} GLOB '[0-9]'
                OR last GLOB '[a-z]' AND {here} GLOB '[A-Z]' THEN ' ' ELSE '' END || {here}, {here}
            FROM split WHERE at <= length({name})
        )
        SELECT CASE WHEN text = {name} THEN text ELSE {name} || ' ' || text END FROM split ORDER BY at DESC LIMIT 1
    )"""  # noqa: S608  constants only


_SQLITE_ADD = f"INSERT INTO {TABLE} (rowid, description, file_name) "
_SQLITE_TAKE = f"INSERT INTO {TABLE} ({TABLE}, rowid, description, file_name) "
_SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER search_fulltext_insert AFTER INSERT ON gallery_image BEGIN
        {_SQLITE_ADD} SELECT new.id, {_sqlite_document("new")};
    END""",
    # Django saves whole rows: most updates change neither of the two.
    f"""CREATE TRIGGER search_fulltext_update AFTER UPDATE OF id, description, file_name ON gallery_image
    WHEN old.id <> new.id OR old.description <> new.description OR old.file_name <> new.file_name BEGIN
        {_SQLITE_TAKE} SELECT 'delete', old.id, {_sqlite_document("old")};
        {_SQLITE_ADD} SELECT new.id, {_sqlite_document("new")};
    END""",
    f"""CREATE TRIGGER search_fulltext_delete AFTER DELETE ON gallery_image BEGIN
        {_SQLITE_TAKE} SELECT 'delete', old.id, {_sqlite_document("old")};
    END""",
)
_SQLITE_INSTALL = (
    # The default's categories without No: to PostgreSQL, ², ½ and ① are no parts of words.
    f"""CREATE VIRTUAL TABLE {TABLE} USING fts5 (
        description, file_name, content = '',
        tokenize = "porter unicode61 remove_diacritics 2 categories 'L* Nd Nl Co'"
    )""",
    f"{_SQLITE_ADD} SELECT id, {_sqlite_document('gallery_image')} FROM gallery_image",  # noqa: S608
    *_SQLITE_TRIGGERS,
)
_SQLITE_REMOVE = (*(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS), f"DROP TABLE IF EXISTS {TABLE}")

# The bodies are parsed here and now (RETURN …, not a string), so that they work with any search_path: pg_restore's is
# empty. ASCII punctuation goes first: PostgreSQL would take "beach.jpg" for a host, and "sea/sand" for a path.
_POSTGRESQL_INSTALL = (
    "CREATE TEXT SEARCH DICTIONARY search_porter (TEMPLATE = snowball, LANGUAGE = porter)",
    "CREATE TEXT SEARCH CONFIGURATION search_english (COPY = english)",
    """ALTER TEXT SEARCH CONFIGURATION search_english
        ALTER MAPPING FOR asciiword, word, numword, int, uint, float, sfloat WITH search_porter""",
    rf"""CREATE FUNCTION search_fold(text) RETURNS text LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
        RETURN regexp_replace(
            CASE WHEN octet_length($1) = length($1) THEN $1
            ELSE translate($1, '{"".join(_ACCENTED)}{_COMBINING}', '{"".join(_ACCENTED.values())}') END,
            '[!-/:-@\[-`{{-~]+', ' ', 'g')""",
    r"""CREATE FUNCTION search_parts(text) RETURNS text LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
        RETURN regexp_replace(regexp_replace(regexp_replace($1,
            '([0-9])([A-Za-z])', '\1 \2', 'g'),
            '([A-Za-z])([0-9])', '\1 \2', 'g'),
            '([a-z])([A-Z])', '\1 \2', 'g')""",
    # The word that is put before a file name and taken out again leaves a gap: no phrase reaches across it.
    f"""CREATE FUNCTION search_document(description text, file_name text) RETURNS tsvector
        LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
        RETURN setweight(to_tsvector('search_english', search_fold(left(description, {INDEXED_CHARACTERS}))), 'A')
            || setweight(ts_delete(to_tsvector('search_english', 'x0gap0x ' || search_fold(
                CASE WHEN search_parts(file_name) = file_name THEN file_name
                ELSE file_name || ' ' || search_parts(file_name) END)), 'x0gap0x'), 'C')""",
    """ALTER TABLE gallery_image ADD COLUMN search_document tsvector
        GENERATED ALWAYS AS (search_document(description, file_name)) STORED""",
    "CREATE INDEX search_document_gin ON gallery_image USING gin (search_document)",
)
_POSTGRESQL_REMOVE = (
    "ALTER TABLE gallery_image DROP COLUMN IF EXISTS search_document",
    "DROP FUNCTION IF EXISTS search_document(text, text)",
    "DROP FUNCTION IF EXISTS search_parts(text)",
    "DROP FUNCTION IF EXISTS search_fold(text)",
    "DROP TEXT SEARCH CONFIGURATION IF EXISTS search_english",
    "DROP TEXT SEARCH DICTIONARY IF EXISTS search_porter",
)


def install(connection: Any) -> None:
    """Make what full-text search needs, and take in the pictures that there are."""
    _execute(connection, _SQLITE_INSTALL, _POSTGRESQL_INSTALL)


def remove(connection: Any) -> None:
    """Take all of it away again; that it isn't there is no error."""
    _execute(connection, _SQLITE_REMOVE, _POSTGRESQL_REMOVE)


def ensure_level(connection: Any) -> bool:
    """Make it anew if a migration took SQLite's triggers away; whether it did. One statement where all is well."""
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE 'search_fulltext%'")
        found = {name for (name,) in cursor.fetchall()}
    if TABLE not in found or found.issuperset(TRIGGERS):  # not installed (yet), or whole
        return False
    remove(connection)
    install(connection)
    return True


def _execute(connection: Any, sqlite: tuple[str, ...], postgresql: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in {"sqlite": sqlite, "postgresql": postgresql}.get(connection.vendor, ()):
            cursor.execute(statement)
