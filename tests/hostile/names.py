"""Names that files are given, and what is to be left of them. Bytes are as a request brings them."""

from typing import NamedTuple


class Named(NamedTuple):
    """What somebody calls a file, and how it is kept; None: whatever it is, it has to be harmless."""

    given: str
    kept: str | None


NAMES = {
    "folders": Named("../../../../etc/passwd", "passwd"),
    "folders of Windows": Named("..\\..\\windows\\win.ini", "win.ini"),
    "a whole path": Named("/etc/cron.d/evil.jpg", "evil.jpg"),
    "a drive": Named("C:\\Users\\me\\a.jpg", "a.jpg"),
    "a share": Named("\\\\host\\share\\a.jpg", "a.jpg"),
    "a stream of NTFS": Named("a.jpg::$DATA", None),
    "nothing": Named("", None),
    "dots": Named("..", None),
    "a leading dot": Named(".htaccess", None),
    "a device": Named("CON", None),
    "a device with an extension": Named("nul.jpg", None),
    "spaces": Named("   a.jpg   ", "a.jpg"),
    "spaces alone": Named("   ", None),
    "a NUL": Named("a.php\0.jpg", None),
    "a new line": Named("a\r\nSet-Cookie: stolen=1\r\n.jpg", None),
    "a header": Named("a.jpg\"; filename*=UTF-8''evil.html", None),
    "quotes": Named("a\"b'c.jpg", None),
    "control characters": Named("\x07\x1b[31mred\x7f.jpg", None),
    "C1 control characters": Named("a\x85\x9bb.jpg", "ab.jpg"),
    "the other direction": Named("photo\u202egpj.exe", "photogpj.exe"),
    "isolates": Named("a\u2066\u2067\u2069b.jpg", "ab.jpg"),
    "an Arabic letter mark": Named("a\u061cb.jpg", "ab.jpg"),
    "zero width": Named("a\u200b\u200d\ufeffb.jpg", None),
    "a byte order mark": Named("\ufeffa.jpg", None),
    "separators of lines": Named("a\u2028b\u2029c.jpg", None),
    "a thousand characters": Named("x" * 1_000 + ".jpg", "x" * 251 + ".jpg"),
    "a thousand wide characters": Named("ü" * 1_000 + ".jpg", None),
    "a long extension": Named("a." + "x" * 1_000, None),
    "emoji": Named("👩‍👩‍👧‍👦🏳️‍🌈.jpg", None),
    "combining marks": Named("z" + "\u0337" * 2_000 + ".jpg", None),
    "other letters": Named("日本語のファイル名.jpg", "日本語のファイル名.jpg"),
    "letters that look alike": Named("рhоtо.jpg", "рhоtо.jpg"),
    "markup": Named("<script>alert(1)</script>.jpg", "script>.jpg"),
    "markup in an attribute": Named('"><img src=x onerror=alert(1)>.jpg', None),
    "a template": Named("{{ settings.SECRET_KEY }}{% debug %}.jpg", "{{ settings.SECRET_KEY }}{% debug %}.jpg"),
    "a formula": Named("=cmd|' /C calc'!A0.jpg", None),
    "a formula with an at sign": Named("@SUM(1+1).jpg", "@SUM(1+1).jpg"),
    "a command": Named("$(id)`id`;id|id&id.jpg", "$(id)`id`;id|id&id.jpg"),
    "an option": Named("--help.jpg", "--help.jpg"),
    "SQL": Named("'; DROP TABLE gallery_image; --.jpg", "'; DROP TABLE gallery_image; --.jpg"),
    "percents": Named("%2e%2e%2f%00%s%n.jpg", "%2e%2e%2f%00%s%n.jpg"),
    "a scheme": Named("javascript:alert(1)", None),
    "not Unicode's letters": Named("\ufffe\uffff\U0010ffff.jpg", None),
    "private letters": Named("\ue000.jpg", None),
    "tags that nobody sees": Named("a\U000e0041\U000e0042.jpg", None),
}
