"""Files people drop on a page: a document with known faults, written as МИС write it."""

import re

from builders import a_sample

from broker.dev.world import World

FAULTS = (
    (b'<languageCode code="ru-RU"/>', b'<languageCode code="en"/>'),
    (b"<title>", b"<titel>"),
    (b"</title>", b"</titel>"),
    (b'use="MC" value="tel:+7', b'use="MC" value="8 '),
)


def a_broken_document(world: World) -> bytes:
    """A document whose title, language, telephone and postal code are wrong; everything else is good."""
    content = a_sample(world).document()
    for right, wrong in FAULTS:
        assert right in content, right
        content = content.replace(right, wrong, 1)
    return re.sub(rb"<postalCode>\d+</postalCode>", b"<postalCode></postalCode>", content, count=1)


def a_file(content: bytes, name: str = "заключение.xml") -> dict[str, object]:
    return {"name": name, "mimeType": "application/xml", "buffer": content}
