"""What each person's originals take, kept by the databases themselves: no way by which pictures come, change or go can
miss it. See models.Tally; made by migration 0020.

A change merges the rows of its pictures' owners into new ones. On PostgreSQL it passes over rows that another
transaction is merging, and leaves a row beside them: nobody waits for anybody, and a person has one row more than there
are writers at work on their pictures. One row that all write to would make a person's uploads take turns until their
commit, and come out of turn among the locks on pictures, albums and people.

PostgreSQL merges once a statement, by triggers with transition tables, which can't be for some columns alone: what
changes none of these costs a look. They group rather than join, since their plan is made for the first statement of a
connection, of one picture, and kept for all that come. SQLite, which has no such tables, merges at each picture.

A migration that remakes SQLite's table of pictures drops the triggers on it: `ensure_level` is for after every one. One
that changes these columns, or the table of tallies, calls `remove` before and `install` after, as 0020 does.
"""

from typing import Any

# What a row of gallery_image says of itself; any other column may change as it likes.
_COLUMNS = ("id", "owner_id", "byte_size", "sort_date", "trashed_at")
_EVENTS = ("insert", "update", "delete")
_SQLITE_VERSION, _POSTGRESQL_VERSION = "lower(hex(randomblob(16)))", "gen_random_uuid()"


def _sqlite_add(row: str, sign: str) -> str:
    return f"""
        INSERT INTO gallery_tally (version, owner_id, bytes)
            SELECT {_SQLITE_VERSION}, {row}.owner_id, coalesce(sum(bytes), 0) {sign} {row}.byte_size
            FROM gallery_tally WHERE owner_id = {row}.owner_id;
        DELETE FROM gallery_tally WHERE owner_id = {row}.owner_id AND rowid <> last_insert_rowid();"""  # noqa: S608  constants only


def _sqlite_trigger(event: str) -> str:
    on, change = "", {"insert": _sqlite_add("new", "+"), "delete": _sqlite_add("old", "-")}
    if event == "update":
        on = " OF " + ", ".join(_COLUMNS)
        change["update"] = change["delete"] + change["insert"]
    differs = " OR ".join(f"old.{column} IS NOT new.{column}" for column in _COLUMNS)
    when = f"WHEN {differs}" if event == "update" else ""
    return f"CREATE TRIGGER gallery_tally_{event} AFTER {event}{on} ON gallery_image {when} BEGIN {change[event]} END"


def _postgresql_trigger(event: str) -> tuple[str, str]:
    columns = ", ".join(_COLUMNS)
    sides = {"insert": {"new": 1}, "update": {"old": -1, "new": 1}, "delete": {"old": -1}}[event]
    rows = " UNION ALL ".join(f"SELECT {sign} AS sign, {columns} FROM {side}_rows" for side, sign in sides.items())  # noqa: S608
    tables = " ".join(f"{side.upper()} TABLE AS {side}_rows" for side in sides)
    function = f"""CREATE FUNCTION gallery_tally_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        WITH changed AS MATERIALIZED (
            SELECT owner_id, sum(sign * byte_size) AS bytes FROM (
                SELECT owner_id, byte_size, sum(sign) AS sign FROM ({rows}) AS sides
                GROUP BY {columns} HAVING sum(sign) <> 0
            ) AS differing GROUP BY owner_id
        ), merged AS (
            DELETE FROM gallery_tally WHERE version IN (
                SELECT version FROM gallery_tally WHERE owner_id IN (SELECT owner_id FROM changed)
                FOR UPDATE SKIP LOCKED
            ) RETURNING owner_id, bytes
        )
        INSERT INTO gallery_tally (version, owner_id, bytes)
            SELECT {_POSTGRESQL_VERSION}, owner_id, sum(bytes)
            FROM (SELECT * FROM changed UNION ALL SELECT * FROM merged) AS parts GROUP BY owner_id;
        RETURN NULL;
    END $$"""  # noqa: S608  constants only
    return function, (
        f"CREATE TRIGGER gallery_tally_{event} AFTER {event} ON gallery_image REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION gallery_tally_{event}()"
    )


_INSTALL = {
    "sqlite": [_sqlite_trigger(event) for event in _EVENTS],
    "postgresql": [statement for event in _EVENTS for statement in _postgresql_trigger(event)],
}
_REMOVE = {
    "sqlite": [f"DROP TRIGGER IF EXISTS gallery_tally_{event}" for event in _EVENTS],
    "postgresql": [f"DROP FUNCTION IF EXISTS gallery_tally_{event}() CASCADE" for event in _EVENTS],
}
_COUNT = """
    INSERT INTO gallery_tally (version, owner_id, bytes)
        SELECT {version}, owner_id, sum(byte_size) FROM gallery_image GROUP BY owner_id"""


def install(connection: Any) -> None:
    """Have the database keep the tallies from now on, and take in the pictures that there are."""
    version = {"sqlite": _SQLITE_VERSION, "postgresql": _POSTGRESQL_VERSION}[connection.vendor]
    with connection.cursor() as cursor:
        for statement in [*_INSTALL[connection.vendor], "DELETE FROM gallery_tally", _COUNT.format(version=version)]:
            cursor.execute(statement)


def remove(connection: Any) -> None:
    """Have it keep them no more; that it doesn't is no error."""
    with connection.cursor() as cursor:
        for statement in _REMOVE[connection.vendor]:
            cursor.execute(statement)


def ensure_level(connection: Any) -> bool:
    """Make anew what a migration took SQLite's triggers from; whether it did. And forget people who are gone, since
    `flush` may empty the table of tallies before that of pictures, and give their ids to others."""
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE 'gallery@_tally%' ESCAPE '@' AND sql NOTNULL")
        found = {name for (name,) in cursor.fetchall()}
        if "gallery_tally" in found:
            cursor.execute("DELETE FROM gallery_tally WHERE owner_id NOT IN (SELECT id FROM gallery_user)")
    is_broken = "gallery_tally" in found and not found.issuperset(f"gallery_tally_{event}" for event in _EVENTS)
    if is_broken:
        remove(connection)
        install(connection)
    return is_broken
