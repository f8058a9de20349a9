"""What the databases keep for full-text search: made by migrations, and kept level by the databases themselves.

Three parts: WORDS (migration 0003), those of a picture's description and of its file name; TEXT (0008), those that can
be read in it; OWN (0010), those of its title, notes and tags. They are apart since few pictures have any of the latter:
ranking asks how rare a word is and how long others are, which is one thing among captions and another among signs.

All hold words without diacritics, in lower case, stemmed by Porter's algorithm (1980; each database has it built in),
stop words included: those are left out of queries instead, so that phrases mean the same on both. File names also count
by their parts: "IMG2041-MyBeach.jpg" holds img, 2041, my, beach.

SQLite: an FTS5 table for each part, written by triggers on gallery_image, in the statement that writes the row. Its
rowid is the picture's primary key, an INTEGER PRIMARY KEY, which VACUUM, backups and `.dump` keep. It is contentless
rather than external content, since the parts of file names aren't in any column of gallery_image: what the triggers put
in, they compute again to take it out.

No trigger sees the row that `INSERT OR REPLACE` takes away; Django never says that, nor do we. And a later migration
that remakes gallery_image drops the triggers with it: `ensure_level` is for after every migration.

PostgreSQL: for each part a generated column of gallery_image with a GIN index. An index on the expression alone would
do for finding, but ranking needs the words of each match: 450 ms against 20 for a word that 38,000 of 100,000 pictures
hold. While it is there, PostgreSQL refuses to change the type of what it is made from: a migration that wants to calls
`remove` before and `install` after. A database with the locale C knows no capitals but A to Z.

With 100,000 pictures `install` of WORDS took 2 s on SQLite and 12 on PostgreSQL, on 2 busy cores; a changed caption
costs 0.2 and 0.3 ms more.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Part:
    """Words that are kept together: in a `table` of SQLite, in a `column` of PostgreSQL. The statements that make it,
    and those that take it away."""

    table: str
    column: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]
    postgresql_remove: tuple[str, ...]

    @property
    def triggers(self) -> tuple[str, ...]:
        return tuple(f"{self.table}_{event}" for event in ("insert", "update", "delete"))

    @property
    def sqlite_remove(self) -> tuple[str, ...]:
        return (
            *(f"DROP TRIGGER IF EXISTS {name}" for name in self.triggers),
            f"DROP TABLE IF EXISTS {self.table}",
        )


def _sqlite_words(row: str) -> str:
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


def _sqlite(table: str, names: str, values: Callable[[str], str], has_words: str = "TRUE") -> tuple[str, ...]:
    """The table, filled, and its triggers. `values` are made from the columns of these names; `has_words`: of a row."""

    def add(row: str, source: str = "") -> str:
        chosen = f"SELECT {row}.id, {values(row)} {source} WHERE {has_words.format(row=row)}"
        return f"INSERT INTO {table} (rowid, {names}) {chosen}"

    def take(row: str) -> str:
        chosen = f"SELECT 'delete', {row}.id, {values(row)} WHERE {has_words.format(row=row)}"
        return f"INSERT INTO {table} ({table}, rowid, {names}) {chosen}"

    changed = " OR ".join(f"old.{column} <> new.{column}" for column in ["id", *names.split(", ")])
    return (
        # The default's categories without No: to PostgreSQL, ², ½ and ① are no parts of words.
        f"""CREATE VIRTUAL TABLE {table} USING fts5 (
            {names}, content = '', tokenize = "porter unicode61 remove_diacritics 2 categories 'L* Nd Nl Co'"
        )""",
        add("gallery_image", "FROM gallery_image"),
        f"CREATE TRIGGER {table}_insert AFTER INSERT ON gallery_image BEGIN {add('new')}; END",
        # Django saves whole rows: most updates change none of them.
        f"""CREATE TRIGGER {table}_update AFTER UPDATE OF id, {names} ON gallery_image WHEN {changed} BEGIN
            {take("old")};
            {add("new")};
        END""",
        f"CREATE TRIGGER {table}_delete AFTER DELETE ON gallery_image BEGIN {take('old')}; END",
    )


# The bodies are parsed here and now (RETURN …, not a string), so that they work with any search_path: pg_restore's is
# empty. ASCII punctuation goes first: PostgreSQL would take "beach.jpg" for a host, and "sea/sand" for a path.
WORDS = Part(
    "search_fulltext",
    "search_document",
    sqlite=_sqlite("search_fulltext", "description, file_name", _sqlite_words),
    postgresql=(
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
    ),
    postgresql_remove=(
        "ALTER TABLE gallery_image DROP COLUMN IF EXISTS search_document",
        "DROP FUNCTION IF EXISTS search_document(text, text)",
        "DROP FUNCTION IF EXISTS search_parts(text)",
        "DROP FUNCTION IF EXISTS search_fold(text)",
        "DROP TEXT SEARCH CONFIGURATION IF EXISTS search_english",
        "DROP TEXT SEARCH DICTIONARY IF EXISTS search_porter",
    ),
)
TEXT = Part(
    "search_text",
    "search_text",
    sqlite=_sqlite(
        "search_text",
        "text_in_picture",
        lambda row: f"substr({row}.text_in_picture, 1, {INDEXED_CHARACTERS})",
        has_words="{row}.text_in_picture <> ''",
    ),
    postgresql=(
        f"""ALTER TABLE gallery_image ADD COLUMN search_text tsvector GENERATED ALWAYS AS (setweight(
            to_tsvector('search_english', search_fold(left(text_in_picture, {INDEXED_CHARACTERS}))), 'A')) STORED""",
        "CREATE INDEX search_text_gin ON gallery_image USING gin (search_text)",
    ),
    postgresql_remove=("ALTER TABLE gallery_image DROP COLUMN IF EXISTS search_text",),
)
OWN = Part(
    "search_own",
    "search_own",
    sqlite=_sqlite(
        "search_own",
        "title, notes, tag_words",
        lambda row: f"{row}.title, substr({row}.notes, 1, {INDEXED_CHARACTERS}), {row}.tag_words",
        has_words="{row}.title || {row}.notes || {row}.tag_words <> ''",
    ),
    postgresql=(
        f"""ALTER TABLE gallery_image ADD COLUMN search_own tsvector GENERATED ALWAYS AS (
            setweight(to_tsvector('search_english', search_fold(title)), 'A')
            || setweight(ts_delete(to_tsvector('search_english',
                'x0gap0x ' || search_fold(left(notes, {INDEXED_CHARACTERS}))), 'x0gap0x'), 'C')
            || setweight(ts_delete(to_tsvector('search_english',
                'x0gap0x ' || search_fold(tag_words)), 'x0gap0x'), 'B')) STORED""",
        "CREATE INDEX search_own_gin ON gallery_image USING gin (search_own)",
    ),
    postgresql_remove=("ALTER TABLE gallery_image DROP COLUMN IF EXISTS search_own",),
)
PARTS = (WORDS, TEXT, OWN)


def install(connection: Any, part: Part) -> None:
    """Make what full-text search needs, and take in the pictures that there are."""
    _execute(connection, part.sqlite, part.postgresql)


def remove(connection: Any, part: Part) -> None:
    """Take all of it away again; that it isn't there is no error."""
    _execute(connection, part.sqlite_remove, part.postgresql_remove)


def ensure_level(connection: Any) -> bool:
    """Make anew what a migration took SQLite's triggers from; whether it did. One statement where all is well."""
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE 'search@_%' ESCAPE '@'")
        found = {name for (name,) in cursor.fetchall()}
    # Those that are installed already, and not whole.
    broken = [part for part in PARTS if part.table in found and not found.issuperset(part.triggers)]
    for part in broken:
        remove(connection, part)
        install(connection, part)
    return bool(broken)


def _execute(connection: Any, sqlite: Iterable[str], postgresql: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in {"sqlite": sqlite, "postgresql": postgresql}.get(connection.vendor, ()):
            cursor.execute(statement)
