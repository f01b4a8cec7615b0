"""Registration and partner API: routes as data, OpenAPI generated from them, problems by RFC 9457."""
