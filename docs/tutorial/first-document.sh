#!/bin/sh
# Первый документ из командной строки: curl и openssl. Запуск: sh first-document.sh [каталог стенда]
set -eu
STATE=${1:-.inaya}
HERE=$(dirname "$0")
ROOM=$(mktemp -d)
trap 'rm -rf "$ROOM"' EXIT

# Адреса и ключи стенда
field() { python3 -c "import json; e = json.load(open('$STATE/endpoints.json')); print(e$1)"; }
API=$(field "['http']")/api/v1
SECRET=$(field "['partners'][0]['secret']")
CLINIC=$(field "['partners'][0]['clinics'][0]['oid']")
SNILS=$(field "['pki']['signers'][0]['snils']")

# 1. Документ: новый идентификатор, час назад по Москве
uuid() { cat /proc/sys/kernel/random/uuid; }
LOCAL_UID=$(uuid)
WHEN=$(TZ=UTC-2 date +%Y%m%d%H%M)
sed -e "s/@ID@/$LOCAL_UID/; s/@SETID@/$(uuid)/; s/@VERSION@/1/; s/@NUMBER@/2026-000003/" \
    -e "s/@TIME@/$WHEN+0300/; s/@DATE@/$(echo "$WHEN" | cut -c1-8)/" \
    "$HERE/document.xml" > "$ROOM/document.xml"

# 2. Подписи: врача и клиники, открепленные, ровно над этими байтами
for N in 0 1; do
    openssl cms -sign -binary -cades -nosmimecap -md sha256 -outform DER \
        -signer "$(field "['pki']['signers'][$N]['cert']")" \
        -inkey "$(field "['pki']['signers'][$N]['key']")" \
        -in "$ROOM/document.xml" -out "$ROOM/signature-$N.p7s"
done

# 3. Сведения о документе; файл и подписи пойдут частями multipart, base64 не нужен
cat > "$ROOM/metadata.json" <<JSON
{"messageId": "$(uuid)", "clinic": "$CLINIC", "kind": "290",
 "signatures": [{"kind": "personal", "role": "AUTHOR", "signer": {"snils": "$SNILS"}},
                {"kind": "organization"}],
 "metadata": {"localUid": "$LOCAL_UID", "documentNumber": "2026-000003", "patient": {"localId": "500001"}}}
JSON

# 4. Сдать и подождать исхода до 25 секунд
curl --fail-with-body --silent --show-error --max-time 60 \
    -H "Authorization: Bearer $SECRET" -H "Prefer: wait=25" \
    -F "metadata=@$ROOM/metadata.json;type=application/json" \
    -F "content=@$ROOM/document.xml;type=application/xml" \
    -F "signature=@$ROOM/signature-0.p7s" -F "signature=@$ROOM/signature-1.p7s" \
    -o "$ROOM/answer.json" "$API/documents?until=final" || CODE=$?
python3 -m json.tool --no-ensure-ascii "$ROOM/answer.json"
exit "${CODE:-0}"
