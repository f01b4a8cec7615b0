"""What statuses and events mean, in Russian, for partners and operators; the reference pages are made from these."""

from typing import Final

from broker.document.event import EventName
from broker.document.finding import Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus, DocumentStatus

DOCUMENTS: Final = {
    DocumentStatus.ACCEPTED: "Сохранён у нас; квитанция выдана.",
    DocumentStatus.VALIDATED: "Проверки не нашли того, что мешает отправке.",
    DocumentStatus.ROUTED: "Получатели выбраны, доставки идут.",
    DocumentStatus.COMPLETED: "Каждая обязательная доставка зарегистрирована или доставлена.",
    DocumentStatus.REJECTED: "Отклонён нашими проверками; все замечания — в отчёте.",
    DocumentStatus.UNROUTABLE: "Ни одно правило маршрутов не назвало получателя: решает оператор.",
    DocumentStatus.FAILED: "Все доставки окончены, но обязательная не удалась (или документ отложен).",
}
DELIVERIES: Final = {
    DeliveryStatus.QUEUED: "Ждёт очереди или следующей попытки.",
    DeliveryStatus.HELD: "Не хватает условия; попытки не считаются, срок стоит.",
    DeliveryStatus.SENDING: "Попытка идёт; её запись уже в журнале.",
    DeliveryStatus.AWAITING_RESULT: "Система приняла и должна сообщить исход.",
    DeliveryStatus.REGISTERED: "Зарегистрирован государственной системой; окончательно.",
    DeliveryStatus.DELIVERED: "Доставлен туда, где подтвердить позже нельзя; окончательно.",
    DeliveryStatus.REJECTED: "Система отказала; причины — в замечаниях.",
    DeliveryStatus.DEAD: "Срок истёк: доставка оставлена, решает оператор.",
    DeliveryStatus.CANCELLED: "Отозвана до первой попытки или заменена новой версией.",
}
EVENTS: Final = {
    EventName.DOCUMENT_ACCEPTED: "Документ сохранён; теперь его копию в МИС можно не держать в очереди.",
    EventName.DOCUMENT_VALIDATED: "Проверка пройдена; предупреждения приложены.",
    EventName.DOCUMENT_REJECTED: "Отклонён; приложены все замечания.",
    EventName.DOCUMENT_ROUTED: "Получатели выбраны; для каждого названо правило.",
    EventName.DOCUMENT_UNROUTABLE: "Получателя нет: решает оператор.",
    EventName.DOCUMENT_COMPLETED: "Все обязательные доставки удались.",
    EventName.DOCUMENT_FAILED: "Обязательная доставка не удалась или документ отложен.",
    EventName.DELIVERY_HELD: "Доставка удержана: не хватает условия, оно названо.",
    EventName.DELIVERY_RESUMED: "Доставка идёт дальше: с какого времени стояла и по какой причине — рядом.",
    EventName.DELIVERY_AWAITING: "Система приняла документ; ждём исхода.",
    EventName.DELIVERY_REGISTERED: "Зарегистрирован; приложена квитанция.",
    EventName.DELIVERY_DELIVERED: "Доставлен окончательно.",
    EventName.DELIVERY_REJECTED: "Система отказала; приложены замечания.",
    EventName.DELIVERY_DEAD: "Доставка оставлена по сроку.",
    EventName.DELIVERY_CANCELLED: "Доставка отозвана или заменена.",
    EventName.FILE_REQUESTED: "Государственная система просит файл у клиники, которая хранит его сама.",
    EventName.SUBMISSION_REFUSED: "Заявка не принята у двери: сохранены отправитель, отпечаток и код.",
    EventName.SUBMISSION_PARKED: "Сообщение AMQP, которое не удалось принять, отложено.",
    EventName.DELIVERY_TERM: "Прошла половина срока регистрации, четыре пятых или весь срок (share: 50, 80, 100).",
    EventName.DELIVERY_WARNED: "Исхода нет слишком долго.",
    EventName.CALLBACK_PARKED: "Система сообщила о том, чего мы не отправляли.",
    EventName.CALLBACK_REPEATED: "Пришёл исход, который ничего не изменил.",
    EventName.FILE_SERVED: "Система забрала у нас файл.",
    EventName.FILE_MISSING: "Система просила файл, который через нас к ней не проходил.",
    EventName.FILE_AWAITED: "Система просила файл, которого сейчас нет под рукой; ей сказано спросить позже.",
    EventName.FILE_RETURNED: "Клиника вернула файл, который хранит сама; отпечаток сверен.",
    EventName.FILE_PURGED: "Файл документа удалён из нашего архива; названо правило.",
    EventName.COMPUTE_CRASHED: "Документ сломал или остановил вычислительный процесс.",
    EventName.OPERATOR_ACTED: "Действие оператора: кто, что, зачем.",
    EventName.BUG_CAUGHT: "Ошибка в нашей программе или адаптере: названы класс исключения и место.",
    EventName.REGISTRATION_SUBMITTED: "Подана или исправлена заявка на подключение.",
    EventName.REGISTRATION_RETURNED: "Оператор вернул заявку с замечанием.",
    EventName.REGISTRATION_APPROVED: "Клиника активна.",
    EventName.REGISTRATION_REJECTED: "Оператор отклонил заявку.",
    EventName.CLINIC_CHANGED: "Изменены карточка, привязка, параметры или статус клиники.",
    EventName.DELIVERY_REFUSED_AT_ENTRY: "Получатель отказал сразу, при приёме: до проверки самого документа дело не дошло.",
    EventName.DELIVERY_MARKED: "Оператор отметил доставку «зарегистрирован ранее» или снял отметку; кто и почему — рядом.",
    EventName.CALLBACK_REOPENED: "Отложенный ответ нашёл свою отправку и читается снова.",
    EventName.INBOUND_SILENT: "Система принимает документы и не обращается к нам: отправка задержана.",
    EventName.INBOUND_HEARD: "Система снова обратилась к нам, или так решил оператор: отправка продолжается.",
    EventName.ANSWER_UNKNOWN: "Система назвала код, которого никто не описал; сообщается один раз на код.",
    EventName.RECONCILED: "Наши регистрации сверены с реестром системы; счёт — рядом.",
    EventName.EXCEPTION_ON_RECORD: "В настройках промышленного направления записано исключение, изменено или снято; причина — рядом.",
    EventName.CREDENTIAL_ISSUED: "Партнёру выдан новый ключ; назван только его номер.",
    EventName.SIGNED_IN: "Оператор вошёл.",
    EventName.SIGN_IN_FAILED: "Неудачная попытка входа оператора.",
}
LAYERS: Final = {
    Layer.XML: "Байты: кодировка, правильность XML, запрещённые конструкции, размер.",
    Layer.KIND: "Вид документа: известен, действует на дату, соответствует шаблону.",
    Layer.XSD: "Схема XML вида.",
    Layer.SCHEMATRON: "Правила Schematron вида.",
    Layer.NSI: "Справочники НСИ.",
    Layer.BUSINESS: "Контрольные числа, даты, телефоны: то, чего схема не скажет.",
    Layer.METADATA: "Заявка против документа.",
    Layer.SIGNATURE: "Открепленные подписи.",
    Layer.POLICY: "Требования оператора или клиники сверх государственных.",
    Layer.REGISTRY: "Ответ государственной системы.",
}
SEVERITIES: Final = {
    Severity.ERROR: "Ошибка: документ дальше не идёт.",
    Severity.WARNING: "Предупреждение: отправке не мешает.",
}
RESPONSIBLES: Final = {
    Responsible.CLINIC: "клиника",
    Responsible.MIS: "разработчик МИС",
    Responsible.OPERATOR: "оператор",
    Responsible.DESTINATION: "система-получатель",
}
SOURCES: Final = {
    Source.OFFICIAL: "официальный пакет, справочник или ответ самой системы",
    Source.SEEN: "правило из открытого источника",
    Source.OWN: "наша оценка; по умолчанию не блокирует",
}
