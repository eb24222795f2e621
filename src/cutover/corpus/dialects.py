"""Well-formed files with different delimiters, line ends and byte-order marks.

They are written by hand, so that a reader can count their columns and rows.
"""

from cutover.corpus.listfile import ListFile


def files() -> tuple[ListFile, ...]:
    """Return the files of this module, in a fixed order."""
    return (
        ListFile(
            name="byte_order_mark",
            description="a UTF-8 byte-order mark before a quoted header is not data",
            filename="byte order mark.csv",
            columns=("id", "name"),
            rows=2,
            source=b'\xef\xbb\xbf"id","name"\n1,Ada\n2,"Zo\xc3\xab"\n',
        ),
        ListFile(
            name="crlf",
            description="records end with CRLF, which leaves no CR in the last field",
            filename="crlf.csv",
            columns=("id", "name", "city"),
            rows=3,
            source=b"id,name,city\r\n1,Ada,Turku\r\n2,Bo,Malm\xc3\xb6\r\n3,Cy,\r\n",
        ),
        ListFile(
            name="cr",
            description="records end with CR alone",
            filename="cr only.csv",
            columns=("id", "name", "city"),
            rows=3,
            source=b"id,name,city\r1,Ada,Turku\r2,Bo,Malm\xc3\xb6\r3,Cy,\r",
        ),
        ListFile(
            name="mixed_line_ends",
            description="LF, CRLF and CR end records within one file",
            filename="mixed line ends.csv",
            columns=("id", "name"),
            rows=5,
            source=b"id,name\r1,Ada\n2,Bo\r\n3,Cy\r4,Di\n5,Ed\r\n",
        ),
        ListFile(
            name="quoted_newlines",
            description="LF, CRLF and CR inside quotes are data, in the header as in rows",
            filename="quoted newlines.csv",
            columns=("id", "postal\naddress", "note"),
            rows=4,
            source=(
                b'id,"postal\naddress",note\n'
                b'1,"Main Street 1\n12345 Town",LF\n'
                b'2,"Main Street 2\r\n12345 Town",CRLF\n'
                b'3,"Main Street 3\r12345 Town",CR\n'
                b'4,"\n\nafter a blank line\n\n",\n'
            ),
        ),
        ListFile(
            name="semicolons",
            description="semicolons delimit, and decimal commas in the rows are data",
            filename="semicolons.csv",
            columns=("id", "name", "balance"),
            rows=3,
            source=b'id;name;balance\n1;Ada;10,50\n2;"Bo; junior";-3,25\n3;Cy, Di, Ed, Flo;0,00\n',
        ),
        ListFile(
            name="tabs",
            description="TAB delimits in a .tsv file, and commas are data",
            filename="tabs.tsv",
            columns=("id", "last name, first name", "balance"),
            rows=3,
            source=b'id\tlast name, first name\tbalance\n1\tL, Ada\t1.5\n2\t"M\t, Bo"\t2.5\n3\tN, Cy\t\n',
        ),
        ListFile(
            name="delimiter_tie",
            description="one comma and one semicolon in the header: the comma delimits",
            filename="delimiter tie.csv",
            columns=("id", "name;city"),
            rows=2,
            source=b"id,name;city\n1,Ada;Turku\n2,Bo;Visby\n",
        ),
        ListFile(
            name="delimiter_tie_without_comma",
            description="one semicolon, one TAB and no comma: the comma delimits",
            filename="delimiter tie without comma.csv",
            columns=("id;name\tcity",),
            rows=2,
            source=b"id;name\tcity\n1;Ada\tTurku\n2;Bo\tVisby, the old town\n",
        ),
        ListFile(
            name="delimiter_in_quotes",
            description="delimiters inside the header's quotes do not count when the delimiter is chosen",
            filename="delimiter in quotes.csv",
            columns=("id,or,key,or,number", "name"),
            rows=2,
            source=b'"id,or,key,or,number";name\n1;Ada\n2;Bo, junior, of Visby\n',
        ),
        ListFile(
            name="plain_text",
            description="a .txt file is also a list",
            filename="plain.txt",
            columns=("id", "name"),
            rows=1,
            source=b"id,name\n1,Ada\n",
        ),
        ListFile(
            name="no_final_newline",
            description="the last record ends with the file, right after a closing quote",
            filename="no final newline.csv",
            columns=("id", "name"),
            rows=2,
            source=b'id,name\n1,Ada\n2,"Bo"',
        ),
    )
