"""A document whose check cannot be carried out or kept is set aside for an operator; the others go on."""

from datetime import datetime
from typing import Final

from broker.document.event import Draft, EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DocumentStatus
from broker.store.examination import Examined, LoadedDocument
from broker.store.tasks import Task
from broker.validation.report import Report

_SET_ASIDE: Final = (
    "Проверка документа дважды не уложилась в отведённые время или память; он отложен.",
    "Оператор разберёт документ; если он необычно велик или вложен, упростите его и отправьте новой версией.",
)
_SPOILT: Final = (
    "Хранимая копия документа повреждена: она не открывается ключом хранилища; документ отложен.",
    "Оператор восстановит копию; если это не удастся, отправьте документ новой версией.",
)
_UNSTORABLE: Final = (
    "Исход проверки документа не удалось записать; он отложен.",
    "Оператор разберёт документ; менять и отправлять его заново пока не нужно.",
)


def set_aside(document: LoadedDocument, task: Task, now: datetime, *, stored: bool = True) -> Examined:
    """Set a document aside that broke its compute process twice or does not open; the rest goes on, an operator looks.

    ``stored`` is false when what the steps made of it could not be kept.
    """
    message, fix = _UNSTORABLE if not stored else _SET_ASIDE if document.intact else _SPOILT
    finding = Finding(
        layer=Layer.XML,
        severity=Severity.ERROR,
        code="document.set_aside" if document.intact else "document.spoilt",
        message=message,
        fix=fix,
        responsible=Responsible.OPERATOR,
        source=Source.OWN,
    )
    failed = Draft(event=EventName.DOCUMENT_FAILED, at=now, status=DocumentStatus.FAILED, findings=(finding,))
    return Examined(
        document=document,
        task=task,
        at=now,
        status=DocumentStatus.FAILED,
        drafts=(failed,),
        report=Report(findings=(finding,)),
        set_key=document.set_key,
        version=document.version,
    )
