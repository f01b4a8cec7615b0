"""Russian words for what the machine calls by codes: statuses, events, reasons, layers, who must act."""

from datetime import datetime, timedelta
from typing import Final

from broker.document.proof import SignatureProof
from broker.trust import ChainCode, ChainVerdict, SignatureCode
from broker.trust.verdict import TEXTS

DOCUMENT: Final = {
    "accepted": "принят, проверяется",
    "validated": "проверен",
    "routed": "в пути",
    "completed": "завершён",
    "rejected": "отклонён проверкой",
    "unroutable": "нет получателя",
    "failed": "не доставлен",
}
DELIVERY: Final = {
    "queued": "в очереди",
    "held": "задержана",
    "sending": "отправляется",
    "awaiting_result": "ждём ответа",
    "registered": "зарегистрирован",
    "delivered": "доставлен",
    "rejected": "отказ получателя",
    "dead": "не доставлено",
    "cancelled": "отменена",
}
TONES: Final = {
    "completed": "good",
    "registered": "good",
    "delivered": "good",
    "approved": "good",
    "active": "good",
    "confirmed": "good",
    "rejected": "bad",
    "failed": "bad",
    "dead": "bad",
    "closed": "bad",
    "unroutable": "warn",
    "held": "warn",
    "returned": "warn",
    "suspended": "warn",
    "unknown": "warn",
    "requested": "warn",
    "submitted": "busy",
    "sending": "busy",
    "routed": "busy",
    "awaiting_result": "busy",
}
"""How a status looks; those not named are neutral."""
EVENTS: Final = {
    "document.accepted": "Принят на хранение",
    "document.validated": "Проверен",
    "document.rejected": "Отклонён проверкой",
    "document.routed": "Получатели выбраны",
    "document.unroutable": "Получатель не найден",
    "document.completed": "Завершён: все обязательные доставки удались",
    "document.failed": "Не доставлен",
    "delivery.held": "Доставка задержана",
    "delivery.resumed": "Доставка идёт дальше",
    "delivery.awaiting": "Получатель принял, ждём решения",
    "delivery.registered": "Зарегистрирован",
    "delivery.delivered": "Доставлен",
    "delivery.rejected": "Получатель отказал",
    "delivery.dead": "Доставка прекращена",
    "delivery.cancelled": "Доставка отменена",
    "delivery.term": "Идёт срок регистрации",
    "delivery.warned": "Ответа нет дольше обычного",
    "file.requested": "Получатель запросил файл у клиники",
    "file.served": "Получатель забрал файл",
    "file.missing": "Получатель просил файл, которого у нас для него нет",
    "file.awaited": "Получатель просил файл, его нет под рукой: ждём клинику",
    "file.returned": "Клиника вернула файл",
    "file.purged": "Файл удалён из нашего архива",
    "bug.caught": "Ошибка в нашем адаптере",
    "callback.repeated": "Повторный ответ получателя, ничего не изменил",
    "callback.reopened": "Отложенный ответ нашёл свою отправку",
    "delivery.refused_at_entry": "Отказ при приёме",
    "delivery.marked": "Отметка «зарегистрирован ранее»",
    "destination.inbound_silent": "Входящий канал молчит, отправка задержана",
    "destination.inbound_heard": "Входящий канал ожил, отправка идёт",
    "destination.answer_unknown": "Неизвестный код получателя",
    "destination.exception": "Исключение в настройках направления",
    "destination.reconciled": "Сверка с реестром",
    "callback.parked": "Ответ получателя отложен",
    "compute.crashed": "Проверка не уложилась в отведённые время или память",
    "operator.acted": "Действие оператора",
    "submission.refused": "Отказ на входе",
    "submission.parked": "Сообщение отложено",
}
ACTS: Final = {
    "retry": "повторить отправку",
    "override": "отправить вопреки замечаниям",
    "examine": "проверить заново",
    "release": "отпустить задержанные",
    "cancel": "отменить",
    "pause": "приостановить направление",
    "resume": "возобновить направление",
    "mark_registered": "отметить «зарегистрирован ранее»",
    "unmark_registered": "снять отметку «зарегистрирован ранее»",
    "settle_unknown": "разобрать неизвестный код",
    "import_pack": "загрузить пакет правил",
    "import_dictionary": "загрузить справочник",
    "rules_activate": "ввести правила в действие",
    "rules_deactivate": "снять правила с действия",
    "rules_dictionaries": "применить справочники",
    "rules_switch": "изменить вес правила",
    "rules_rollback": "вернуть прежние правила",
    "rules_approve": "утвердить предложенные правила",
    "rules_withdraw": "отозвать предложенные правила",
}
BOOK: Final = {
    "proposed": "предложена",
    "active": "действует",
    "past": "прежняя",
    "withdrawn": "отозвана",
}
WEIGHTS: Final = {"error": "блокирует", "warning": "предупреждает", "off": "выключено"}
REASONS: Final = {
    "adapter.bug": "ошибка в нашем адаптере, записана",
    "clinic.closed": "клиника закрыта",
    "clinic.not_linked": "клиника не привязана к нашей системе в РЭМД",
    "clinic.params_missing": "не заполнены параметры клиники",
    "clinic.suspended": "клиника приостановлена",
    "content.digest_mismatch": "байты документа изменились в хранилище",
    "clinic.busy": "точка клиники занята",
    "clinic.has_not": "клиника отвечает, что файла у неё нет",
    "clinic.other_bytes": "клиника отдала не те байты",
    "clinic.refused": "точка клиники отказала",
    "clinic.timeout": "точка клиники не ответила в срок",
    "clinic.unreachable": "точка клиники недоступна",
    "file.damaged": "наша копия повреждена",
    "file.over": "срок хранения истёк",
    "file.with_clinic": "файл хранит клиника",
    "delivery.cancelled": "отозвано",
    "delivery.deadline": "истёк срок доставки",
    "delivery.in_doubt": "неизвестно, дошло ли: уточняем",
    "delivery.interrupted": "отправка прервалась, уточняем",
    "delivery.raced": "состояние изменилось во время отправки",
    "delivery.verdict_lost": "итог не дошёл, в реестре документа нет: отправляется ещё раз",
    "delivery.registry_unanswered": "срок истёк, реестр не отвечает, есть ли в нём документ",
    "delivery.superseded": "заменено новой версией",
    "delivery.waits_for_predecessor": "ждёт предыдущую версию",
    "destination.answer_timeout": "не ответил вовремя",
    "destination.answer_unexpected": "ответил не по договорённости",
    "destination.answer_unknown": "ответ не распознан",
    "destination.answer_unknown_status": "неизвестный статус в ответе",
    "destination.client_entity_id_missing": "нет clientEntityId нашей системы",
    "destination.connect_failed": "нет соединения",
    "destination.connect_timeout": "соединение не установлено вовремя",
    "destination.connection_lost": "соединение оборвалось",
    "destination.clinic_not_linked": "получатель отвечает: клиника не привязана",
    "destination.local_uid_taken": "localUid занят другой регистрацией",
    "destination.mode_mismatch": "режим документа не подходит направлению",
    "destination.no_response": "решение так и не пришло",
    "destination.no_response_yet": "решения пока нет",
    "destination.parameter_missing": "не задан параметр направления",
    "destination.receipt_without_number": "квитанция без номера",
    "destination.paused": "направление приостановлено",
    "destination.inbound_silent": "система принимает документы, но не обращается к нам: отправка задержана",
    "destination.rejected": "отказ получателя",
    "destination.search_failed": "поиск у получателя не удался",
    "destination.settings_invalid": "настройки направления неверны",
    "destination.soap_fault": "ошибка SOAP у получателя",
    "destination.unavailable": "получатель недоступен",
    "destination.unknown": "направление не настроено",
    "callback.unknown_correlation": "мы такого не отправляли",
    "folder.failed": "запись в папку не удалась",
    "folder.full": "в папке нет места",
    "folder.missing": "папки назначения нет",
    "folder.read_only": "в папку нельзя писать",
    "gis.fault_without_reason": "ГИС ответила ошибкой без пояснения",
    "gis.kind_not_mapped": "вид документа не сопоставлен в ГИС",
    "lookup.not_found": "у получателя не найден",
    "tfoms.answer_unknown": "ответ фонда не распознан",
    "tfoms.protocol_missing": "фонд не вернул протокол",
    "tfoms.sign_in_timeout": "вход в службу фонда слишком долог",
    "tfoms.token_missing": "нет токена фонда",
    "tfoms.token_refused": "фонд не принял токен",
    "tfoms.unavailable": "сервис фонда недоступен",
    "tfoms.unid_lost": "потерян номер пакета у фонда",
    "operator.unmarked": "отметка снята оператором",
    "operator.override": "отправка вопреки замечаниям",
}
LAYERS: Final = {
    "xml": "XML",
    "kind": "вид",
    "xsd": "схема XSD",
    "schematron": "Schematron",
    "nsi": "справочники НСИ",
    "business": "числа и даты",
    "metadata": "данные запроса",
    "signature": "подписи",
    "policy": "политика",
    "registry": "ответ получателя",
}
RESPONSIBLE: Final = {
    "clinic": "клиника",
    "mis": "разработчик МИС",
    "operator": "оператор",
    "destination": "получатель",
}
REGISTRATION: Final = {
    "submitted": "ждёт решения",
    "returned": "возвращена",
    "approved": "одобрена",
    "rejected": "отклонена",
}
CLINIC: Final = {"active": "активна", "suspended": "приостановлена", "closed": "закрыта"}
FILES: Final = {
    "store_till": "срок хранения, названный РЭМД, истёк",
    "shelf_life": "срок хранения вида документов истёк",
    "clinic": "файл хранит клиника",
    "refused": "документ нигде не зарегистрирован",
    "unfinished": "документ ещё не дошёл до исхода",
    "no_end": "срок хранения вида неизвестен",
    "recent": "клиника хранит файл сама, но исход свежий",
    "retried": "одну из доставок ещё могут повторить",
    "unserved": "клиника не отдаёт файлы",
}
"""Why a file stays with us, or went."""
LINK: Final = {"unknown": "не запрошена", "requested": "запрошена", "confirmed": "подтверждена"}
AGES: Final = (
    "до 5 минут", "до 1 часа", "до 6 часов", "до 12 часов", "до 24 часов", "до 3 суток", "до 7 суток", "до 15 суток",
    "больше 15 суток",
)  # fmt: skip
"""The ladder of ages of what was sent and not answered, as the store counts it."""
DIFFERENCES: Final = {
    "missing_there": "у нас зарегистрирован, в реестре нет",
    "unknown_here": "в реестре есть, через нас не проходил",
    "not_recorded": "в реестре есть, у нас доставка закрыта без регистрации",
    "number_differs": "номера различаются",
}
QUEUES: Final = {
    "work.prepare": "Проверка и маршрут",
    "work.callback": "Ответы получателей",
    "work.reconcile": "Сверка с реестрами",
}
DONE: Final = {
    "paused": "Направление приостановлено: новые отправки не начинаются.",
    "resumed": "Направление возобновлено.",
    "released": "Задержанные доставки отпущены.",
    "retried": "Доставки поставлены в очередь заново.",
    "retried-none": "Повторять нечего: доставки уже в пути или завершены.",
    "cancelled": "Документ отозван.",
    "cancelled-not": "Отозвать нельзя: отправка уже начиналась.",
    "override": "Документ отправляется вопреки замечаниям.",
    "examine": "Документ проверяется заново.",
    "returned": "Заявка возвращена заявителю.",
    "rejected": "Заявка отклонена.",
    "suspended": "Клиника приостановлена.",
    "clinic-resumed": "Клиника возобновлена, задержанные доставки отпущены.",
    "changed": "Изменения сохранены.",
    "marked": "Отмечено: зарегистрирован ранее.",
    "unmarked": "Отметка снята, доставка идёт заново.",
    "heard": "Отправка продолжается, хотя канал молчит.",
    "settled": "Код отмечен разобранным.",
    "reconciling": "Сверка поставлена в очередь; результат появится здесь.",
    "rules-changed": "Правила изменены; процессы проверки узнают об этом за несколько секунд.",
    "rules-proposed": "Предложение записано и ждёт второго оператора.",
    "rules-withdrawn": "Предложение отозвано.",
}
"""What a page says after an act; pages name it by its code."""


def reason(code: str) -> str:
    """Word a reason; one nobody has worded is shown as it is."""
    system, _, status = code.partition(".http_")
    if status and system == "destination":
        return f"ответил HTTP {status}"
    return REASONS.get(code, code)


def plural(count: int, one: str, few: str, many: str) -> str:
    """Choose the Russian form of a noun after a number."""
    tail, last = count % 100, count % 10
    if 11 <= tail <= 14 or last == 0 or last >= 5:
        return many
    return one if last == 1 else few


def counted(count: int, one: str, few: str, many: str) -> str:
    """Write a number with its noun; thousands are set apart."""
    return f"{grouped(count)} {plural(count, one, few, many)}"


def grouped(number: int) -> str:
    """Write a number with its thousands set apart by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def span(delta: timedelta) -> str:
    """Write a stretch of time in its largest unit."""
    seconds = max(int(delta.total_seconds()), 0)
    for size, unit in ((86400, "д"), (3600, "ч"), (60, "мин")):
        if seconds >= size:
            return f"{seconds // size}\u00a0{unit}"
    return f"{seconds}\u00a0с"


def ago(then: datetime | None, now: datetime) -> str:
    """Write how long ago something was, or a dash."""
    return "—" if then is None else span(now - then)


def established(proof: SignatureProof) -> str:
    """Say what was established of a signature: of itself, then of its certificate's chain."""
    own = TEXTS.get(SignatureCode(proof.code), proof.code) if proof.code in set(SignatureCode) else proof.code
    if not proof.chain:
        return f"{own} Цепочка не проверялась."
    return own if proof.chain == ChainCode.OK else f"{own} {ChainVerdict(ChainCode(proof.chain)).text}"
