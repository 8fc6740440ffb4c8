"""A webhook: each record is one POST of JSON, or each batch is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from agor_reactive.models.secrecy import hide, hide_values
from agor_reactive.sinks.posting import Poster, header_text, json_body
from agor_reactive.sinks.record import Record

__all__ = ["Webhook"]


class Webhook:
    """POSTs ``{"key", "kind", "data"}`` to a URL, with the key as ``Idempotency-Key``.

    With `batched` a POST has ``{"records": [...]}``, and its key is a digest of their keys. With `secret` requests are
    signed as Standard Webhooks says: ``webhook-id``, ``webhook-timestamp``, and ``webhook-signature`` with
    ``v1,base64(HMAC-SHA256(secret, "id.timestamp.body"))``. `options` are those of `Poster`. Answers 408, 409, 425, 429
    and 5xx are repeated after Retry-After; others but 2xx refuse the record.
    """

    def __init__(
        self,
        url: str | SecretStr,
        *,
        headers: Mapping[str, str | SecretStr] | None = None,
        secret: str | SecretStr | None = None,
        batched: bool = False,
        wall: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        url = hide(url)
        headers = hide_values(headers or {})
        self._secret: SecretStr | None = hide(secret)
        secret = None
        self._poster = Poster(url, "the webhook", wall=wall, **options)
        self._headers: Mapping[str, str | SecretStr] = headers or {}
        self._batched = batched
        self._wall = wall

    async def open(self) -> None:
        """Make the HTTP client."""
        await self._poster.open()

    async def write(self, records: Sequence[Record]) -> None:
        """POST the records, in order."""
        if self._batched:
            keys = "\n".join(record.key for record in records)
            digest = hashlib.sha256(keys.encode("utf-8", "replace")).hexdigest()
            await self._post(digest, {"records": [_wire(record) for record in records]}, 0)
            return
        for number, record in enumerate(records):
            await self._post(record.key, _wire(record), number)

    async def _post(self, key: str, value: Any, written: int) -> None:
        body = json_body(value)
        headers = {**self._headers, "Idempotency-Key": header_text(key)}
        if self._secret is not None:
            headers |= self._signed(header_text(key), body, self._secret)
        await self._poster.post(body, headers, written=written)

    def _signed(self, key: str, body: bytes, secret: SecretStr) -> dict[str, str]:
        stamp = str(int(self._wall()))
        signed = b".".join((key.encode(), stamp.encode(), body))
        digest = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": key, "webhook-timestamp": stamp, "webhook-signature": signature}

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._poster.close()


def _wire(record: Record) -> dict[str, Any]:
    return {"key": record.key, "kind": record.kind, "data": record.data}
