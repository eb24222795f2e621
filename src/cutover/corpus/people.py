"""Given names, family names and places of many languages, for the generated contacts.

The lists contain only frequent names, so that their combinations are no real persons. contacts.py combines them.
"""

# ruff: noqa: RUF001  (letters of other scripts that look like Latin ones are the point of these lists)

from typing import NamedTuple


class Region(NamedTuple):
    """Names and places of one country."""

    country: str
    cities: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]


REGIONS = (
    Region(
        "United States",
        ("Springfield", "Portland, OR", "Winston-Salem"),
        ("Mary", "James", "Linda", "Robert", "Mary-Ann", "D'Andre", "Sue Ellen", 'William "Bill"'),
        ("Miller", "Davis", "Walker", "Smith-Jones", "Wheelwright", "Harris, Jr.", "Fields", "Underhill"),
    ),
    Region(
        "Ireland",
        ("Dún Laoghaire", "Cork", "Galway"),
        ("Aoife", "Seán", "Niamh", "Pádraig", "Síle", "Ciarán", "Órla", "Éamon"),
        ("O'Brien", "Ó Súilleabháin", "Ní Dhomhnaill", "McCarthy", "O'Neill", "D'Arcy", "Byrne", "Nolan"),
    ),
    Region(
        "France",
        ("Saint-Étienne", "L'Haÿ-les-Roses", "Besançon"),
        ("Zoé", "François", "Anaïs", "Loïc", "Hélène", "Jean-Noël", "Maëlle", "Gaël"),
        ("Lefèvre", "D'Hérouville", "Le Goff", "Garçon", "Château", "Béranger", "Noël", "Dœuff"),
    ),
    Region(
        "Deutschland",
        ("Köln", "Frankfurt (Oder)", "Gießen"),
        ("Jürgen", "Käthe", "Björn", "Änne", "Günther", "Sören", "Ute", "Jörg"),
        ("Müller", "Weiß", "Schröter", "Großmann", "von der Aue", "Jäger", "Köhler", "Strauß"),
    ),
    Region(
        "España",
        ("A Coruña", "Logroño", "Cádiz"),
        ("José", "Íñigo", "María del Mar", "Begoña", "Ángel", "Núria", "Jesús", "Inés"),
        ("Muñoz", "Peña Núñez", "de la Cruz", "Ibáñez", "García y Vega", "Ordóñez", "Güell", "Rincón"),
    ),
    Region(
        "Brasil",
        ("São Paulo", "Goiânia", "Maceió"),
        ("João", "Conceição", "Antônio", "Luísa", "Inácio", "Mônica", "Estêvão", "Letícia"),
        ("Gonçalves", "Simões", "d'Ávila", "Araújo", "Assunção", "Magalhães", "Sá", "Frazão"),
    ),
    Region(
        "Sverige",
        ("Malmö", "Västerås", "Örebro"),
        ("Åsa", "Björn", "Märta", "Göran", "Örjan", "Linnéa", "Håkan", "Ulla-Britt"),
        ("Sjöberg", "Åkesson", "Lindström", "Hägg", "Öberg", "Nyström", "Wallén", "Ek"),
    ),
    Region(
        "Ísland",
        ("Reykjavík", "Húsavík", "Ísafjörður"),
        ("Þóra", "Guðrún", "Sigurður", "Ægir", "Hjördís", "Ólöf", "Þorsteinn", "Birna"),
        ("Briem", "Thorlacius", "Blöndal", "Hafstein", "Zoëga", "Möller", "Norðdahl", "Waage"),
    ),
    Region(
        "Polska",
        ("Łódź", "Kraków", "Bielsko-Biała"),
        ("Małgorzata", "Łukasz", "Żaneta", "Święcisław", "Michał", "Agnieszka", "Błażej", "Bożena"),
        ("Wójcik", "Zając", "Kołodziej", "Gołąb", "Wróbel", "Dąbek", "Żuraw", "Pająk"),
    ),
    Region(
        "Česko",
        ("České Budějovice", "Plzeň", "Děčín"),
        ("Jiří", "Šárka", "Řehoř", "Zdeněk", "Anežka", "Ondřej", "Růžena", "Kryštof"),
        ("Krejčí", "Tichý", "Hořejší", "Jarní", "Lesní", "Dlouhý", "Polní", "Petrů"),
    ),
    Region(
        "Magyarország",
        ("Győr", "Hódmezővásárhely", "Békéscsaba"),
        ("Gergő", "Erzsébet", "Győző", "Ágnes", "Zsófia", "Örs", "Tünde", "Jenő"),
        ("Szűcs", "Kőműves", "Fehér", "Vörös", "Takács", "Sütő", "Mészáros", "Őri"),
    ),
    Region(
        "Türkiye",
        ("İzmir", "Şanlıurfa", "Diyarbakır"),
        ("İbrahim", "Ayşe", "Çağla", "Oğuz", "Işıl", "Gülşen", "Ümit", "Tuğçe"),
        ("Yıldız", "Şahin", "Çiftçi", "Öztürk", "Güneş", "Kılıç", "Işık", "Doğan"),
    ),
    Region(
        "Ελλάδα",
        ("Θεσσαλονίκη", "Ηράκλειο", "Πάτρα"),
        ("Ελένη", "Γιώργος", "Αθηνά", "Κωνσταντίνος", "Χρυσούλα", "Σπύρος", "Μαρία", "Ιωάννης"),
        ("Παπάς", "Ξένου", "Βλάχος", "Καραγιάννης", "Ράπτης", "Ψαράς", "Μυλωνάς", "Κεραμέας"),
    ),
    Region(
        "Україна",
        ("Львів", "Кам'янець-Подільський", "Запоріжжя"),
        ("Олена", "Тарас", "Софія", "Юрій", "Мар'яна", "Андрій", "Соломія", "Ігор"),
        ("Коваленко", "Ткачук", "Бондар", "Гончар", "Мельник", "Лук'яненко", "Кушнір", "Стельмах"),
    ),
    Region(
        "Казахстан",
        ("Қарағанды", "Өскемен", "Алматы"),
        ("Әсел", "Нұрлан", "Гүлнәр", "Ерлан", "Айгүл", "Қайрат", "Жәния", "Бақыт"),
        ("Седых", "Черных", "Ткаченко", "Кравченко", "Шамшыр", "Құлан", "Өмір", "Белых"),
    ),
    Region(
        "Србија",
        ("Ниш", "Чачак", "Нови Сад"),
        ("Љиљана", "Ђорђе", "Снежана", "Милош", "Јована", "Живко", "Његош", "Маја"),
        ("Ковач", "Ћирић", "Џаја", "Рибар", "Савић", "Мишић", "Шапић", "Лазић"),
    ),
    Region(
        "مصر",
        ("الإسكندرية", "أسوان", "طنطا"),
        ("فاطمة", "محمود", "ليلى", "يوسف", "عائشة", "خالد", "سلمى", "إبراهيم"),
        ("النجار", "الخياط", "حداد", "الصباغ", "عبد الله", "شاهين", "البنا", "العطار"),
    ),
    Region(
        "ایران",
        ("شیراز", "تبریز", "یزد"),
        ("زهرا", "پرویز", "ژاله", "کیوان", "گلناز", "امیر", "مریم", "چنگیز"),
        ("زرگر", "آهنگر", "نجارپور", "کشاورز", "باغبان", "گل‌محمد", "چوپان", "بنا"),
    ),
    Region(
        "ישראל",
        ("תל אביב-יפו", "חיפה", "באר שבע"),
        ("נועה", "יוסף", "תמר", "אורי", "שירה", "דניאל", "יעל", "איתי"),
        ("כהן", "לוי", "מזרחי", "פרץ", "ביטון", "דהן", "אברהם", "חדד"),
    ),
    Region(
        "भारत",
        ("वाराणसी", "जयपुर", "इंदौर"),
        ("प्रिया", "राजेश", "लक्ष्मी", "कृष्ण", "श्रुति", "अर्जुन", "ज्योति", "विक्रम"),
        ("शर्मा", "वर्मा", "त्रिपाठी", "मिश्र", "चौधरी", "यादव", "द्विवेदी", "गुप्त"),
    ),
    Region(
        "ประเทศไทย",
        ("เชียงใหม่", "ขอนแก่น", "ภูเก็ต"),
        ("สมชาย", "กัญญา", "ณัฐ", "พิมพ์", "ศิริพร", "วิชัย", "น้ำฝน", "ธีระ"),
        ("แสงทอง", "ใจดี", "สุขสวัสดิ์", "ทองคำ", "ศรีสุข", "รุ่งเรือง", "บุญมี", "แก้วใส"),
    ),
    Region(
        "中国",
        ("哈尔滨", "乌鲁木齐", "厦门"),
        ("秀英", "伟", "静怡", "志强", "雨晴", "建国", "丽华", "子墨"),
        ("王", "张", "刘", "欧阳", "赵", "诸葛", "孙", "龚"),
    ),
    Region(
        "臺灣",
        ("臺南", "高雄", "嘉義"),
        ("淑芬", "俊傑", "雅婷", "家豪", "怡君", "志明", "麗珠", "\U00020bb7"),
        ("陳", "黃", "葉", "鄭", "蘇", "羅", "謝", "張簡"),
    ),
    Region(
        "日本",
        ("札幌", "さいたま", "那覇"),
        ("さくら", "健太", "ユキ", "翔", "美咲", "つばさ", "あかり", "ケン"),
        ("佐藤", "髙橋", "渡邉", "山﨑", "鈴木", "五十嵐", "二ノ宮", "辻"),
    ),
    Region(
        "대한민국",
        ("부산", "대전", "제주"),
        ("서연", "민준", "지우", "도윤", "하은", "예준", "수빈", "현우"),
        ("김", "박", "최", "황보", "정", "남궁", "윤", "임"),
    ),
    Region(
        "Việt Nam",
        ("Đà Nẵng", "Huế", "Cần Thơ"),
        ("Thị Ánh", "Văn Đức", "Ngọc Bích", "Quốc Việt", "Thảo", "Hữu Phước", "Tuyết", "Dũng"),
        ("Nguyễn", "Trần", "Phạm", "Huỳnh", "Đặng", "Bùi", "Đỗ", "Vũ"),
    ),
)

NOTES = (
    "",
    "",
    "",
    "",
    "call back in the morning",
    'said "maybe", then "yes"',
    "prefers e-mail, not phone; never on Sundays",
    '"',
    "O'Brien's neighbour",
    "\U0001f600\U0001f389",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 family discount",
    "\u2764\ufe0f \U0001f44d\U0001f3fd \U0001f1eb\U0001f1ee",
    "=SUM(A1:A3)",
    "+1 guest",
    "-",
    "@reception",
    '100 % wool, 6" x 4"',
    " leading and trailing space ",
    "a\tTAB",
    "C:\\lists\\2024\\new",
    "<b>bold</b> &amp; <script>alert(1)</script>",
    "'; DROP TABLE contacts; --",
    "{{7*7}} ${7*7} %s %d",
    "NULL",
    "e\u0301 decomposed, \u00e9 composed",
    "\u05e9\u05dc\u05d5\u05dd, world",
    "\u200fmarked right to left\u200e",
    "\u4f60\u597d\uff0c\u4e16\u754c",
    "zero\u200bwidth",
    "1,234.50 \u20ac",
)
