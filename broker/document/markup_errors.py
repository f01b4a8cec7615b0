"""What libxml2 says about unreadable XML, in Russian and with a cure: (our code, message, fix) by libxml2's number.

The numbers are those of libxml2's ``xmlParserErrors``; libxml2's own texts are never shown, they quote the document.
"""

from typing import Final

UNREADABLE: Final = (
    "xml.malformed",
    "Документ не является правильным XML.",
    "Исправьте разметку в указанном месте; проверьте файл любым XML-редактором.",
)
_TAGS: Final = (
    "xml.malformed",
    "Открывающий и закрывающий теги не соответствуют друг другу.",
    "Закройте каждый элемент тем же именем и в обратном порядке.",
)
CUT: Final = (
    "xml.malformed",
    "Документ обрывается: не все элементы закрыты.",
    "Передайте файл целиком; вероятно, он обрезан при записи или передаче.",
)
_TAIL: Final = (
    "xml.malformed",
    "После закрытия корневого элемента есть лишнее содержимое.",
    "Оставьте один корневой элемент ClinicalDocument и ничего после него.",
)
_AMPERSAND: Final = (
    "xml.malformed",
    "Неизвестная сущность или знак & без экранирования.",
    "Пишите &amp; вместо &, а вместо именованных сущностей (&nbsp; и других) их номера, например &#160;.",
)
_LESS: Final = (
    "xml.malformed",
    "Знак < или & не экранирован, либо имя элемента записано неправильно.",
    "В тексте и атрибутах пишите &lt; вместо < и &amp; вместо &; имя элемента не может начинаться с цифры.",
)
_CDATA: Final = (
    "xml.malformed",
    "В тексте стоит последовательность ]]> вне раздела CDATA.",
    "Запишите её как ]]&gt;.",
)
_CHARACTER: Final = (
    "xml.bad_character",
    "В документе есть символ, запрещённый в XML (управляющий или оборванный).",
    "Уберите управляющие символы из текстов до выгрузки; допустимы только табуляция и перевод строки.",
)
_ATTRIBUTE: Final = (
    "xml.malformed",
    "Атрибут записан неправильно или повторяется.",
    'Запишите атрибут как имя="значение" и один раз в элементе.',
)
_DECLARATION: Final = (
    "xml.malformed",
    "Строка <?xml …?> стоит не в начале документа или записана неправильно.",
    "Поставьте её самой первой, без пробелов и пустых строк перед ней.",
)
_PREFIX: Final = (
    "xml.namespace",
    "Использован префикс, для которого не объявлено пространство имён.",
    "Объявите в корневом элементе пространства имён identity, address, medService, fias и xsi, если они используются.",
)
_ENCODING: Final = (
    "xml.encoding",
    "Байты документа не соответствуют его кодировке.",
    'Сохраните документ в UTF-8 и укажите encoding="UTF-8".',
)
_NO_XML: Final = (
    "xml.not_xml",
    "Передан не XML.",
    "В поле content.data должен быть XML документа, закодированный в base64 один раз.",
)

_BY_TEXT: Final[tuple[tuple[tuple[str, str, str], tuple[int, ...]], ...]] = (
    (_NO_XML, (4, 108)),
    (_TAIL, (5,)),
    (_AMPERSAND, (6, 7, 8, 11, 14, 22, 23, 26, 27, 28)),
    (_CHARACTER, (9, 10)),
    (_ENCODING, (31, 32, 81, 6003)),
    (_ATTRIBUTE, (39, 40, 41, 42, 65)),
    (_LESS, (38, 68)),
    (_CDATA, (62,)),
    (_DECLARATION, (56, 57, 64, 96)),
    (CUT, (73, 77)),
    (_TAGS, (76,)),
    (_PREFIX, (201, 202)),
)
READER_ERRORS: Final = {number: text for text, numbers in _BY_TEXT for number in numbers}
"""Our (code, message, fix) by libxml2's error number."""
