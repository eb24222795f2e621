"""Small, well-formed files with unusual names, and the names that the systems must return.

Characters that an editor could change or hide are written as escapes. The sender encodes the names for multipart.
"""

from cutover.corpus.listfile import ListFile


def files() -> tuple[ListFile, ...]:
    """Return the files of this module, in a fixed order."""
    return (
        _named("spaces", "spaces at the start, doubled and before the dot", "  two  spaces .csv"),
        _named("no_break_space", "no-break, thin and ideographic spaces", "a\u00a0b\u2009c\u3000d.csv"),
        _named("quotes", "double quotes", 'the "final" list.csv'),
        _named("apostrophe", "an apostrophe", "O'Brien's list.csv"),
        _named("comma", "a comma", "Smith, Jones and sons.csv"),
        _named(
            "semicolon",
            "a semicolon and text like another parameter of the header",
            "contacts; filename=other.csv",
        ),
        _named("percent_space", "%20 is three characters, not a space", "new%20list.csv"),
        _named("percent_slash", "%2F is three characters, not a slash", "..%2F..%2Flist.csv"),
        _named("percent", "percent signs that are not escapes", "100% of 5%zz%.csv"),
        _named("nfc", "composed characters stay composed", "caf\u00e9 \u00c5ngstr\u00f6m.csv"),
        _named("nfd", "decomposed characters stay decomposed", "cafe\u0301 A\u030angstro\u0308m.csv"),
        _named(
            "right_to_left",
            "Hebrew, Arabic and ASCII",
            "\u05e8\u05e9\u05d9\u05de\u05d4 \u0642\u0627\u0626\u0645\u0629 2024.csv",
        ),
        _named(
            "invisible",
            "direction marks, a soft hyphen and a zero-width joiner are characters of the name",
            "a\u200fb\u202efdp\u202c c\u00add\u200de.csv",
        ),
        _named("emoji", "emoji with a skin tone", "\U0001f4c7 contacts \U0001f44d\U0001f3fd.csv"),
        _named(
            "emoji_joined",
            "an emoji joined from two by U+200D, and a flag",
            "\U0001f469\u200d\U0001f4bb \U0001f1eb\U0001f1ee \u2764\ufe0f.csv",
        ),
        _named("leading_dots", "dots at the start", "...hidden.csv"),
        _named("dots_inside", "two dots inside the name are no path", "2023..2024..all.csv"),
        _named("two_extensions", "the last extension counts", "list.exe.pdf.csv"),
        _named("upper_case", "the extension in upper case", "CONTACTS.CSV"),
        _named("long", "200 characters", "x" * 196 + ".csv"),
        _named(
            "long_wide",
            "200 characters that are 592 bytes in UTF-8 and 1,768 percent-encoded",
            "\u6f22" * 196 + ".csv",
        ),
        _named("url_characters", "characters with a meaning in URLs", "R&D #1? a=b+c@d:e.csv"),
        _named(
            "html_entities",
            "HTML entities are text and are never unescaped, also not to a slash",
            "R&amp;D &lt;list&gt; a&#47;b.csv",
        ),
        _named("markup", "markup is shown as text", "<b onclick=alert(1)>list<b>.csv"),
        _named("encoded_word", "text like an encoded word of RFC 2047", "=?utf-8?B?bGlzdA==?=.csv"),
        _named("extended_value", "text like a value of RFC 8187", "UTF-8''list%20one.csv"),
        _named("slash_lookalikes", "fraction, division and full-width slashes", "a\u2044b\u2215c\uff0fd.csv"),
        _named("slash", "cut after the last slash", "exports/2024/list.csv", "list.csv"),
        _named("backslash", "cut after the last backslash", "C:\\fakepath\\list.csv", "list.csv"),
        _named("parent_folder", "parent folders are removed", "../../../etc/my list.csv", "my list.csv"),
        _named("absolute", "an absolute path", "/var/lib/.list.csv", ".list.csv"),
        _named("slash_then_backslash", "the last of both kinds, a backslash", "a/b\\c d.csv", "c d.csv"),
        _named("backslash_then_slash", "the last of both kinds, a slash", "a\\b/c d.csv", "c d.csv"),
    )


def _named(key: str, description: str, filename: str, stored_as: str | None = None) -> ListFile:
    name = f"filename_{key}"
    return ListFile(
        name=name,
        description=f"file name: {description}",
        filename=filename,
        columns=("file", "number"),
        rows=2,
        # The content names its file, so that mixed-up files are detected.
        source=f"file,number\n{name},1\n{name},2\n".encode(),
        stored_as=stored_as,
    )
